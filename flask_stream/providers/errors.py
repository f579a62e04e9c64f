"""From the providers' words for what went wrong to ours."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from ..errors import RETRYABLE, ProviderError

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
