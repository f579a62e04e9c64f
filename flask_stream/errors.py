"""What can go wrong: one base class, each subclass carrying its evidence.

Two texts are kept apart everywhere. The *message* is ours and safe to show to anyone;
the *detail* is the provider's or the exception's own, may hold a key or a prompt, and
goes to the log only (to the client too when the app runs in debug mode).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import (
    BadGateway,
    GatewayTimeout,
    HTTPException,
    ServiceUnavailable,
    default_exceptions,
)

if TYPE_CHECKING:
    from .result import Result

# What a person reads for each code of `failed`. The codes are part of the wire.
SAFE_MESSAGES: Mapping[str, str] = {
    "provider_error": "The AI provider reported an error.",
    "overloaded": "The AI provider is overloaded right now. Please try again in a moment.",
    "rate_limited": "The limit of requests to the AI provider is used up for now.",
    "auth": "This site could not sign in to the AI provider.",
    "bad_request": "The AI provider did not accept the request.",
    "timeout": "The AI provider took too long to answer.",
    "truncated": "The answer was cut off before its end.",
    "too_slow": "The connection could not keep up with the answer.",
    "shutdown": "The server is restarting. Please try again.",
    "internal": "Something went wrong on the server.",
}

# The codes of failures that may pass by themselves.
RETRYABLE = {"overloaded", "rate_limited", "timeout", "truncated", "too_slow", "shutdown"}

# HTTP status of a failure that happens before the first byte, or of a JSON answer.
_HTTP_STATUS = {
    "timeout": 504,
    "overloaded": 503,
    "rate_limited": 503,
    "too_slow": 503,
    "shutdown": 503,
    "internal": 500,
}

# Seconds, for a 503 whose provider named no time of its own.
_RETRY_AFTER = 5


def http_status(code: str) -> int:
    """The HTTP status of a failure with this code; 502 for codes of the app's own."""
    return _HTTP_STATUS.get(code, 502)


class FlaskStreamError(Exception):
    """Base of every error that Flask-Stream raises on purpose."""


class ConfigurationError(FlaskStreamError, ValueError):
    """A ``STREAM_…`` setting has a value that cannot be used.

    Raised by ``init_app``, so that a deploy fails at start-up and not at its first user.

    :param key: the configuration key.
    :param value: what was found there.
    :param expected: what belongs there, in words.
    """

    def __init__(self, key: str, value: object, expected: str) -> None:
        super().__init__(f"{key} is {value!r}, but it must be {expected}.")
        self.key = key
        self.value = value


class SourceError(FlaskStreamError, TypeError):
    """A view returned, or ``relay`` was given, something that cannot be streamed.

    The message says what it is, what was expected and what to do.
    """


class RunError(FlaskStreamError, HTTPException):
    """A run failed in a way that has a code and a message for the client.

    Before the first byte it is an :exc:`~werkzeug.exceptions.HTTPException` (``code`` is
    then its HTTP status), so ``app.errorhandler`` can shape it; after it, the run ends
    with ``failed``.

    :ivar error_code: one of the codes of ``failed``, or the app's own.
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
        code: str,
        retryable: bool,
        detail: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(description=message)
        self.code = http_status(code)
        self.error_code = code
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


class ProviderError(RunError):
    """The provider refused, failed, fell silent, or ended without its end mark.

    ``relay`` raises it into the generator that called it, with :attr:`result` so far; a
    view that calls the SDK gets it as an HTTP error: 502, 503 (with Retry-After) for rate
    limits and overload, 504 for timeouts.
    """

    def __new__(cls, code: str = "provider_error", **kwargs: Any) -> ProviderError:
        # Flask finds the errorhandler for a status by the exception's class, not by its code.
        found = _CLASS_OF_STATUS.get(http_status(code), ProviderFailed)
        return super().__new__(found if cls is ProviderError else cls)

    def __init__(
        self,
        code: str = "provider_error",
        *,
        detail: str | None = None,
        retryable: bool | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(
            SAFE_MESSAGES[code],
            code=code,
            retryable=code in RETRYABLE if retryable is None else retryable,
            detail=detail,
            retry_after=retry_after,
        )


class ProviderFailed(ProviderError, BadGateway):
    """502. `app.errorhandler` may name it by a class above it, or by its status."""


class ProviderUnavailable(ProviderError, ServiceUnavailable):  # type: ignore[misc]  # retry_after
    """503: rate limits and overload."""


class ProviderTimeout(ProviderError, GatewayTimeout):
    """504: nothing came in time."""


_CLASS_OF_STATUS: dict[int, type[ProviderError]] = {
    502: ProviderFailed,
    503: ProviderUnavailable,
    504: ProviderTimeout,
}


class StreamFailed(RunError):
    """Raise it to end a run on purpose; its message is shown.

    ``raise StreamFailed("Quota used up", code="quota", retryable=False)``

    :param message: shown to the user as it is.
    :param code: for the page's own code; one of the wire's or a word of yours.
    :param retryable: whether the page should offer to try again.
    """

    def __new__(cls, message: str, code: str = "internal", retryable: bool = False) -> StreamFailed:
        return super().__new__(_FAILED_OF_STATUS[http_status(code)] if cls is StreamFailed else cls)

    def __init__(self, message: str, code: str = "internal", retryable: bool = False) -> None:
        super().__init__(message, code=code, retryable=retryable)


_FAILED_OF_STATUS: dict[int, type[StreamFailed]] = {
    status: type("StreamFailed", (StreamFailed, default_exceptions[status]), {})
    for status in (500, 502, 503, 504)
}
