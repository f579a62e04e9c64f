"""Chat Completions as its many providers really send it: each oddity a small stream."""

from __future__ import annotations

from typing import Any

import pytest

from flask_stream import Event, Meta
from flask_stream.events import JSON
from flask_stream.providers.turn import DONE
from tests.transcripts.reading import STOP, chat, chunk, read


@pytest.mark.parametrize("choices", [[], None])
def test_chunks_without_choices_are_no_end(choices: Any) -> None:
    empty = chunk() | {"choices": choices}
    result = chat(empty, chunk({"content": "a"}), empty, chunk({"content": "b"}), STOP, empty, DONE)
    assert (result.text, result.outcome) == ("ab", "complete")


def test_azures_empty_first_chunk_is_no_start() -> None:
    first = {
        "choices": [],
        "created": 0,
        "id": "",
        "model": "",
        "object": "",
        "prompt_filter_results": [],
    }
    events, result = read(first, chunk({"content": "a"}), STOP, DONE)
    assert [event for event in events if isinstance(event, Meta)] == [Meta("openai", "m", "c1")]
    assert result.text == "a"


def test_typed_list_content_is_thinking_and_text() -> None:
    def think(text: str) -> list[JSON]:
        return [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]

    result = chat(
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": think("let ")}),
        chunk({"content": think("me")}),
        chunk({"content": [{"type": "text", "text": "An"}]}),
        chunk({"content": [{"type": "reference", "reference_ids": [1]}]}),
        chunk({"content": [{"type": "text", "text": "sw"}]}),
        chunk({"content": "er"}),
        STOP,
    )
    assert (result.reasoning, result.text) == ("let me", "Answer")
    assert result.message["content"] == [
        {"type": "thinking", "thinking": [{"type": "text", "text": "let me"}]},
        {"type": "text", "text": "An"},
        {"type": "reference", "reference_ids": [1]},
        {"type": "text", "text": "swer"},
    ]


# -- usage ------------------------------------------------------------------------------

SPENT = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}


@pytest.mark.parametrize(
    "chunks",
    [
        [chunk({"content": "a"}), STOP, chunk(usage=SPENT) | {"choices": []}],
        [chunk({"content": "a"}, usage=SPENT), STOP],
        [chunk({"content": "a"}, usage=SPENT | {"completion_tokens": 1}), STOP | {"usage": SPENT}],
        [chunk({"content": "a"}, usage=None), STOP | {"x_groq": {"id": "q", "usage": SPENT}}],
        [chunk({"content": "a"}, usage=SPENT), STOP | {"usage": None}],
        [chunk({"content": "a"}), {"id": "c1", "choices": [STOP["choices"][0] | {"usage": SPENT}]}],
    ],
    ids=[
        *("on an empty chunk", "on a chunk with words", "repeated", "only in x_groq"),
        *("null later", "in the choice"),
    ],
)
def test_usage_is_found_wherever_it_is_and_counts_once(chunks: list[JSON]) -> None:
    events, result = read(*chunks, DONE, wire="openai_chat")
    assert result.usage is not None
    assert result.usage.payload() == {"input_tokens": 9, "output_tokens": 4}
    assert result.raw_usage == SPENT
    assert [event.kind for event in events].count("usage") == 1


@pytest.mark.parametrize(
    ("usage", "normalised"),
    [
        (
            {**SPENT, "total_tokens": 20, "completion_tokens_details": {"reasoning_tokens": 7}},
            {"input_tokens": 9, "output_tokens": 11, "reasoning_tokens": 7},
        ),
        (
            {**SPENT, "completion_tokens_details": {"reasoning_tokens": 3}},
            {"input_tokens": 9, "output_tokens": 4, "reasoning_tokens": 3},
        ),
        (
            {**SPENT, "prompt_cache_hit_tokens": 6, "prompt_cache_miss_tokens": 3},
            {"input_tokens": 9, "output_tokens": 4, "cache_read_tokens": 6},
        ),
        (
            {**SPENT, "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 8}},
            {
                "input_tokens": 9,
                "output_tokens": 4,
                "cache_read_tokens": 0,
                "cache_write_tokens": 8,
            },
        ),
        ({"prompt_tokens": 9, "completion_tokens": None}, {"input_tokens": 9}),
        ({**SPENT, "prompt_tokens_details": None}, {"input_tokens": 9, "output_tokens": 4}),
    ],
    ids=[
        *("xAI counts reasoning beside", "OpenAI counts it within", "DeepSeek's cache"),
        *("written cache", "null count", "null details"),
    ],
)
def test_a_dialects_usage_is_normalised(usage: JSON, normalised: JSON) -> None:
    result = chat(chunk({"content": "a"}), STOP | {"usage": usage}, DONE)
    assert result.usage is not None
    assert result.usage.payload() == normalised
    assert result.raw_usage == usage


# -- reasoning --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "delta",
    [
        {"reasoning_content": "why"},
        {"reasoning": "why"},
        {"reasoning_details": [{"type": "reasoning.text", "text": "why", "index": 0}]},
        {"reasoning_details": [{"type": "reasoning.summary", "summary": "why", "index": 0}]},
        {"reasoning": "why", "reasoning_details": [{"type": "reasoning.text", "text": "why"}]},
        {"reasoning": None, "reasoning_details": [{"type": "reasoning.text", "text": "why"}]},
        {"reasoning": "", "reasoning_details": [{"type": "reasoning.text", "text": "why"}]},
        {"reasoning_content": "", "reasoning": "why"},
        {"reasoning_content": "why", "reasoning": "why"},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "why"}]}]},
    ],
    ids=str,
)
def test_reasoning_is_found_wherever_it_is_and_told_once(delta: JSON) -> None:
    result = chat(chunk(delta), chunk({"content": "a"}), STOP, DONE)
    assert (result.reasoning, result.text) == ("why", "a")


def test_reasoning_details_come_back_whole_and_in_order() -> None:
    result = chat(
        chunk(
            {"reasoning_details": [{"type": "reasoning.text", "text": "wh", "index": 0, "id": "r"}]}
        ),
        chunk({"reasoning_details": [{"type": "reasoning.text", "text": "y", "index": 0}]}),
        chunk({"reasoning_details": [{"type": "reasoning.text", "signature": "c2ln", "index": 0}]}),
        chunk({"reasoning_details": [{"type": "reasoning.encrypted", "data": "ZW5j", "index": 1}]}),
        chunk({"content": "a"}),
        STOP,
    )
    assert result.reasoning == "why"
    assert result.message["reasoning_details"] == [
        {"type": "reasoning.text", "text": "why", "index": 0, "id": "r", "signature": "c2ln"},
        {"type": "reasoning.encrypted", "data": "ZW5j", "index": 1},
    ]


# -- ends and errors --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ending", "outcome", "stop_reason", "provider_stop_reason"),
    [
        ([DONE], "complete", "stop", None),
        ([STOP], "complete", "stop", "stop"),
        ([STOP, DONE], "complete", "stop", "stop"),
        ([], "failed", None, None),
        ([chunk(finish="length")], "complete", "length", "length"),
        ([chunk(finish="content_filter"), DONE], "complete", "refusal", "content_filter"),
        ([chunk(finish="a new word"), DONE], "complete", "other", "a new word"),
        (
            [chunk({"content": ""}, "stop"), chunk({"content": ""}), DONE],
            "complete",
            "stop",
            "stop",
        ),
    ],
    ids=[
        *("only [DONE]", "only finish_reason", "both", "neither", "length", "content_filter"),
        *("unknown word", "empty chunk after the finish_reason"),
    ],
)
def test_a_chat_stream_ends_as_its_finish_reason_and_done_mark_say(
    ending: list[JSON], outcome: str, stop_reason: Any, provider_stop_reason: Any
) -> None:
    result = chat(chunk({"content": "a"}), *ending)
    assert (result.text, result.outcome, result.stop_reason, result.provider_stop_reason) == (
        *("a", outcome, stop_reason, provider_stop_reason),
    )


def test_nothing_but_refusal_is_a_refusal_and_refusal_beside_text_is_a_stop() -> None:
    refusal = chunk({"refusal": "no"})
    assert chat(chunk({"content": ""}), refusal, STOP, DONE).stop_reason == "refusal"
    assert chat(chunk({"content": "a"}), refusal, STOP, DONE).stop_reason == "stop"


@pytest.mark.parametrize(
    ("last", "code", "retryable"),
    [
        ({"error": {"code": 429, "message": "slow down"}}, "rate_limited", True),
        ({"error": {"code": 401, "message": "who"}}, "auth", False),
        ({"error": {"code": 529}}, "overloaded", True),
        ({"error": {"code": "rate_limit_exceeded"}}, "rate_limited", True),
        ({"error": {"code": None, "type": "insufficient_quota"}}, "rate_limited", False),
        ({"error": {"code": "context_length_exceeded"}}, "bad_request", False),
        ({"error": {"type": "server_error"}}, "provider_error", True),
        ({"error": {}} | chunk(finish="error"), "provider_error", True),
        ({"error": {"code": 503}} | chunk(finish="error"), "overloaded", True),
        ({"error": "just words"}, "provider_error", True),
        (chunk(finish="error"), "provider_error", True),
        (
            {"choices": [{"index": 0, "finish_reason": "error", "error": {"code": 504}}]},
            *("timeout", True),
        ),
    ],
    ids=str,
)
def test_an_error_in_a_chat_stream_has_its_code(last: JSON, code: str, retryable: bool) -> None:
    result = chat(chunk({"content": "a"}), last)
    assert result.error is not None
    assert (result.text, result.error.code, result.error.retryable) == ("a", code, retryable)


# -- the rest ---------------------------------------------------------------------------


def test_only_the_first_of_several_choices_is_streamed() -> None:
    result = chat(
        chunk({"content": "b"}, index=1),
        chunk({"content": "a"}, index=0),
        {"choices": [*chunk({"content": "c"}, index=2)["choices"], *STOP["choices"]]},
        chunk({"content": "d"}, "length", index=1),
        DONE,
    )
    assert (result.text, result.stop_reason, result.message["content"]) == ("a", "stop", "a")


def test_an_id_that_changes_with_every_chunk_is_told_once() -> None:
    events, result = read(
        *(chunk({"content": word}) | {"id": f"c{at}"} for at, word in enumerate("abc")), STOP, DONE
    )
    assert [e for e in events if isinstance(e, Meta)] == [Meta("openai", "m", "c0")]
    assert result.response_id == "c0"


def test_a_model_that_is_named_late_is_told_when_it_is() -> None:
    late = [chunk({"content": "a"}) | {"model": ""}, chunk({"content": "b"}), STOP, DONE]
    events: list[Event] = read(*late, wire="openai_chat")[0]
    assert [e.payload() for e in events if isinstance(e, Meta)] == [
        {"provider": "openai", "response_id": "c1"},
        {"provider": "openai", "response_id": "c1", "model": "m"},
    ]


def test_sources_that_every_chunk_repeats_are_told_once() -> None:
    found = {
        "citations": ["https://a.example/", "https://b.example/"],
        "search_results": [{"url": "https://a.example/", "title": "A"}],
    }
    result = chat(chunk({"content": "a"}) | found, chunk({"content": "b"}) | found, STOP | found)
    assert [source.payload() for source in result.sources] == [
        {"url": "https://a.example/", "title": "A"},
        {"url": "https://b.example/"},
    ]


def test_a_whole_message_beside_the_delta_is_not_told_twice() -> None:
    both = {"index": 0, "delta": {"content": "b"}, "message": {"content": "ab"}}
    result = chat(chunk({"content": "a"}), {"choices": [both | {"finish_reason": "stop"}]}, DONE)
    assert (result.text, result.message["content"]) == ("ab", "ab")
