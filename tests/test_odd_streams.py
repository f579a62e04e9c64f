"""Messages and Responses streams as nobody's documentation has them, and odd SSE framing."""

from __future__ import annotations

from typing import Any

import httpx2
import openai
import pytest

from flask_stream import Meta, Result, relay
from flask_stream.events import JSON
from flask_stream.providers.relay import relay_source
from flask_stream.providers.wire import SDKItems
from tests.in_memory import InMemory
from tests.provider import KEY, Exchange, Provider, frames, transcript
from tests.transcripts.expected import wire_of
from tests.transcripts.reading import block, chunk, collect, delta, read, start

# -- Anthropic --------------------------------------------------------------------------


def words(*texts: str) -> list[JSON]:
    return [{"type": "text_delta", "text": text} for text in texts]


TEXT = {"type": "text", "text": ""}
STOP = {"type": "message_stop"}


def claude(*dicts: JSON) -> Result:
    return read(*dicts, wire="anthropic")[1]


def test_content_and_stop_reason_inside_message_start_count() -> None:
    """As answers to programmatic tool calls come."""
    call = {"type": "tool_use", "id": "t1", "name": "f", "input": {"x": 1}}
    result = claude(
        start(content=[{"type": "text", "text": "ab"}, call], stop_reason="tool_use"), STOP
    )
    assert (result.text, result.stop_reason, result.outcome) == ("ab", "tool_calls", "complete")
    assert [c.payload() for c in result.tool_calls] == [
        {"id": "t1", "name": "f", "arguments": {"x": 1}}
    ]
    assert result.message["content"] == [{"type": "text", "text": "ab"}, call]


def test_a_refusal_without_content_is_complete() -> None:
    result = claude(start(), delta("refusal"), STOP)
    assert (result.text, result.refusal, result.stop_reason) == ("", "", "refusal")
    assert (result.outcome, result.message["content"]) == ("complete", [])


@pytest.mark.parametrize(
    "unknown",
    [
        [{"type": "a_new_event", "index": 0, "delta": {"text": "no"}}],
        block(1, {"type": "a_new_block", "text": "no"}, *words("no")),
        [
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "a_new_delta", "text": "no"},
            }
        ],
        [{"type": "content_block_delta", "index": 0, "delta": {"type": "a_new_delta"}}],
        [{"type": "ping"}],
        [{}],
    ],
    ids=["event", "block", "delta", "empty delta", "ping", "nothing at all"],
)
def test_what_is_not_known_is_skipped(unknown: list[JSON]) -> None:
    first, *rest = block(0, TEXT, *words("a", "b"))
    result = claude(start(), first, rest[0], *unknown, *rest[1:], delta("end_turn"), STOP)
    assert (result.text, result.outcome) == ("ab", "complete")


def test_a_block_that_is_not_known_stays_in_the_message() -> None:
    new = {"type": "a_new_block", "data": "ZGF0YQ=="}
    result = claude(start(), *block(0, new), *block(1, TEXT, *words("a")), delta("end_turn"), STOP)
    assert result.message["content"] == [new, {"type": "text", "text": "a"}]


@pytest.mark.parametrize(
    "ending", [[STOP], [delta("end_turn")], [delta("end_turn"), STOP]], ids=str
)
def test_either_end_mark_is_enough(ending: list[JSON]) -> None:
    assert claude(start(), *block(0, TEXT, *words("a")), *ending).outcome == "complete"


@pytest.mark.parametrize("ending", [[], [delta(None)], [{"type": "ping"}]], ids=str)
def test_without_an_end_mark_a_stream_is_truncated(ending: list[JSON]) -> None:
    result = claude(start(), *block(0, TEXT, *words("a")), *ending)
    assert result.error is not None
    assert (result.text, result.error.code) == ("a", "truncated")


@pytest.mark.parametrize(
    "early",
    [
        *([STOP], [delta("end_turn"), STOP], [{"type": "a_new_event"}, STOP]),
        *([STOP, {"type": "ping"}], [delta("end_turn"), {"type": "ping"}, {}], [STOP, STOP]),
    ],
    ids=str,
)
@pytest.mark.parametrize("then", [[], [start(), *block(0, TEXT, *words("a")), STOP]], ids=len)
@pytest.mark.parametrize("at_once", [True, False], ids=["in one read", "one by one"])
def test_an_end_mark_before_the_beginning_of_a_stream_is_no_answer(
    early: list[JSON], then: list[JSON], at_once: bool
) -> None:
    """Where the wire is known only by what comes."""
    dicts = [*early, *then]
    pieces = [frames(*dicts)] if at_once else [frames(d) for d in dicts]
    with InMemory(pieces) as provider:
        _, result = collect(relay(provider.post("anthropic")))
    if STOP not in early and then:
        assert (result.text, result.outcome) == ("a", "complete")
    else:
        assert result.error is not None
        assert (result.text, result.error.code) == ("", "truncated")


@pytest.mark.parametrize(
    ("word", "ours"),
    [
        *(("end_turn", "stop"), ("stop_sequence", "stop"), ("max_tokens", "length")),
        *(("model_context_window_exceeded", "length"), ("tool_use", "tool_calls")),
        *(("refusal", "refusal"), ("pause_turn", "pause"), ("a_new_word", "other")),
    ],
)
def test_stop_reasons_of_messages(word: str, ours: str) -> None:
    result = claude(start(), delta(word), STOP)
    assert (result.stop_reason, result.provider_stop_reason) == (ours, word)


def test_a_provider_that_starts_over_keeps_what_it_has_shown() -> None:
    result = claude(
        start(model="one"),
        *block(0, TEXT, *words("a"))[:-1],
        start(model="two"),
        *block(0, TEXT, *words("b")),
        *(delta("end_turn"), STOP),
    )
    assert (result.text, result.model, result.outcome) == ("a\n\nb", "two", "complete")
    assert [part["text"] for part in result.message["content"]] == ["a", "b"]


def test_counts_that_a_later_event_leaves_out_or_nulls_keep_their_value() -> None:
    result = claude(
        start(usage={"input_tokens": 5, "cache_read_input_tokens": 2, "output_tokens": 1}),
        delta("end_turn", usage={"input_tokens": None, "output_tokens": 9}),
        STOP,
    )
    assert result.usage is not None
    assert result.usage.payload() == {
        "input_tokens": 7,
        "output_tokens": 9,
        "cache_read_tokens": 2,
    }


def test_a_failed_search_is_a_result_with_the_error_flag() -> None:
    failed = {
        "type": "web_search_tool_result",
        "tool_use_id": "s1",
        "content": {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"},
    }
    result = claude(start(), *block(0, failed), delta("end_turn"), STOP)
    assert [found.is_error for found in result.tool_results] == [True]


# -- Responses --------------------------------------------------------------------------

CREATED = {
    "type": "response.created",
    "response": {"id": "r1", "model": "m", "status": "in_progress"},
}


def ended(how: str = "completed", **response: Any) -> JSON:
    return {"type": f"response.{how}", "response": {"id": "r1", "status": how, **response}}


def spoken(index: int, piece: str, id: str = "msg_1") -> JSON:
    where = {"item_id": id, "output_index": index, "content_index": 0}
    return {"type": "response.output_text.delta", "delta": piece, **where}


def responses(*dicts: JSON) -> Result:
    return read(*dicts, wire="openai_responses")[1]


def test_items_are_told_apart_by_their_place_although_their_ids_change() -> None:
    arguments = {"type": "response.function_call_arguments.delta", "output_index": 1}
    call = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": ""}
    result = responses(
        CREATED,
        spoken(0, "a", "id1"),
        spoken(0, "b", "id2"),
        {"type": "response.output_item.added", "output_index": 1, "item": call | {"id": "id3"}},
        arguments | {"item_id": "id4", "delta": '{"x":'},
        arguments | {"item_id": "id5", "delta": "1}"},
        {
            "type": "response.output_item.done",
            "output_index": 1,
            "item": call | {"id": "id6", "arguments": '{"x":1}'},
        },
        ended(output=[]),
    )
    assert result.text == "ab"
    assert [c.payload() for c in result.tool_calls] == [
        {"id": "c1", "name": "f", "arguments": {"x": 1}}
    ]
    said = {"type": "output_text", "text": "ab", "annotations": []}
    assert result.message == [
        {"type": "message", "role": "assistant", "content": [said]},
        call | {"id": "id6", "arguments": '{"x":1}'},
    ]


def test_texts_that_come_whole_and_without_deltas_are_told() -> None:
    where = {"output_index": 0, "content_index": 0}
    result = responses(
        CREATED, {"type": "response.output_text.done", "text": "whole", **where}, ended()
    )
    assert result.text == "whole"


def test_a_call_that_comes_whole_and_without_a_beginning_is_told() -> None:
    item = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
    events, result = read(
        CREATED, {"type": "response.output_item.done", "output_index": 0, "item": item}, ended()
    )
    assert [event.kind for event in events] == ["meta", "tool_call_start", "tool_call"]
    assert result.stop_reason == "tool_calls"


@pytest.mark.parametrize(
    ("last", "code"),
    [
        ([{"type": "error", "code": "rate_limit_exceeded", "message": "x"}], "rate_limited"),
        ([{"type": "error", "error": {"code": "invalid_prompt", "message": "x"}}], "bad_request"),
        ([ended("failed", error={"code": "server_error", "message": "x"})], "provider_error"),
        ([ended("failed", error=None)], "provider_error"),
        (
            [
                {"type": "error", "code": "rate_limit_exceeded", "message": "x"},
                ended("failed", error={"code": "server_error"}),
            ],
            "rate_limited",
        ),
        ([], "truncated"),
    ],
    ids=["flat", "nested", "failed", "failed without a word", "error, then failed", "silence"],
)
def test_an_error_of_a_responses_stream_has_its_code(last: list[JSON], code: str) -> None:
    result = responses(CREATED, spoken(0, "a"), *last)
    assert result.error is not None
    assert (result.text, result.error.code) == ("a", code)


@pytest.mark.parametrize(
    ("details", "ours", "theirs"),
    [
        ({"reason": "max_output_tokens"}, "length", "incomplete:max_output_tokens"),
        ({"reason": "content_filter"}, "refusal", "incomplete:content_filter"),
        ({"reason": "a_new_word"}, "other", "incomplete:a_new_word"),
        (None, "other", "incomplete"),
    ],
)
def test_incomplete_responses_say_why(details: Any, ours: str, theirs: str) -> None:
    result = responses(CREATED, spoken(0, "a"), ended("incomplete", incomplete_details=details))
    assert (result.outcome, result.stop_reason) == ("complete", ours)
    assert result.provider_stop_reason == theirs


def test_free_text_for_a_custom_tool_is_its_arguments_as_they_are() -> None:
    item = {"type": "custom_tool_call", "call_id": "c1", "name": "sql", "input": "select 1"}
    result = responses(
        CREATED, {"type": "response.output_item.done", "output_index": 0, "item": item}, ended()
    )
    assert [(c.name, c.arguments, c.raw) for c in result.tool_calls] == [("sql", "select 1", None)]


def test_items_and_events_that_are_not_known_are_skipped_and_kept_in_the_message() -> None:
    item = {"type": "a_new_item", "id": "n1"}
    result = responses(
        CREATED,
        {"type": "response.a_new_event", "delta": "no"},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        spoken(1, "a"),
        ended(output=[item]),
    )
    assert (result.text, result.message) == ("a", [item])


# -- framing ----------------------------------------------------------------------------


def without_event_lines(body: bytes) -> bytes:
    return b"".join(b for b in body.splitlines(keepends=True) if not b.startswith(b"event:"))


FRAMINGS = {
    "no event lines": without_event_lines,
    "a BOM": lambda body: b"\xef\xbb\xbf" + body,
    "CRLF": lambda body: body.replace(b"\n", b"\r\n"),
    "CR": lambda body: body.replace(b"\n", b"\r"),
    "comments": lambda body: b": PROCESSING\n\n" + body.replace(b"\n\n", b"\n: ping\n\n: pong\n\n"),
    "no space after the colon": lambda body: body.replace(b"data: ", b"data:"),
    "ids and retries": lambda body: body.replace(b"data: ", b"id: 7\nretry: 3000\ndata: "),
}


@pytest.mark.parametrize("name", ["anthropic_text", "chat_text", "responses_text"])
@pytest.mark.parametrize("framing", FRAMINGS)
def test_any_framing_of_whatwg_is_read(provider: Provider, framing: str, name: str) -> None:
    body = FRAMINGS[framing](transcript(name))
    expected = collect(relay(provider.play(transcript(name)).create(wire_of(name))))[0]
    provider.play(body, body)
    assert collect(relay(provider.create(wire_of(name))))[0] == expected
    assert collect(relay(provider.post(wire_of(name))))[0] == expected


@pytest.mark.parametrize("data", ["null", "[]", "7", '"text"', "not json", "", "[DONE", "\x00"])
def test_data_that_is_no_json_object_is_skipped(provider: Provider, data: str) -> None:
    extra = f"data: {data}\n\n".encode()
    provider.play(
        extra + extra.join(b + b"\n\n" for b in transcript("chat_text").split(b"\n\n")[:-1])
    )
    assert collect(relay(provider.create("openai_chat")))[1].outcome == "complete"


def test_an_object_that_is_broken_json_fails_the_stream_with_the_text_so_far(
    provider: Provider,
) -> None:
    provider.play(frames(chunk({"content": "a"})) + b'data: {"choices": [{"delta"\n\n')
    _, result = collect(relay(provider.create("openai_chat")))
    assert result.error is not None
    assert (result.text, result.error.code) == ("a", "provider_error")


@pytest.mark.parametrize("body", [b"", b"\n\n", b": ping\n\n", b"data: [DONE]\n\n"])
def test_a_stream_of_nothing_is_truncated_whether_it_says_done_or_not(
    provider: Provider, body: bytes
) -> None:
    events, result = collect(relay(provider.play(body).create("openai_chat")))
    assert result.outcome == "failed"
    assert [event for event in events if not isinstance(event, Meta)] == []


def test_a_stream_of_nothing_is_truncated_also_where_a_mock_has_read_it() -> None:
    empty = httpx2.Response(200, headers={"Content-Type": "text/event-stream"}, content=b"")
    http = httpx2.Client(transport=httpx2.MockTransport(lambda request: empty))
    with openai.OpenAI(api_key=KEY, http_client=http) as client:
        stream = client.chat.completions.create(model="m", messages=[], stream=True)
        _, result = collect(relay(stream))
    assert result.error is not None
    assert result.error.code == "truncated"


@pytest.mark.parametrize("iterated", [False, True], ids=["read by us", "iterated"])
def test_an_error_that_is_only_words_is_the_providers_error(
    provider: Provider, iterated: bool
) -> None:
    provider.play(frames(chunk({"content": "a"}), {"error": "words"}))
    stream = provider.create("openai_chat")
    _, result = collect(relay_source(SDKItems(stream)) if iterated else relay(stream))
    assert result.error is not None
    assert (result.text, result.error.code) == ("a", "provider_error")


@pytest.mark.parametrize("way", ["read by us", "iterated", "requests"])
@pytest.mark.parametrize(
    ("wire", "ending"),
    [
        ("anthropic", [start(), *block(0, TEXT, *words("a")), delta("end_turn")]),
        ("openai_chat", [chunk({"content": "a"}), chunk(finish="stop")]),
    ],
    ids=["anthropic", "openai_chat"],
)
def test_a_connection_lost_behind_the_end_mark_costs_nothing(
    provider: Provider, wire: str, ending: list[JSON], way: str
) -> None:
    def script(exchange: Exchange) -> None:
        exchange.start()
        exchange.send(frames(*ending))
        exchange.cut()

    provider.run(script)
    if way == "iterated":
        stream = relay_source(SDKItems(provider.create(wire)))
    else:
        stream = relay(provider.post(wire) if way == "requests" else provider.create(wire))
    _, result = collect(stream)
    assert (result.text, result.outcome, result.stop_reason) == ("a", "complete", "stop")
