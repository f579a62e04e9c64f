"""Libraries of agents: which of their exceptions are a provider's, and what their tools gave."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from flask_stream import ProviderError, Result, Step, Text, ToolCall, relay
from flask_stream.providers import libraries
from flask_stream.providers.library_errors import from_answer, of_library
from flask_stream.providers.tool_values import json_of


def made(module: str, name: str, *bases: type, **fields: Any) -> Any:
    """An exception of a library's."""
    return type(name, bases or (Exception,), {"__module__": module, **fields})


class APIError(Exception):
    """As an SDK has it."""

    request = None


TIMEOUT = made("agents.exceptions", "ModelTimeoutError")
API_ERROR = made("pydantic_ai.exceptions", "ModelAPIError", RuntimeError)
HTTP_ERROR = made("pydantic_ai.exceptions", "ModelHTTPError", API_ERROR, status_code=429, body={})
GROUP = made("pydantic_ai.exceptions", "FallbackExceptionGroup", ExceptionGroup)
RESULT = made("claude_agent_sdk._errors", "ProcessError")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TIMEOUT("late"), "timeout"),
        (made("agents.exceptions", "ModelBehaviorError")("?"), "provider_error"),
        (API_ERROR("?"), "provider_error"),
        (HTTP_ERROR("?"), "rate_limited"),
        (made("app", "Own", HTTP_ERROR)("?"), "rate_limited"),
        (GROUP("all failed", [API_ERROR("?"), HTTP_ERROR("?")]), "rate_limited"),
        (
            made("claude_agent_sdk._errors", "ResultError", RESULT, api_error_status=529)(),
            "overloaded",
        ),
    ],
)
def test_an_exception_of_its_model_is_the_providers(error: Exception, code: str) -> None:
    for told in (of_library(error), from_answer(error)):
        assert isinstance(told, ProviderError)
        assert told.error_code == code


def test_what_is_behind_an_exception_tells_its_kind() -> None:
    error = API_ERROR("the connection is lost")
    error.__cause__ = made("httpx", "ReadError")("cut")
    told = of_library(error)
    assert told is not None
    assert told.error_code == "truncated"


@pytest.mark.parametrize(
    "error",
    [
        made("agents.exceptions", "MaxTurnsExceeded")("a limit"),
        made("agents.exceptions", "UserError")("a mistake"),
        made("agents.quota", "QuotaExceeded")("of an app whose own package has that name"),
        made("pydantic_ai.exceptions", "UsageLimitExceeded")("a limit"),
        made("claude_agent_sdk._errors", "CLINotFoundError")("not installed"),
        ZeroDivisionError("a tool's"),
    ],
)
def test_other_exceptions_are_the_apps(error: Exception) -> None:
    assert of_library(error) is None
    assert from_answer(error) is None


@dataclass
class Found:
    steps: int
    at: Any


class Model:
    def model_dump(self, mode: str) -> Any:
        assert mode == "json"
        return {"steps": 214}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("214 steps", "214 steps"),
        (None, None),
        ([1, (2, 3)], [1, [2, 3]]),
        (Found(214, {"a": Model()}), {"steps": 214, "at": {"a": {"steps": 214}}}),
        ({"x": {1}}, {"x": [1]}),
        ([b"1234", Found], ["4 bytes", str(Found)]),
        (math.nan, "nan"),
        ({("a", "b"): 1}, "{('a', 'b'): 1}"),
        ("data:image/png;base64,AAAA", "data:image/png;base64,"),
    ],
)
def test_a_tools_result_is_json(value: Any, told: Any) -> None:
    assert json_of(value) == told


def test_a_result_that_holds_itself_is_told_as_text() -> None:
    value: list[Any] = []
    value.append(value)
    assert json_of(value) == "[[...]]"


def test_a_result_that_is_nested_too_deep_for_text_is_named() -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    assert json_of(value) == "(list that cannot be shown)"


def test_texts_of_two_answers_are_set_off_and_calls_between_them_are_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def read(stream: Any) -> Iterator[Any]:
        yield from (Text("One."), ToolCall("1", "a", {}), Step(), Text("Two."))

    monkeypatch.setattr(libraries, "_registered", [(lambda obj: isinstance(obj, Found), read)])
    relaying = relay(Found(1, None))
    while True:
        try:
            next(relaying)
        except StopIteration as end:
            result: Result = end.value
            break
    assert (result.text, result.stop_reason) == ("One.\n\nTwo.", "stop")
