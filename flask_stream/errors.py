"""What can go wrong: one base class, each subclass carrying its evidence.

Two texts are kept apart everywhere. The *message* is ours and safe to show to anyone;
the *detail* is the provider's or the exception's own, may hold a key or a prompt, and
goes to the log only (to the client too when the app runs in debug mode).
"""

from __future__ import annotations

import math
import re
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


# -- from the providers' words to ours ------------------------------------------------

_CODE_OF_STATUS = {
    400: "bad_request",
    401: "auth",
    402: "auth",
    403: "auth",
    404: "bad_request",
    408: "timeout",
    409: "bad_request",
    413: "bad_request",
    422: "bad_request",
    429: "rate_limited",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}

# Anthropic's `error.type` (docs: API errors) and OpenAI's `error.code` and `error.type`.
_CODE_OF_WORD = {
    "overloaded_error": "overloaded",
    "rate_limit_error": "rate_limited",
    "authentication_error": "auth",
    "permission_error": "auth",
    "billing_error": "auth",
    "invalid_request_error": "bad_request",
    "not_found_error": "bad_request",
    "request_too_large": "bad_request",
    "timeout_error": "timeout",
    "rate_limit_exceeded": "rate_limited",
    "insufficient_quota": "rate_limited",
    "invalid_api_key": "auth",
    "context_length_exceeded": "bad_request",
    "invalid_prompt": "bad_request",
    "server_overloaded": "overloaded",
}

_NEVER_RETRY = {"insufficient_quota", "billing_error"}


def code_of_status(status: int) -> str:
    """Our code for a provider's HTTP status."""
    return _CODE_OF_STATUS.get(status, "bad_request" if 400 <= status < 500 else "provider_error")


def code_of_abort(status: int) -> str:
    """Our code for an HTTP status that the app itself chose, with abort()."""
    code = code_of_status(status)
    return "internal" if code == "provider_error" else code


def from_body(body: object, retry_after: float | None = None) -> ProviderError:
    """The error that a provider reports in its stream or its answer.

    :param body: the provider's error object, or whatever stands in its place.
    """
    words: list[object] = []
    detail = str(body)
    if isinstance(body, Mapping):
        words = [body.get("code"), body.get("type")]
        detail = f"{body.get('message')} (type {body.get('type')}, code {body.get('code')})"
    code = "provider_error"
    for word in words:
        if re.fullmatch("[45][0-9]{2}", str(word)):  # OpenRouter's `code` is an HTTP status
            code = code_of_status(int(str(word)))
            break
        if isinstance(word, str) and word in _CODE_OF_WORD:
            code = _CODE_OF_WORD[word]
            break
    known = code != "provider_error"
    retryable = (code in RETRYABLE) if known else True
    if _NEVER_RETRY.intersection(w for w in words if isinstance(w, str)):
        retryable = False
    return ProviderError(code, detail=detail, retryable=retryable, retry_after=retry_after)


def class_names(obj: object, *roots: str) -> set[str]:
    """The names of those classes of `obj` that come from one of the top-level packages.

    SDK objects are known this way, and never by isinstance, so that no SDK is imported.
    The real type is asked, not ``__class__``: a tracing proxy is not the stream it wraps.
    """
    return {c.__name__ for c in type(obj).__mro__ if c.__module__.partition(".")[0] in roots}


# The SDKs' own; the others an app may well use for other things, too.
SDK_CLIENTS = ("httpx2", "httpcore2")
_HTTP_CLIENTS = ("httpx2", "httpx", "httpcore2", "httpcore", "requests", "urllib3")

_CANNOT_CONNECT = {"ConnectError", "ConnectionError", "NewConnectionError"}


def from_exception(
    error: BaseException, *, begun: bool = False, clients: tuple[str, ...] = _HTTP_CLIENTS
) -> ProviderError | None:
    """What an SDK's or HTTP client's exception means; None when it is neither's.

    :param begun: whether the stream had begun, so that a lost connection is a cut.
    :param clients: the HTTP clients that only a provider is asked with.
    """
    if isinstance(error, ProviderError):
        return error
    of_sdk = class_names(error, "anthropic", "openai")
    of_client = class_names(error, *clients)
    if "APIError" not in of_sdk and not of_client:
        return None
    detail = f"{type(error).__name__}: {error}"
    if any("Timeout" in name for name in of_sdk | of_client):
        return ProviderError("timeout", detail=detail)
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    if isinstance(status, int) and status >= 400:
        return from_status(status, getattr(error, "body", None), response, detail)
    if "APIError" in of_sdk and isinstance(getattr(error, "body", None), Mapping):
        return from_body(error.body)  # type: ignore[attr-defined]
    cause = class_names(error.__cause__, *_HTTP_CLIENTS)
    connected = not _CANNOT_CONNECT & (of_client | cause)
    if begun and connected and (of_client or "APIConnectionError" in of_sdk):
        return ProviderError("truncated", detail=detail)
    return ProviderError(detail=detail, retryable=True)


def from_status(status: int, body: object, response: Any, detail: str) -> ProviderError:
    """What an HTTP error status of a provider means; its body often tells more.

    :param body: the answer's JSON, or whatever stands in its place.
    :param response: the response, for its Retry-After.
    """
    retry_after = _retry_after(response)
    inner = body.get("error", body) if isinstance(body, Mapping) else None
    told = from_body(inner) if isinstance(inner, Mapping) else None
    if told is None or told.error_code == "provider_error":
        code, retryable = code_of_status(status), True if status >= 500 else None
    else:
        code, retryable = told.error_code, told.retryable
    return ProviderError(code, detail=detail, retryable=retryable, retry_after=retry_after)


def _retry_after(response: object) -> float | None:
    headers = getattr(response, "headers", None)
    value = headers.get("retry-after") if headers is not None else None
    try:
        seconds = float(value) if value is not None else math.nan
    except ValueError:  # an HTTP date: rare here, and the default does as well
        return None
    return min(seconds, 24 * 3600) if math.isfinite(seconds) else None
