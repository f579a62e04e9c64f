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

# With what is no letter or digit taken out, in lower case, and without «error» or «exception»
# at the end, since SDKs and gateways spell them in their own ways.
_CODE_OF_WORD = {
    # Anthropic: «Errors», `error.type`.
    "overloaded": "overloaded",
    "ratelimit": "rate_limited",
    "authentication": "auth",
    "permission": "auth",
    "billing": "auth",
    "invalidrequest": "bad_request",
    "notfound": "bad_request",
    "requesttoolarge": "bad_request",
    "timeout": "timeout",
    # OpenAI: «Error codes», `error.code` and `error.type`.
    "ratelimitexceeded": "rate_limited",
    "insufficientquota": "rate_limited",
    "invalidapikey": "auth",
    "contextlengthexceeded": "bad_request",
    "invalidprompt": "bad_request",
    "serveroverloaded": "overloaded",
    "engineoverloaded": "overloaded",
    # Google: the canonical codes of google.rpc.Code, in `error.status`.
    "resourceexhausted": "rate_limited",
    "unavailable": "overloaded",
    "deadlineexceeded": "timeout",
    "invalidargument": "bad_request",
    "failedprecondition": "bad_request",
    "outofrange": "bad_request",
    "unauthenticated": "auth",
    "permissiondenied": "auth",
    # Amazon Bedrock: the errors of InvokeModelWithResponseStream.
    "throttling": "rate_limited",
    "toomanyrequests": "rate_limited",
    "servicequotaexceeded": "rate_limited",
    "modelnotready": "overloaded",
    "serviceunavailable": "overloaded",
    "modeltimeout": "timeout",
    "validation": "bad_request",
    "resourcenotfound": "bad_request",
    "accessdenied": "auth",
    "unrecognizedclient": "auth",
    "expiredtoken": "auth",
}

_NEVER_RETRY = {"insufficientquota", "billing"}

# Where an error's object says of which kind it is, the most telling first.
_KINDS = ("code", "type", "status", "error_code", "error_type")
_WORDS = ("message", "error_message", "detail", "error_msg")


def code_of_status(status: int) -> str:
    """Our code for a provider's HTTP status."""
    return _CODE_OF_STATUS.get(status, "bad_request" if 400 <= status < 500 else "provider_error")


def code_of_abort(status: int) -> str:
    """Our code for an HTTP status that the app itself chose, with abort()."""
    code = code_of_status(status)
    return "internal" if code == "provider_error" else code


def from_body(body: object, retry_after: float | None = None) -> ProviderError:
    """The error that a provider reports in its stream or its answer.

    :param body: the provider's error object, or whatever stands in its place: a list of them,
        an object around one, or words.
    """
    error = _innermost(body)
    kinds: list[object] = []
    detail = str(body)
    if isinstance(error, Mapping):
        kinds = [error.get(key) for key in _KINDS]
        words = next((error[key] for key in _WORDS if error.get(key)), None)
        detail = f"{words} (type {error.get('type')}, code {error.get('code')})"
        if words is None:
            detail = str(error)
    codes = (_code_of_kind(kind) for kind in kinds)
    code = next((code for code in codes if code != "provider_error"), "provider_error")
    retryable = (code in RETRYABLE) if code != "provider_error" else True
    if any(_plain(kind) in _NEVER_RETRY for kind in kinds):
        retryable = False
    return ProviderError(code, detail=detail, retryable=retryable, retry_after=retry_after)


def interrupted(reason: str) -> ProviderError:
    """The error that a stop reason stands for which says that the answer was broken off."""
    code = "overloaded" if "resource" in reason.lower() else "provider_error"
    detail = f"the provider broke the answer off: {reason}"
    return ProviderError(code, detail=detail, retryable=True)


def _innermost(body: object) -> object:
    """The error's own object, out of the lists and objects around it."""
    for _ in range(5):
        if isinstance(body, list) and body:
            body = body[0]
        elif isinstance(body, Mapping) and isinstance(body.get("error"), Mapping | list):
            body = body["error"]
        else:
            break
    return body


def _code_of_kind(kind: object) -> str:
    if isinstance(kind, int | str) and re.fullmatch("[45][0-9]{2}", str(kind)[:10]):
        return code_of_status(int(kind))  # OpenRouter's and Google's `code` is an HTTP status
    return _CODE_OF_WORD.get(_plain(kind), "provider_error")


def _plain(kind: object) -> str:
    if not isinstance(kind, str):
        return ""
    word = re.sub("[^a-z0-9]", "", kind[:100].lower())
    for ending in ("exception", "error"):
        word = word.removesuffix(ending) or word
    return word


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
