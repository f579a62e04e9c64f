"""From the providers' words for what went wrong to ours."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from ..errors import RETRYABLE, ProviderError, RunError
from .digits import loads_or_none
from .names import class_names, snake

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
    498: "overloaded",  # Groq: docs, errors: flex tier capacity
    499: "provider_error",  # Google: CANCELLED
    424: "provider_error",  # Bedrock: a model failed
    503: "overloaded",
    504: "timeout",
    524: "timeout",  # Cloudflare
    529: "overloaded",
}

# Our code, and behind it the providers' words, as their documentation spells them. Looked up by
# `_core`, so in any case, and with or without «Error» or «Exception». What only says that
# something went wrong at the provider's is not here.
_WORDS = {
    "overloaded": (
        "overloaded_error",  # Anthropic: docs, API errors
        *("server_overloaded", "slow_down"),  # OpenAI: docs, error codes
        *("engine_overloaded_error", "service_unavailable_error"),  # Moonshot; vLLM, LiteLLM
        *("UNAVAILABLE", "ABORTED"),  # Google: google.rpc.Code
        *("ServiceUnavailableException", "ModelNotReadyException"),  # AWS: Bedrock Runtime API
        *("ServiceUnavailable", "ModelServingError", "capacity_exceeded"),  # DashScope; Groq
    ),
    "rate_limited": (
        "rate_limit_error",  # Anthropic
        *("rate_limit_exceeded", "insufficient_quota"),  # OpenAI
        *("rate_limit_reached_error", "exceeded_current_quota_error"),  # Moonshot: docs, errors
        *("RESOURCE_EXHAUSTED", "too_many_requests"),  # Google; HTTP's own phrase
        *("ThrottlingException", "ServiceQuotaExceededException"),  # AWS: Bedrock Runtime API
        *("Throttling", "TooManyRequestsException", "LimitRequests"),  # DashScope; AWS
    ),
    "auth": (
        *("authentication_error", "permission_error", "billing_error"),  # Anthropic
        *("invalid_api_key", "account_deactivated", "unsupported_country_region_territory"),
        *("invalid_authentication_error", "permission_denied_error"),  # Moonshot; the SDKs
        *("UNAUTHENTICATED", "PERMISSION_DENIED", "API_KEY_INVALID"),  # Google: ErrorInfo
        *("AccessDeniedException", "UnrecognizedClientException"),  # AWS: common errors
        *("ExpiredTokenException", "InvalidSignatureException", "MissingAuthenticationToken"),
        *("unauthorized", "forbidden", "access_denied", "no_permission"),  # HTTP; DashScope
        *("payment_required", "insufficient_balance", "Arrearage"),  # HTTP; DeepSeek; DashScope
    ),
    "bad_request": (
        *("invalid_request_error", "not_found_error", "request_too_large"),  # Anthropic
        *("context_length_exceeded", "invalid_prompt", "model_not_found"),  # OpenAI
        *("content_filter", "string_above_max_length", "invalid_value"),  # Azure; OpenAI
        *("content_policy_violation", "unsupported_parameter", "image_parse_error"),  # OpenAI
        *("INVALID_ARGUMENT", "FAILED_PRECONDITION", "OUT_OF_RANGE"),  # Google
        *("NOT_FOUND", "ALREADY_EXISTS", "UNIMPLEMENTED"),
        *("ValidationException", "ResourceNotFoundException"),  # AWS: Bedrock Runtime API
        *("bad_request", "unprocessable_entity", "request_entity_too_large"),  # HTTP: vLLM, LiteLLM
        *("exceed_context_size_error", "context_window_exceeded_error"),  # llama.cpp; LiteLLM
        *("InvalidParameter", "DataInspectionFailed"),  # DashScope
    ),
    "timeout": (
        "timeout_error",  # Anthropic
        *("DEADLINE_EXCEEDED", "gateway_timeout", "request_timeout"),  # Google; HTTP
        *("ModelTimeoutException", "RequestTimeOut"),  # AWS: Bedrock Runtime API; DashScope
        *("api_timeout_error", "timed_out"),
    ),
}


def _core(word: str) -> str:
    """A word without its spelling: `com.amazonaws#ThrottlingException:http://…` too."""
    word = word.rpartition("#")[2].partition(":")[0]
    core = "".join(filter(str.isalnum, word.lower()))
    return core.removesuffix("error").removesuffix("exception")


_CODE_OF_WORD = {_core(word): code for code, words in _WORDS.items() for word in words}

_NEVER_RETRY = {
    _core(word) for word in ("insufficient_quota", "billing_error", "exceeded_current_quota_error")
}


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
        text, JSON in text.
    """
    code, retryable = "provider_error", True
    at_provider = False  # a status of 500 or so was told: nothing that we did wrong
    words = list(islice(_words(body), _MOST_WORDS))
    for word in words:
        told = _code_of(word)
        if told == "provider_error":
            at_provider = True
        elif told is not None and not (at_provider and told not in RETRYABLE):
            code, retryable = told, told in RETRYABLE
            break
    if _NEVER_RETRY.intersection(_core(word) for word in words):
        retryable = False
    return ProviderError(code, detail=_detail(body), retryable=retryable, retry_after=retry_after)


def _detail(body: object) -> str:
    if isinstance(body, Mapping) and body.get("message"):
        told = f"{body.get('message')} (type {body.get('type')}, code {body.get('code')})"
        return told[:_MOST_DETAIL]
    return str(body)[:_MOST_DETAIL]


# How much of an error is looked at, and kept: a provider's is never that long.
_MOST_WORDS = 200
_MOST_DEPTH = 6
_MOST_DETAIL = 4000

# Where the words stand, in the order in which they are believed.
_CODES = (
    *("code", "status", "type", "reason", "error_code", "error_type", "error_status"),
    *("err_code", "errcode", "status_code", "http_status", "__type"),
)
_TEXTS = ("message", "error_message", "error_msg", "err_msg", "errmsg", "msg", "detail", "raw")


def _words(body: object, depth: int = 0) -> Iterator[str]:
    """The words of an error that may name its kind, those that say it best first."""
    if depth > _MOST_DEPTH:
        return
    if isinstance(body, Mapping):
        fields = {snake(key): value for key, value in body.items() if isinstance(key, str)}
        for key in _CODES:
            value = fields.pop(key, None)
            if isinstance(value, str | int) and not isinstance(value, bool):
                yield str(value)
        texts = [fields.pop(key, None) for key in _TEXTS]
        for key, value in fields.items():
            # Bedrock has the kind as the field: {"throttlingException": {"message": …}}.
            if isinstance(value, Mapping) and key.endswith(("exception", "error")):
                yield key
            if isinstance(value, Mapping | list) or key in ("error", "errors"):
                yield from _words(value, depth + 1)
        for text in texts:
            yield from _words(text, depth + 1)
    elif isinstance(body, list):
        for item in body:
            yield from _words(item, depth + 1)
    elif isinstance(body, str):
        yield from _words_of_text(body[:_MOST_DETAIL], depth)


# In a sentence, only what no sentence has: `RateLimitError`, `RESOURCE_EXHAUSTED`, «code: 429».
_NAME = r"\b(?:[A-Za-z]+(?:_[A-Za-z]+)+|[A-Z]{6,}|[A-Za-z]+(?:Error|Exception))\b"
_STATUS = r"(?i)\b(?:status|code|error|http)[^0-9A-Za-z]{0,3}(?:code\W{0,3})?([45]\d\d)\b"


def _words_of_text(text: str, depth: int) -> Iterator[str]:
    if text.lstrip()[:1] in ("{", "["):
        value = loads_or_none(text)
        if value is not None:
            yield from _words(value, depth + 1)
            return
    if len(text) < 60 and " " not in text:
        yield text
    yield from re.findall(_STATUS, text)
    yield from re.findall(_NAME, text)


def _code_of(word: str) -> str | None:
    if re.fullmatch("[45][0-9]{2}", word):  # OpenRouter's `code` is an HTTP status
        return code_of_status(int(word))
    # DashScope's are in parts: `Throttling.RateQuota`.
    return _CODE_OF_WORD.get(_core(word)) or _CODE_OF_WORD.get(_core(word.partition(".")[0]))


# The SDKs' own; the others an app may well use for other things, too.
SDK_CLIENTS = ("httpx2", "httpcore2")
_HTTP_CLIENTS = ("httpx2", "httpx", "httpcore2", "httpcore", "requests", "urllib3", "aiohttp")

_MISUSE = {"StreamClosed", "StreamConsumed", "StreamConsumedError", "ResponseNotRead"}

_CANNOT_CONNECT = {"ConnectError", "ConnectionError", "NewConnectionError", "ClientConnectorError"}


def from_exception(
    error: BaseException, *, begun: bool = False, clients: tuple[str, ...] = _HTTP_CLIENTS
) -> ProviderError | None:
    """What an SDK's or HTTP client's exception means; None when it is neither's.

    :param begun: whether the stream had begun, so that a lost connection is a cut.
    :param clients: the HTTP clients that only a provider is asked with.
    """
    if isinstance(error, ProviderError):
        return error
    of_sdk = _sdk_names(error)
    of_client = class_names(error, *clients) | _timeout_of(error, clients)
    if "APIError" not in of_sdk and not of_client:
        return None
    if is_misuse(error):
        return None
    for each in (error, error.__cause__):  # its Router raises another one from that
        if each is not None and "MidStreamFallbackError" in _sdk_names(each):
            return _behind(each, begun)
    detail = f"{type(error).__name__}: {error}"
    if any("Timeout" in name for name in of_sdk | of_client):
        return ProviderError("timeout", detail=detail)
    response = getattr(error, "response", None)
    if response is None and "ClientResponseError" in of_client:  # aiohttp's has no response
        response = error
    status = getattr(response, "status_code", getattr(response, "status", None))
    if isinstance(status, int) and status >= 300:  # of a redirect that is not followed, too
        return from_status(status, getattr(error, "body", None), response, detail)
    if "APIError" in of_sdk and isinstance(getattr(error, "body", None), Mapping):
        return from_body(error.body)  # type: ignore[attr-defined]
    if str(error.__cause__ or "") not in detail:  # the SDKs' own words are «Connection error.»
        detail += f" ({error.__cause__})"
    cause = class_names(error.__cause__, *_HTTP_CLIENTS)
    connected = not _CANNOT_CONNECT & (of_client | cause)
    if begun and connected and (of_client or "APIConnectionError" in of_sdk):
        return ProviderError("truncated", detail=detail)
    return ProviderError(detail=detail, retryable=True)


def _behind(error: BaseException, begun: bool) -> ProviderError:
    """What LiteLLM tells of a stream that has failed: its own word for what it met, around that."""
    met, told = error.__context__, getattr(error, "original_exception", None)
    detail = f"{type(error).__name__}: {error}"
    if isinstance(met, StopIteration | StopAsyncIteration):
        return ProviderError("truncated", detail=detail)
    known = from_exception(met, begun=begun) if met is not None else None
    if known is None and "APIConnectionError" not in {c.__name__ for c in type(told).__mro__}:
        known = from_exception(told) if isinstance(told, BaseException) else None
    if known is None:  # a connection error is its word for all that it does not know
        return ProviderError(detail=detail, retryable=True)
    known.detail = detail
    return known


def _timeout_of(error: BaseException, clients: tuple[str, ...]) -> set[str]:
    """The name of Python's own TimeoutError, where it is one of the clients that has raised it."""
    traceback = error.__traceback__ if type(error) is TimeoutError else None
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    module = "" if traceback is None else traceback.tb_frame.f_globals.get("__name__", "")
    return {"TimeoutError"} if module.partition(".")[0] in clients else set()


def is_misuse(error: BaseException) -> bool:
    """Whether the app has asked its HTTP client for what was read or closed before."""
    return bool(class_names(error, *_HTTP_CLIENTS) & _MISUSE)


def untold_cause(error: RunError) -> BaseException | None:
    """The exception behind `error`, where its traceback tells more than `detail` does.

    Of an SDK's or HTTP client's own failure it tells nothing but that client's inside.
    """
    cause, detail = error.__cause__, error.detail or ""
    if cause is None or isinstance(cause, RunError) or str(cause) not in detail:
        return cause
    return cause if from_exception(cause) is None else None


def _sdk_names(error: BaseException) -> set[str]:
    """The classes of an SDK's error: by shape, since Groq's and others are made as OpenAI's is."""
    names = {c.__name__ for c in type(error).__mro__}
    return names if "APIError" in names and hasattr(error, "request") else set()


def from_status(status: int, body: object, response: Any, detail: str) -> ProviderError:
    """What an HTTP error status of a provider means; its body often tells more.

    :param body: the answer's JSON, or whatever stands in its place.
    :param response: the response, for its Retry-After.
    """
    retry_after = _retry_after(response)
    if 300 <= status < 400:
        detail = f"a redirect, which was not followed: {detail}"
    inner = body.get("error", body) if isinstance(body, Mapping) else body
    told = from_body(inner) if inner and isinstance(inner, Mapping | list) else None
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
