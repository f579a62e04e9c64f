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
_MOST_CHARACTERS = 255
_MOST_ATTEMPTS = 1_000_000
_ID = re.compile(rf"[!-~]{{1,{_MOST_CHARACTERS}}}")  # visible ASCII
_NUMBER = re.compile(r"[1-9][0-9]{0,6}")


def check_attempt(request: Request) -> None:
    """:raises StreamFailed: what the request says of its question cannot be: 400."""
    _told_submission(request)
    attempt_of(request)


def current_submission() -> str:
    """See `FlaskStream.submission`."""
    _check_request("submission")
    state = this_request()
    if state.submission is None:
        state.submission = (
            _told_submission(request) or _key_of(request) or secrets.token_urlsafe(16)
        )
    return state.submission


def current_attempt() -> int:
    """See `FlaskStream.attempt`."""
    _check_request("attempt")
    return attempt_of(request)


def _check_request(name: str) -> None:
    if not has_request_context():
        raise FlaskStreamError(
            f"stream.{name} is what a request says, and none is under way here. Read it in the "
            "view; what a resumable run's callback needs of it, take along in a variable."
        )


def _key_of(request: Request) -> str | None:
    """Its `Idempotency-Key`, where that may stand in a submission's place."""
    key = request.headers.get(KEY_HEADER, "").strip()
    return key if _ID.fullmatch(key) else None


def attempt_of(request: Request) -> int:
    """The how manyth request for this question it is: 1 unless it says another number.

    :raises StreamFailed: what it says is none.
    """
    told = request.headers.get(ATTEMPT, "1")
    number = int(told) if _NUMBER.fullmatch(told) else 0
    if not 1 <= number <= _MOST_ATTEMPTS:
        raise Refused(
            texts.NO_ATTEMPT, error_code="bad_request", header=ATTEMPT, most=_MOST_ATTEMPTS
        )
    return number


def _told_submission(request: Request) -> str | None:
    told = request.headers.get(SUBMISSION)
    if told is not None and not _ID.fullmatch(told):
        raise Refused(
            texts.NO_SUBMISSION,
            error_code="bad_request",
            header=SUBMISSION,
            most=_MOST_CHARACTERS,
            characters=len(told),
        )
    return told
