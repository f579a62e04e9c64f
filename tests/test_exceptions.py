"""Our exceptions as objects: their attributes, bad values, and their way to other processes."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest

from flask_stream import (
    ConfigurationError,
    FlaskStreamError,
    ProviderError,
    Result,
    RunError,
    SourceError,
    StreamFailed,
    Text,
    ToolCall,
    Usage,
)
from flask_stream.errors import SAFE_MESSAGES
from tests.conftest import Site


class OutOfCredit(StreamFailed):
    """An app's own, made in a way of its own."""

    def __init__(self, account: str) -> None:
        super().__init__(f"{account} has no credit.", error_code="credit", status=402)
        self.account = account


def with_a_result(error: RunError) -> RunError:
    result = Result("1234")
    result.add([Text("So far"), ToolCall("call", "look", {"at": "it"})])
    result.usage = Usage(input_tokens=3, output_tokens=4)
    result.steps.append(Result())
    result.outcome = "failed"
    error.result = result
    return error


ERRORS: dict[str, Callable[[], FlaskStreamError]] = {
    "FlaskStreamError": lambda: FlaskStreamError("Call init_app()."),
    "ConfigurationError": lambda: ConfigurationError("STREAM_HEARTBEAT", -1, "above 0"),
    "SourceError": lambda: SourceError("None cannot be streamed."),
    "RunError": lambda: RunError("No.", error_code="shutdown", retryable=True, detail="SIGTERM"),
    "ProviderError": lambda: ProviderError(detail="key: 1234", retryable=True),
    "ProviderError 503": lambda: ProviderError("rate_limited", retry_after=7.5),
    "ProviderError 504, with its result": lambda: with_a_result(ProviderError("timeout")),
    "StreamFailed": lambda: StreamFailed("No more today."),
    "StreamFailed 402": lambda: StreamFailed("Pay.", error_code="quota", status=402),
    "StreamFailed 503": lambda: StreamFailed("Later.", error_code="overloaded", retryable=True),
    "an app's own": lambda: OutOfCredit("Ada"),
}
each_error = pytest.mark.parametrize("make", ERRORS.values(), ids=list(ERRORS))


def as_data(error: BaseException) -> dict[str, Any]:
    """All that can be seen of it; a Result by what it shows."""
    seen = {name: value for name, value in vars(error).items() if name != "result"}
    result = getattr(error, "result", None)
    shown = (result.to_dict(), len(result.steps)) if result is not None else None
    return {**seen, "type": type(error), "args": error.args, "str": str(error), "result": shown}


@each_error
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_exception_pickles_whole(make: Callable[[], FlaskStreamError], protocol: int) -> None:
    error = make()
    assert as_data(pickle.loads(pickle.dumps(error, protocol))) == as_data(error)


@each_error
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_an_exception_copies_whole(make: Callable[[], FlaskStreamError], copied: Any) -> None:
    error = make()
    twin = copied(error)
    assert as_data(twin) == as_data(error)
    twin.args = ("another",)
    assert as_data(error) == as_data(make())


def test_a_copy_has_the_same_result_and_a_deep_copy_one_of_its_own() -> None:
    error = with_a_result(ProviderError())
    assert copy.copy(error).result is error.result
    assert copy.deepcopy(error).result is not error.result


@pytest.mark.parametrize("way", [pickle.dumps, copy.deepcopy])
def test_what_does_not_pickle_stays_behind_and_the_rest_goes(way: Any) -> None:
    error = with_a_result(ProviderError("timeout", detail="silent"))
    assert error.result is not None
    error.result.message = threading.Lock()
    sent = pickle.loads(way(error)) if way is pickle.dumps else way(error)
    assert (sent.result, sent.detail, sent.code) == (None, "silent", 504)
    assert copy.copy(error).result is error.result


def test_a_setting_that_does_not_pickle_is_still_told() -> None:
    error = ConfigurationError("STREAM_HEARTBEAT", lambda: 1, "a number")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def fail_with(error: Exception) -> None:
    raise error


def test_an_exception_crosses_processes() -> None:
    error = with_a_result(ProviderError("overloaded", detail="529", retry_after=3))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        with pytest.raises(ProviderError) as raised:
            pool.apply(fail_with, (error,))
        pool.close()
        pool.join()
    sent = as_data(raised.value)
    assert sent == as_data(error)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ProviderError("overloaded", detail="529"),
        lambda: StreamFailed("No."),
        lambda: OutOfCredit("Ada"),
    ],
)
def test_one_that_an_errorhandler_got_pickles_as_what_was_raised(site: Site, make: Any) -> None:
    error, caught = make(), []
    expected = as_data(error)

    @site.view
    def view() -> Any:
        raise error

    @site.app.errorhandler(type(error))
    def handle(error: Exception) -> Any:
        caught.append(error)
        return "mine", 400

    assert site.ask().data == b"mine"
    assert caught == [error]
    for sent in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        assert as_data(sent) == expected
    assert pickle.loads(pickle.dumps(copy.copy(error))).args == error.args


# -- their values -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error_code", "status"),
    [
        ({}, "failed", 400),
        ({"error_code": "quota"}, "quota", 400),
        ({"error_code": "quota", "status": 402}, "quota", 402),
        ({"error_code": "quota", "status": HTTPStatus.PAYMENT_REQUIRED}, "quota", 402),
        ({"status": 599}, "failed", 599),
        ({"error_code": "rate_limited"}, "rate_limited", 429),
        ({"error_code": "overloaded"}, "overloaded", 503),
        ({"error_code": "timeout"}, "timeout", 504),
        ({"error_code": "internal"}, "internal", 500),
        ({"error_code": "provider_error"}, "provider_error", 400),
        ({"error_code": "overloaded", "status": 429}, "overloaded", 429),
    ],
)
def test_stream_failed_has_a_code_of_the_wire_and_an_http_status(
    options: dict[str, Any], error_code: str, status: int
) -> None:
    error = StreamFailed("Please ask something shorter.", **options)
    assert (error.error_code, error.code) == (error_code, status)
    assert error.message == error.description == "Please ask something shorter."
    assert type(error.code) is int


@pytest.mark.parametrize("status", [0, 200, 302, 399, 600, True, 400.0, "400", ()])
def test_a_status_that_is_no_errors_is_refused(status: Any) -> None:
    with pytest.raises(ValueError, match=r"status is .* from 400 to 599"):
        StreamFailed("No.", status=status)


@pytest.mark.parametrize("error_code", ["", None, 402, b"quota"])
def test_an_error_code_that_is_no_word_is_refused(error_code: Any) -> None:
    with pytest.raises(ValueError, match=r'error_code is .* a word like "quota"'):
        StreamFailed("No.", error_code=error_code)


@pytest.mark.parametrize("message", [None, 402, b"No.", ValueError("No.")])
def test_a_message_that_is_no_text_is_refused(message: Any) -> None:
    with pytest.raises(TypeError, match="write them a str"):
        StreamFailed(message)


@pytest.mark.parametrize("error_code", ["quota", "failed", "", None])
def test_a_provider_error_has_only_codes_of_the_wire(error_code: Any) -> None:
    with pytest.raises(ValueError, match=r"provider_error.*StreamFailed\(message"):
        ProviderError(error_code)


@pytest.mark.parametrize("error_code", SAFE_MESSAGES)
def test_a_provider_error_has_a_message_that_is_safe_to_show(error_code: str) -> None:
    error = ProviderError(error_code, detail="key: 1234")
    assert (error.error_code, error.message) == (error_code, SAFE_MESSAGES[error_code])
    assert "1234" not in str(error)
