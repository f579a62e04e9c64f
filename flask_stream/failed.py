"""What the client is told of an exception."""

from __future__ import annotations

from dataclasses import replace

from werkzeug.exceptions import HTTPException, Unauthorized

from .errors import RETRYABLE, SAFE_MESSAGES, RunError
from .events import Failed
from .providers.errors import code_of_abort
from .told import shown

_SIGN_IN = "You are not signed in. Sign in, then ask again."


def failed_by(error: Exception, debug: bool) -> Failed:
    """The event that tells it; the exception's own text only in debug mode, as the log has it."""
    detail: str | None = None
    if isinstance(error, RunError):
        failed = Failed(error.error_code, error.message, error.retryable, error.code)
        detail = error.detail
    elif isinstance(error, HTTPException):  # the app's own abort(): its words are for the user
        status = error.code if error.code is not None and error.code >= 400 else 500
        code = code_of_abort(status)
        message = error.description or ""
        if status == 401 and message == Unauthorized.description:  # a page of Werkzeug's own words
            message = _SIGN_IN
        failed = Failed(code, message, code in RETRYABLE, status)
    else:
        failed = Failed("internal", SAFE_MESSAGES["internal"])
        detail = f"{type(error).__name__}: {error}"
    if debug and detail:
        return replace(failed, message=f"{failed.message} [debug: {shown(detail)}]")
    return failed
