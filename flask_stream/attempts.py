"""`Flask-Stream-Submission`, `Flask-Stream-Attempt`: which question a request asks, and which time.

A reader may ask for the answer to one question several times: he presses Retry, wants another
answer, or words the question anew. Each such request has a key of its own (`once`), since each is
to be answered. What they share is the submission; and by the attempt an app knows that it may have
that question already.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

from flask import has_request_context, request

from . import texts
from .call import this_request
from .errors import FlaskStreamError, Refused
from .once import HEADER as KEY_HEADER

if TYPE_CHECKING:
    from flask import Request

SUBMISSION, ATTEMPT = "Flask-Stream-Submission", "Flask-Stream-Attempt"
MOST_OF_ID = 255  # characters
_MOST_ATTEMPTS = 1_000_000
_ID = re.compile(rf"[!-~]{{1,{MOST_OF_ID}}}")  # visible ASCII
_NUMBER = re.compile(r"[1-9][0-9]{0,6}")


def is_submission(text: str) -> bool:
    """Whether it may be a question's id, which is a header's value."""
    return _ID.fullmatch(text) is not None


def check_attempt(request: Request) -> None:
    """:raises StreamFailed: what the request says of its question cannot be: 400."""
    told_submission(request)
    _attempt_of(request)


def current_submission() -> str:
    """See `FlaskStream.submission`."""
    _check_request("submission")
    state = this_request()
    if state.submission is None:
        state.submission = told_submission(request) or _key_of(request) or secrets.token_urlsafe(16)
    return state.submission


def current_attempt() -> int:
    """See `FlaskStream.attempt`."""
    _check_request("attempt")
    return _attempt_of(request)


def _check_request(name: str) -> None:
    if not has_request_context():
        raise FlaskStreamError(
            f"stream.{name} is what a request says, and none is under way here. Read it in the "
            "view; what a resumable run's callback needs of it, take along in a variable."
        )


def _key_of(request: Request) -> str | None:
    """Its `Idempotency-Key`, where that may stand in a submission's place."""
    key = request.headers.get(KEY_HEADER, "").strip()
    return key if is_submission(key) else None


def _attempt_of(request: Request) -> int:
    """How often this question has been asked, this request among them: 1 unless it says more.

    :raises StreamFailed: what it says is none.
    """
    told = request.headers.get(ATTEMPT, "1")
    number = int(told) if _NUMBER.fullmatch(told) else 0
    if not 1 <= number <= _MOST_ATTEMPTS:
        raise Refused(
            texts.NO_ATTEMPT, error_code="bad_request", header=ATTEMPT, most=_MOST_ATTEMPTS
        )
    return number


def told_submission(request: Request) -> str | None:
    """The question's id, where the request says which.

    :raises StreamFailed: what it says can be none.
    """
    told = request.headers.get(SUBMISSION)
    if told is not None and not is_submission(told):
        raise Refused(
            texts.NO_SUBMISSION,
            error_code="bad_request",
            header=SUBMISSION,
            most=MOST_OF_ID,
            characters=len(told),
        )
    return told
