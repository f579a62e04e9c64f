"""`say`: our own texts in the language of the reader who gets them, by `STREAM_GETTEXT`.

His language is known in his request alone. A run may fail in another thread, be read by others,
and be written down: so it has our texts in English, as its Result and the log do. Each response has
them in its reader's language as it leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import replace

from flask import current_app

from . import advice
from .errors import Refused, RunError
from .events import Failed
from .failed import DEBUG_TAIL
from .formats import NothingFits
from .result import Result
from .texts import MESSAGES
from .told import one_line


def say(text: str, /, **values: object) -> str:
    """What is to be read by whoever sent the current request, in his language.

    Where the app has no STREAM_GETTEXT, or that fails, it is English.

    :param text: English, one of `texts`; what differs stands in it as a `{name}`.
    :param values: what is put there.
    """
    gettext = current_app.config["STREAM_GETTEXT"]
    if gettext is not None:
        try:
            told = gettext(text)
            if not isinstance(told, str):
                raise TypeError(
                    f"it returned something of type {type(told).__name__}, but it must return a "
                    "str (gettext does, lazy_gettext does not)"
                )
            return str(told).format(**values) if values else str(told)
        except Exception as error:  # of the app's code, or a translation with other names in it
            advice.once(
                "gettext",
                "STREAM_GETTEXT failed, so readers are told in English: %s: %s (It was asked for: "
                "%s)",
                type(error).__name__,
                one_line(error),
                text,
            )
    return text.format(**values) if values else text


def say_error(error: Exception) -> None:
    """Have an error say it to the reader who gets it, if what it says is ours. Behind the log."""
    if isinstance(error, Refused | NothingFits):
        message = say(error.text, **error.values)
    elif isinstance(error, RunError) and error.message in MESSAGES:
        message = say(error.message)
    else:
        return
    error.description = message
    if isinstance(error, RunError):
        error.message = message


def say_failed(failed: Failed) -> Failed:
    """The event, as it is told to whoever sent the current request."""
    return _told(failed, say)


def say_result(result: Result) -> Result:
    """What a run came to, as it is told to whoever sent the current request."""
    error = result.error and say_failed(result.error)
    if error == result.error:
        return result
    told = copy(result)
    told.error = error
    return told


def for_response(*, in_context: bool) -> Callable[[Failed], Failed] | None:
    """What tells a response's reader how it failed; None where all are told in English.

    :param in_context: it will be called in the request's context. Otherwise that is over by then,
        so all that may have to be said is asked for now.
    """
    if current_app.config["STREAM_GETTEXT"] is None:
        return None
    if in_context:
        return say_failed
    said = {text: say(text) for text in MESSAGES}
    return lambda failed: _told(failed, said.__getitem__)


def _told(failed: Failed, say: Callable[[str], str]) -> Failed:
    message, tail, detail = failed.message.partition(DEBUG_TAIL)
    if message not in MESSAGES:  # the app's own
        return failed
    return replace(failed, message=f"{say(message)}{tail}{detail}")
