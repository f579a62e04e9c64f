"""Whose a run is: what the app's `@stream.owner` says of the reader, or one session's."""

from __future__ import annotations

import hmac
import inspect
import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

from flask import session

from .errors import FlaskStreamError, SourceError

Owner = Callable[[], Any]

_KEY = "_flask_stream"  # in the session
_NO_SECRET = (
    "A resumable run belongs to one session, and this app has no SECRET_KEY, so it has none. Set "
    "app.secret_key (or SECRET_KEY in its configuration), or say whose runs are whose by "
    "@stream.owner."
)


def check_owner(callback: object) -> None:
    """:raises SourceError: it cannot say whose a run is."""
    if not callable(callback) or inspect.iscoroutinefunction(callback):
        raise SourceError(
            f"@stream.owner was given {callback!r}, but it must be a plain function (no async def) "
            "that returns the reader's id, or None."
        )


def check_secret(owner: Owner | None, secret: object) -> None:
    """:raises FlaskStreamError: nobody could be told from anybody else."""
    if owner is None and not secret:
        raise FlaskStreamError(_NO_SECRET)


def owner_of_request(owner: Owner | None) -> str:
    """Who asks; a session that has no key yet gets one.

    :param owner: the app's callback. None from it: a session's, as without it.
    :raises FlaskStreamError: there are no sessions.
    """
    told = known_owner(owner)
    if told is not None:
        return told
    try:
        session[_KEY] = key = secrets.token_urlsafe(16)
    except RuntimeError as error:  # Flask's null session
        raise FlaskStreamError(_NO_SECRET) from error
    return _of_session(key)


def give_key(owner: Owner | None) -> None:
    """See that the reader of a page has a key before he asks for a run.

    A first request that is sent twice would be two strangers' otherwise.
    """
    with suppress(FlaskStreamError):  # that there are no sessions is told to who begins a run
        owner_of_request(owner)


def known_owner(owner: Owner | None) -> str | None:
    """Who asks; None where that is nobody who has begun a run.

    :raises TypeError: the app's callback returns what may be another reader's, too.
    """
    told = owner() if owner is not None else None
    if told is not None and told is not False and told != "":  # 0 may be somebody's id
        if isinstance(told, str | int | UUID) and not isinstance(told, bool):
            return str(told)
        raise TypeError(
            f"@stream.owner returned something of type {type(told).__name__}, but it must return "
            "what names the reader for good (current_user.get_id()): a str, an int or a UUID. "
            "Where it returns None, the run is its session's."
        )
    key = session.get(_KEY)
    return _of_session(key) if isinstance(key, str) else None


def is_same(owner: str | None, of_run: str) -> bool:
    """In a time that tells nothing."""
    return hmac.compare_digest((owner or "").encode(), of_run.encode())


def _of_session(key: str) -> str:
    return f"session:{key}"
