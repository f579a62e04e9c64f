"""A failure is no answer, whatever field tells it; and why a model stopped, in whose words."""

from __future__ import annotations

from typing import Any

import pytest

from flask_stream.events import JSON
from flask_stream.providers.errors import from_body
from flask_stream.providers.turn import DONE
from flask_stream.providers.wire import parse
from tests.transcripts.reading import STOP, block, chat, chunk, delta, piece, read, start

HALF = chunk({"content": "Half"})


@pytest.mark.parametrize(
    ("last", "code"),
    [
        ({"error_type": "rate_limit_error", "error_message": "m"}, "rate_limited"),
        ({"error_code": "RESOURCE_EXHAUSTED"}, "rate_limited"),
        ({"errorCode": "ThrottlingException"}, "rate_limited"),
        ({"errors": [{"code": 400, "message": "m"}]}, "bad_request"),
        ({"errors": ["boom"]}, "provider_error"),
        ({"error": [{"code": 401}]}, "auth"),
        ({"error": {"error": {"status": "DEADLINE_EXCEEDED"}}}, "timeout"),
        ({"error": True, "message": "m"}, "provider_error"),
        ({"x_groq": {"id": "r", "error": "m"}}, "provider_error"),
        (chunk() | {"x_groq": {"error": {"code": 503}}}, "overloaded"),
        (chunk({"error": {"code": 503}}), "overloaded"),
        ({"choices": [{"index": 0, "delta": {}, "error_message": "m"}]}, "provider_error"),
        ({"object": "error", "type": "BadRequestError", "message": "m"}, "bad_request"),
        ({"code": 429, "message": "m"}, "rate_limited"),
        ({"code": "Throttling.RateQuota", "message": "m"}, "rate_limited"),
        ({"status": 504, "msg": "m"}, "timeout"),
        ({"status": "error", "message": "m"}, "provider_error"),
        ({"detail": "m"}, "provider_error"),
        ({"throttlingException": {"message": "m"}}, "rate_limited"),
        ({"base_resp": {"status_code": 1002, "status_msg": "m"}}, "provider_error"),
        ({"fault": {"faultstring": "nobody knows this one"}}, "truncated"),
    ],
    ids=str,
)
@pytest.mark.parametrize("before", [[], [HALF]], ids=["first", "in the middle"])
def test_a_failure_before_done_is_no_answer(before: list[JSON], last: JSON, code: str) -> None:
    result = chat(*before, last, DONE)
    assert result.error is not None
    assert (result.text, result.error.code) == ("Half" if before else "", code)


@pytest.mark.parametrize(
    "empty",
    [
        *({"error": None}, {"error": ""}, {"error": {}}, {"error": False}, {"errors": []}),
        *({"error": {"code": 0, "message": ""}}, {"error": {"code": None}}),
        *({"error_code": 0, "error_msg": "success"}, {"code": 0, "message": "Success"}),
        *({"base_resp": {"status_code": 0, "status_msg": "success"}}, {"x_groq": {"id": "r"}}),
        *({"error": "no error"}, {"error_message": "N/A"}, {"code": 20000, "message": "success"}),
        {"status": "completed", "message": "ok", "code": "x"},
    ],
    ids=str,
)
def test_an_errors_field_that_says_nothing_is_no_failure(empty: JSON) -> None:
    result = chat(HALF | empty, STOP | empty, DONE)
    assert (result.text, result.outcome) == ("Half", "complete")


@pytest.mark.parametrize(
    "beside",
    [{"detail": "low"}, {"code": "chatcmpl", "message": "bye"}, {"usage": {}, "detail": [1]}],
    ids=str,
)
@pytest.mark.parametrize("kind", [{}, {"object": "chat.completion.chunk"}], ids=["bare", "named"])
def test_a_chunk_without_choices_may_say_more_and_is_no_failure(beside: JSON, kind: JSON) -> None:
    last = {"choices": [], **kind, **beside}
    for dicts in ([HALF, STOP, last, DONE], [last, HALF, STOP, DONE]):
        result = chat(*dicts)
        assert (result.text, result.outcome) == ("Half", "complete")


@pytest.mark.parametrize(
    ("before", "outcome"),
    [
        ([], "failed"),
        ([chunk({"role": "assistant", "content": ""})], "failed"),
        ([chunk({"content": " \n"})], "failed"),
        ([chunk({"content": True})], "failed"),
        ([chunk({"reasoning": "hm"})], "failed"),
        ([chunk({"content": "<think>hm"})], "failed"),
        ([chunk(piece(0, "a", "", ""))], "failed"),
        ([{"usage": {"prompt_tokens": 1}}], "failed"),
        ([HALF], "complete"),
        ([chunk({"content": 7})], "complete"),
        ([chunk({"content": "<thi"})], "complete"),
        ([chunk({"refusal": "no"})], "complete"),
        ([chunk(piece(0, "a", "f", ""))], "complete"),
        ([HALF, {"choices": [], "usage": {"prompt_tokens": 1}}], "complete"),
        ([HALF, {"usage": {"prompt_tokens": 1}}], "complete"),
    ],
    ids=[
        *("nothing", "a role", "white space", "no text", "reasoning", "reasoning in tags"),
        *("a call without a name", "usage", "a word", "a number", "half a tag", "a refusal"),
        *("a call", "a word and usage", "a word and bare usage"),
    ],
)
def test_done_without_a_finish_reason_needs_a_word_or_a_call(
    before: list[JSON], outcome: str
) -> None:
    assert chat(*before, DONE).outcome == outcome


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ('[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}]', "rate_limited"),
        ('[{"error":{"code":503,"message":"m"}},{}]', "overloaded"),
        ('[{"code":400,"message":"m"}]', "bad_request"),
    ],
)
def test_a_list_of_errors_is_a_failure(data: str, code: str) -> None:
    d = parse(data)
    assert d is not None
    for wire in ("openai_chat", "openai_responses", "anthropic"):
        result = read(d, wire=wire)[1]
        assert result.error is not None
        assert result.error.code == code


@pytest.mark.parametrize("data", ["[]", "[1]", "[{}]", '["error"]', "[DONE", '[{"a":1}]'])
def test_another_list_is_skipped(data: str) -> None:
    assert parse(data) is None


@pytest.mark.parametrize(
    "data",
    ["Internal Server Error", "[ERROR] model crashed", '"error: model crashed"', "upstream failed"],
)
def test_words_of_a_failure_in_the_place_of_a_chunk_are_one(data: str) -> None:
    d = parse(data)
    assert d is not None
    result = chat(HALF, d, DONE)
    assert (result.text, result.outcome) == ("Half", "failed")


@pytest.mark.parametrize("data", ["", "ping", "keep-alive", '"OK"', "7", "null", "true"])
def test_other_words_in_the_place_of_a_chunk_are_skipped(data: str) -> None:
    assert parse(data) is None


def test_an_error_beside_a_stop_fails_on_anthropics_wire() -> None:
    text = block(0, {"type": "text", "text": "Half"})
    failing = delta("end_turn") | {"error": {"type": "overloaded_error", "message": "m"}}
    result = read(start(), *text, failing, {"type": "message_stop"}, wire="anthropic")[1]
    assert result.error is not None
    assert (result.text, result.error.code) == ("Half", "overloaded")
    fine = delta("end_turn") | {"error": None}
    assert read(start(), *text, fine, {"type": "message_stop"}, wire="anthropic")[1].error is None


# -- the words ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "code", "retryable"),
    [
        ({"code": 429, "status": "RESOURCE_EXHAUSTED"}, "rate_limited", True),
        ({"status": "INVALID_ARGUMENT"}, "bad_request", False),
        ({"status": "UNAUTHENTICATED"}, "auth", False),
        ({"status": "PERMISSION_DENIED"}, "auth", False),
        ({"status": "UNAVAILABLE"}, "overloaded", True),
        ({"status": "DEADLINE_EXCEEDED"}, "timeout", True),
        ({"status": "INTERNAL"}, "provider_error", True),
        ({"code": "500"}, "provider_error", True),
        ({"code": 500, "type": "overloaded_error"}, "overloaded", True),
        ({"code": 500, "type": "invalid_request_error"}, "provider_error", True),
        ({"type": "throttlingException"}, "rate_limited", True),
        ({"__type": "com.amazon.coral#ThrottlingException:http://x"}, "rate_limited", True),
        ({"Code": "ThrottlingException"}, "rate_limited", True),
        ({"throttlingException": {"message": "m"}}, "rate_limited", True),
        ({"type": "Throttling"}, "rate_limited", True),
        ({"type": "modelTimeoutException"}, "timeout", True),
        ({"type": "serviceUnavailableException"}, "overloaded", True),
        ({"type": "internalServerException"}, "provider_error", True),
        ({"type": "validationException"}, "bad_request", False),
        ({"type": "modelStreamErrorException"}, "provider_error", True),
        ({"type": "accessDeniedException"}, "auth", False),
        ({"type": "RateLimitError"}, "rate_limited", True),
        ({"error": {"error": [{"code": 402}]}}, "auth", False),
        ([{"error": {"code": 401}}], "auth", False),
        ({"metadata": {"raw": '{"error":{"type":"overloaded_error"}}'}}, "overloaded", True),
        ({"details": [{"reason": "API_KEY_INVALID"}]}, "auth", False),
        ({"type": "insufficient_quota", "code": 429}, "rate_limited", False),
        ("rate_limit_exceeded", "rate_limited", True),
        ('{"error": {"code": 503}}', "overloaded", True),
        ("litellm.RateLimitError: slow down", "rate_limited", True),
        ("Error code: 400 - too long", "bad_request", False),
        ("Bad response: throttlingException", "rate_limited", True),
        ("An answer in 500 words is unavailable", "provider_error", True),
        *[(body, "provider_error", True) for body in (None, "", [], {}, 7, True, [[]])],
    ],
    ids=str,
)
def test_a_providers_words_for_what_went_wrong_have_our_code(
    body: Any, code: str, retryable: bool
) -> None:
    error = from_body(body)
    assert (error.error_code, error.retryable) == (code, retryable)


def test_an_error_that_is_endless_is_read_in_part() -> None:
    nested: Any = {"code": "rate_limit_exceeded"}
    for _ in range(900):
        nested = {"error": nested}
    assert from_body(nested).error_code == "provider_error"
    detail = from_body({"message": "x" * 10**6, "errors": [{"a": 1}] * 10**5}).detail
    assert detail is not None
    assert len(detail) < 5000


# -- why it stopped -------------------------------------------------------------------------

REASONS = [
    *[(word, "refusal") for word in ("SAFETY", "RECITATION", "PROHIBITED_CONTENT", "SPII")],
    *[(word, "refusal") for word in ("BLOCKLIST", "LANGUAGE", "IMAGE_SAFETY", "sensitive")],
    *[(word, "refusal") for word in ("content_filter: RECITATION", "content_filter:SAFETY")],
    *[(word, "refusal") for word in ("FinishReason.SAFETY", "guardrail_intervened", "refusal")],
    *[(word, "length") for word in ("model_length", "MAX_TOKENS", "max_tokens", "length")],
    *[(word, "stop") for word in ("STOP", "eos", "end_turn", "COMPLETE", "stop_sequence")],
    *[("OTHER", "other"), ("a_new_word", "other")],
]


@pytest.mark.parametrize(("word", "ours"), REASONS)
def test_a_providers_word_for_why_it_stopped_has_ours(word: str, ours: str) -> None:
    result = chat(HALF, chunk(finish=word), DONE)
    assert (result.outcome, result.stop_reason) == ("complete", ours)
    assert (result.provider_stop_reason, result.text) == (word, "Half")
    text = block(0, {"type": "text", "text": "Half"})
    other = read(start(), *text, delta(word), {"type": "message_stop"}, wire="anthropic")[1]
    assert (other.outcome, other.stop_reason) == ("complete", ours)


@pytest.mark.parametrize(
    ("word", "code"),
    [
        *[(word, "provider_error") for word in ("abort", "aborted", "error", "network_error")],
        *[(word, "provider_error") for word in ("ABORT", "cancelled", "upstream_error")],
        *[(word, "provider_error") for word in ("MALFORMED_FUNCTION_CALL", "failed")],
        *[(word, "provider_error") for word in ("USER_CANCEL", "interrupt", "incomplete")],
        *[("insufficient_system_resource", "overloaded"), ("request_timeout", "timeout")],
    ],
)
def test_an_interrupted_answer_failed_and_keeps_its_text(word: str, code: str) -> None:
    text = block(0, {"type": "text", "text": "Half"})
    incomplete = {
        "type": "response.incomplete",
        "response": {"incomplete_details": {"reason": word}},
    }
    spoken = {"type": "response.output_text.delta", "output_index": 0, "delta": "Half"}
    for result in (
        chat(HALF, chunk({"content": ""}, finish=word), DONE),
        read(start(), *text, delta(word), {"type": "message_stop"}, wire="anthropic")[1],
        read(spoken, incomplete, wire="openai_responses")[1],
    ):
        assert result.error is not None
        assert (result.text, result.outcome) == ("Half", "failed")
        assert (result.error.code, result.error.retryable) == (code, True)


@pytest.mark.parametrize("word", ["null", "None", "", "FINISH_REASON_UNSPECIFIED"])
def test_no_reason_written_out_is_no_end_mark(word: str) -> None:
    assert chat(HALF, chunk(finish=word)).outcome == "failed"


def test_an_error_on_the_chunk_tells_more_than_its_finish_reason() -> None:
    result = chat(HALF, chunk(finish="error") | {"error": {"code": 429}})
    assert result.error is not None
    assert result.error.code == "rate_limited"
