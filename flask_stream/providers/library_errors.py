"""What another library's exception means, where it is its provider's."""

from __future__ import annotations

from collections.abc import Mapping
from traceback import walk_tb
from typing import Any

from ..errors import ProviderError, RunError
from .digits import loads_or_none
from .error_fields import error_in
from .errors import from_body, from_exception, from_status
from .libraries import ERRORS_OF
from .names import class_names


class AppsOwn(Exception):
    """Raised by a reading function around what the app's own code has raised: its cause.

    Be that an HTTP client's error: a tool's is none of the provider's.
    """


def of_library(error: BaseException) -> ProviderError | None:
    """What an exception means that came out of a library's stream; None: it is the app's own."""
    if isinstance(error, RunError | AppsOwn):
        return error if isinstance(error, ProviderError) else None
    told = from_exception(error, begun=True) or from_answer(error)
    if told is None and (_packages_of(error) or _is_unreadable(error)):
        told = ProviderError(detail=_detail(error), retryable=True)
    return told


def _is_unreadable(error: BaseException) -> bool:
    """Whether it is what a library's client says of an answer that it cannot read.

    They pass on what JSON's reader raises, or pydantic's: that also of what the app has asked.
    """
    modules = [str(f.f_globals.get("__name__", "")) for f, _ in walk_tb(error.__traceback__)]
    # Also of a number, or of nesting, that is too much for it.
    of_json = isinstance(error, ValueError | RecursionError) and "json.decoder" in modules[-1:]
    of_answer = str(getattr(error, "title", "")).endswith("Response")  # the class, of pydantic's
    if not (of_json or of_answer or isinstance(error, UnicodeDecodeError)):
        return False
    while modules and modules[-1].partition(".")[0] in ("json", "pydantic"):
        modules.pop()
    # It was the client that has read: not the app's own code that it called.
    clients = tuple(f"{package}." for package, names in ERRORS_OF.items() if names is None)
    return bool(modules) and f"{modules[-1]}.".startswith(clients)


def _packages_of(error: BaseException) -> set[str]:
    """The packages whose exception it is, where it is a provider's."""
    # Of boto3's clients the one of Bedrock's models: an app may well have others.
    if not getattr(error, "operation_name", "Converse").startswith(("Converse", "InvokeModel")):
        return set()
    return {
        package
        for cls in type(error).__mro__
        for package, names in ERRORS_OF.items()
        if f"{cls.__module__}.".startswith(f"{package}.")
        and (names is None or cls.__name__ in names)
    }


def from_answer(error: BaseException) -> ProviderError | None:
    """What an exception means with which a library tells of its provider; else None.

    Of an agent's library every one that is its model's; of others those that tell of an answer.
    """
    packages = _packages_of(error)
    if not packages:
        return None
    told = _from_answer(error) or _unanswered(error)
    if told is None and any(ERRORS_OF[package] is not None for package in packages):
        told = _from_cause(error) or ProviderError(detail=_detail(error), retryable=True)
    return told


def _unanswered(error: BaseException) -> ProviderError | None:
    """What it means that boto3 has asked one of Bedrock's models, and nobody has answered."""
    told: Any = getattr(error, "kwargs", None)
    asked = told.get("endpoint_url") if isinstance(told, Mapping) else None
    if "/model/" not in str(asked):  # in its address; an app may ask others, too
        return None
    code = "timeout" if "Timeout" in type(error).__name__ else "provider_error"
    return ProviderError(code, detail=_detail(error), retryable=True)


def _from_cause(error: BaseException) -> ProviderError | None:
    """What is behind it: the exception of the SDK, or of the HTTP client, that the library has."""
    if any("Timeout" in cls.__name__ for cls in type(error).__mro__):
        return ProviderError("timeout", detail=_detail(error))
    if isinstance(error, BaseExceptionGroup):  # of several models, tried one after the other
        return of_library(error.exceptions[-1])
    cause = error.__cause__
    return None if cause is None else from_exception(cause, begun=True)


def _from_answer(error: BaseException) -> ProviderError | None:
    response: Any = getattr(error, "response", None) or getattr(error, "raw_response", None)
    body = getattr(error, "body", None) or getattr(error, "details", None)  # Google's
    if isinstance(body, str):  # Mistral's
        body = loads_or_none(body)
    if isinstance(response, Mapping):  # botocore's, which has what the answer said
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        told = response.get("Error")
        if not isinstance(status, int) or status < 300:  # it came in the stream
            return None if told is None else from_body(told)
        return from_status(status, told, None, _detail(error))
    status = _status_of(error, response)
    if status == 498 and class_names(error, "cohere"):  # which has a word in it that is not allowed
        return ProviderError("bad_request", detail=_detail(error))
    if status is not None:
        return from_status(status, body, response, _detail(error))
    # What came in the place of a piece of an answer, as Mistral's client has it.
    failure = error_in(body.get("data", body)) if isinstance(body, Mapping) else None
    return None if failure is None else from_body(failure)


_STATUS_NAMES = ("status_code", "http_status", "code", "status", "api_error_status")


def _status_of(error: BaseException, response: object) -> int | None:
    """The HTTP status that an exception tells, by one of the names that the libraries have."""
    told = (
        *(getattr(error, name, None) for name in _STATUS_NAMES),
        *(getattr(response, name, None) for name in ("status_code", "status")),
    )
    return next((x for x in told if isinstance(x, int) and 300 <= x <= 599), None)


def _detail(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:4000]
