"""What can go wrong: one base class, each subclass carrying its evidence.

Two texts are kept apart everywhere. The *message* is ours and safe to show to anyone;
the *detail* is the provider's or the exception's own, may hold a key or a prompt, and
goes to the log only (to the client too when the app runs in debug mode).
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from werkzeug.exceptions import HTTPException

if TYPE_CHECKING:
    from .result import Result

E = TypeVar("E", bound="FlaskStreamError")

# What a person reads for each code of `failed`. The codes are part of the wire.
SAFE_MESSAGES: Mapping[str, str] = {
    "provider_error": "The AI provider reported an error.",
    "overloaded": "The AI provider is overloaded right now. Please try again in a moment.",
    "rate_limited": "The limit of requests to the AI provider is used up for now.",
    "auth": "This site could not sign in to the AI provider.",
    "bad_request": "The AI provider did not accept the request.",
    "timeout": "The AI provider took too long to answer.",
    "truncated": "The answer was cut off before its end.",
    "shutdown": "The server is restarting. Please try again.",
    "interrupted": "The answer was interrupted. Please try again.",
    "too_long": "The answer was longer than this site allows, and was cut off.",
    "internal": "Something went wrong on the server.",
}

# The codes of failures that may pass by themselves.
RETRYABLE = {"overloaded", "rate_limited", "timeout", "truncated", "shutdown", "interrupted"}

# The HTTP status of a failure before the first byte, and of a JSON answer.
_HTTP_STATUS = {
    "timeout": 504,
    "overloaded": 503,
    "rate_limited": 503,
    "shutdown": 503,
    "interrupted": 503,
    "internal": 500,
}

# Of one that the app raises on purpose: 5xx is for what went wrong on our side or the
# provider's, since alarms hang on it. All others are 400.
_STATUS_ON_PURPOSE = {"rate_limited": 429, "overloaded": 503, "timeout": 504, "internal": 500}

# Seconds, for a 503 whose provider named no time of its own.
_RETRY_AFTER = 5


def http_status(error_code: str) -> int:
    """The HTTP status of a failure with this code; 502 for those that have none of their own."""
    return _HTTP_STATUS.get(error_code, 502)


class FlaskStreamError(Exception):
    """Base of every error that Flask-Stream raises on purpose. All of them pickle and copy."""

    def __reduce__(self) -> tuple[Any, ...]:
        # By default an exception is made anew from its `args`, which most of ours do not keep.
        state = {name: value for name, value in vars(self).items() if _pickles(value)}
        return _made_again, (plain_class(type(self)), self.args), state

    def __copy__(self) -> Self:
        copied: Self = _made_again(type(self), self.args)
        vars(copied).update(vars(self))
        return copied


def plain_class(cls: type[E]) -> type[E]:
    """The class that the app knows, of one that was made for Flask to find its errorhandler."""
    plain: type[E] = getattr(cls, "stands_for", cls)
    return plain


def _made_again(cls: type[FlaskStreamError], args: tuple[Any, ...]) -> Any:
    made = cls.__new__(cls)
    made.args = args
    return made


def _pickles(value: object) -> bool:
    """A Result may hold what an app yielded, and a setting may have any value."""
    if value is None or isinstance(value, str | int | float):
        return True
    try:
        pickle.dumps(value)
    except Exception:  # whatever the value's own class raises
        return False
    return True


class ConfigurationError(FlaskStreamError, ValueError):
    """A ``STREAM_…`` setting has a value that cannot be used.

    Raised by ``init_app``, so that a deploy fails at start-up and not at its first user. A value
    that is set after that is refused as the app's first request begins.

    :param key: the configuration key.
    :param value: what was found there.
    :param expected: what belongs there, in words.
    """

    def __init__(self, key: str, value: object, expected: str) -> None:
        kind = " (a string)" if isinstance(value, str) else ""
        super().__init__(f"{key} is {value!r}{kind}, but it must be {expected}.")
        self.key = key
        self.value = value


class SourceError(FlaskStreamError, TypeError):
    """A view returned, or ``relay`` was given, something that cannot be streamed.

    The message says what it is, what was expected and what to do.
    """


class ChannelClosed(FlaskStreamError):
    """Nobody takes what is sent: the channel's reader has left, or it was closed."""

    def __init__(self) -> None:
        super().__init__(
            "This channel takes nothing more: its reader has left, or it was closed. Let this "
            "exception end what produces, so that nothing is made for nobody."
        )


class RunError(FlaskStreamError, HTTPException):
    """A run failed in a way that has a code and a message for the client.

    Before the first byte it is an :exc:`~werkzeug.exceptions.HTTPException` (``code`` is
    then its HTTP status), so ``app.errorhandler`` can shape it; after it, the run ends
    with ``failed``.

    :ivar error_code: one of the codes of ``failed``, or the app's own.
    :ivar code: its HTTP status.
    :ivar message: safe to show.
    :ivar retryable: whether trying again may help.
    :ivar detail: the provider's or the exception's own text, for the log; or None.
    :ivar result: the :class:`~flask_stream.Result` so far, once there is one.
    :ivar retry_after: seconds to wait before the next try, or None.
    """

    result: Result | None = None

    def __init__(
        self,
        message: str,
        *,
        error_code: str,
        retryable: bool,
        status: int | None = None,
        detail: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(description=message)
        self.code = http_status(error_code) if status is None else status
        self.error_code = error_code
        self.message = message
        self.retryable = retryable
        self.detail = detail
        self.retry_after = retry_after
        if self.code == 503 and retry_after is None:
            self.retry_after = _RETRY_AFTER

    def get_headers(self, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        headers = super().get_headers(*args, **kwargs)
        others = [header for header in headers if header[0] != "Retry-After"]
        if self.retry_after is not None:
            others.append(("Retry-After", str(max(0, round(self.retry_after)))))
        return others


class TooLong(RunError):
    """An answer has more characters than a run may have. What came before is kept."""

    def __init__(self, most: float) -> None:
        super().__init__(
            SAFE_MESSAGES["too_long"],
            error_code="too_long",
            retryable=False,
            detail=f"it has more than {most} characters (STREAM_MAX_CHARACTERS)",
        )


class ProviderError(RunError):
    """The provider refused, failed, fell silent, or ended without its end mark.

    ``relay`` raises it into the generator that called it, with :attr:`result` so far; a
    view that calls the SDK gets it as an HTTP error: 502, 503 (with Retry-After) for rate
    limits and overload, 504 for timeouts.

    :param error_code: one of the codes of ``failed``.
    :raises ValueError: it is none.
    """

    def __init__(
        self,
        error_code: str = "provider_error",
        *,
        detail: str | None = None,
        retryable: bool | None = None,
        retry_after: float | None = None,
    ) -> None:
        if error_code not in SAFE_MESSAGES:
            raise ValueError(
                f"error_code is {error_code!r}, but a ProviderError's is one of: "
                f"{', '.join(SAFE_MESSAGES)}. One of your own goes into StreamFailed(message, "
                "error_code=…)."
            )
        super().__init__(
            SAFE_MESSAGES[error_code],
            error_code=error_code,
            retryable=error_code in RETRYABLE if retryable is None else retryable,
            detail=detail,
            retry_after=retry_after,
        )


class StreamFailed(RunError):
    """Raise it to end a run on purpose; its message is shown.

    ``raise StreamFailed("Quota used up", error_code="quota", status=402)``

    :param message: shown to the user as it is.
    :param error_code: for the page's own code: a word of yours ("failed" unless told), or one
        of the codes of ``failed``.
    :param status: the HTTP status where it comes before the first byte, and of a JSON answer
        or a page. Unless told it is 400, but 429 for ``rate_limited``, 503 for ``overloaded``,
        504 for ``timeout`` and 500 for ``internal``. Keep 5xx for what went wrong on your side
        or the provider's: alarms hang on it.
    :param retryable: whether the page should offer to try again.
    :raises TypeError: `message` is no str.
    :raises ValueError: `error_code` or `status` cannot be used.
    """

    def __init__(
        self,
        message: str,
        *,
        error_code: str = "failed",
        status: int | None = None,
        retryable: bool = False,
    ) -> None:
        if not isinstance(message, str):
            raise TypeError(
                f"StreamFailed was given {message!r} for its message, but users read it: write "
                "them a str."
            )
        if not isinstance(error_code, str) or not error_code:
            raise ValueError(f'error_code is {error_code!r}, but it must be a word like "quota".')
        if status is None:
            status = _STATUS_ON_PURPOSE.get(error_code, 400)
        if not isinstance(status, int) or not 400 <= status <= 599:  # True is 1
            raise ValueError(
                f"status is {status!r}, but it must be an HTTP status for an error: a whole "
                "number from 400 to 599."
            )
        super().__init__(message, error_code=error_code, retryable=retryable, status=int(status))


class Refused(StreamFailed):
    """A request is refused in words of our own. The app knows it as what it stands for.

    :param text: one of `texts`.
    :param values: what stands in the places of its `{names}`.
    """

    stands_for = StreamFailed

    def __init__(
        self,
        text: str,
        *,
        error_code: str,
        status: int | None = None,
        retryable: bool = False,
        **values: object,
    ) -> None:
        message = text.format(**values)
        super().__init__(message, error_code=error_code, status=status, retryable=retryable)
        self.text = text
        self.values = values
