"""What the client is told of an exception, and the log.

An exception may be of any class, and raise when it is looked at: a run ends as it should then, too.
"""

from __future__ import annotations

from dataclasses import replace

from werkzeug.exceptions import HTTPException, Unauthorized

from . import texts
from .errors import RETRYABLE, SAFE_MESSAGES, RunError
from .events import Failed
from .providers.errors import SDK_CLIENTS, code_of_abort, from_exception, untold_cause
from .providers.library_errors import from_answer
from .told import logger, one_line, raised, text_of

_MOST_GROUPS = 20  # a task group may be in another one

#: Behind a message, in debug mode: the exception's own text.
DEBUG_TAIL = " [debug: "


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
            message = texts.SIGN_IN
        failed = Failed(code, message, code in RETRYABLE, status)
    else:
        failed = Failed("internal", SAFE_MESSAGES["internal"])
        detail = f"{type(error).__name__}: {text_of(error)}"
    if debug and detail:
        return replace(failed, message=f"{failed.message}{DEBUG_TAIL}{one_line(detail)}]")
    return failed


def failed_run(id: str, name: str, error: Exception, debug: bool) -> Failed:
    """The same for a run, once the log has it.

    :param id: the run's.
    :param name: what the log calls it: its view's endpoint.
    """
    try:
        if isinstance(error, RunError):
            told, cause = error.detail or error.message, raised(cause_of(error))
            logger.warning("Run %s failed: %s: %s", id, error.error_code, told, exc_info=cause)
        elif not isinstance(error, HTTPException):
            logger.error(
                "Run %s of %s failed in the app's own code", id, name, exc_info=raised(error)
            )
        return failed_by(error, debug)
    except Exception:
        logger.error("Run %s failed by what cannot be looked at", id, exc_info=raised(error))
        return Failed("internal", SAFE_MESSAGES["internal"])


def of_provider(error: Exception, *, begun: bool = False) -> Exception:
    """A `ProviderError` in the place of an SDK's or HTTP client's own; of any other, itself.

    A task group wraps what has ended it, so a group of one is what that one is.

    :param begun: the run has. Then it may be the app's own HTTP client that has failed, for other
        things, so only what the SDKs ask with is a provider's: a second turn that is refused.
    """
    try:
        alone = _alone(error)
        if isinstance(alone, RunError | HTTPException):
            return alone
        told = (
            from_exception(alone, begun=True, clients=SDK_CLIENTS)
            if begun
            else from_exception(alone)
        )
        told = told or from_answer(alone)
    except Exception:
        return error
    if told is None:
        return error
    told.__cause__ = error
    return told


def _alone(error: Exception) -> Exception:
    each = error
    for _ in range(_MOST_GROUPS):
        if not isinstance(each, ExceptionGroup) or len(each.exceptions) != 1:
            break
        each = each.exceptions[0]
    return each


def cause_of(error: RunError) -> BaseException | None:
    """The exception behind `error`, where the log is told more by it."""
    try:
        return untold_cause(error)
    except Exception:
        return error.__cause__
