"""The vocabulary, the Result that adds it up, and the text that deltas are cut out of."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import Any

import jiter
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_stream import (
    Data,
    Event,
    Failed,
    Meta,
    Reasoning,
    Refusal,
    Result,
    Source,
    Text,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    ToolResult,
    Usage,
)
from flask_stream.events import RESERVED, Done, Start, Step
from flask_stream.formats.native import Native
from flask_stream.providers.cut_json import partial_json
from flask_stream.providers.surrogates import Mender, mend_all
from flask_stream.providers.tool_calls import tool_call
from flask_stream.sse import decode, mend
from tests.transcripts.reading import cut

USAGE = Usage(5, 7)

# The vocabulary: each event once with all of its fields, and once with the needed ones alone.
TABLE: list[tuple[Event, str, Any]] = [
    (Start("r1"), "start", {"id": "r1"}),
    (
        Meta("anthropic", "claude-imaginary-1", "msg_1"),
        "meta",
        {"provider": "anthropic", "model": "claude-imaginary-1", "response_id": "msg_1"},
    ),
    (Meta(model="m"), "meta", {"model": "m"}),
    (Text("a"), "text", {"text": "a"}),
    (Reasoning("b"), "reasoning", {"text": "b"}),
    (Refusal("c"), "refusal", {"text": "c"}),
    (ToolCallStart("t1", "f"), "tool_call_start", {"id": "t1", "name": "f"}),
    (
        ToolCallStart("t1", "f", server=True),
        "tool_call_start",
        {"id": "t1", "name": "f", "server": True},
    ),
    (ToolCallDelta("t1", '{"a'), "tool_call_delta", {"id": "t1", "arguments": '{"a'}),
    (
        ToolCallDelta("t1", '{"a', {}),
        "tool_call_delta",
        {"id": "t1", "arguments": '{"a', "partial": {}},
    ),
    (ToolCall("t1", "f", {"a": 1}), "tool_call", {"id": "t1", "name": "f", "arguments": {"a": 1}}),
    (
        ToolCall("t1", "f", None, raw="{", server=True),
        "tool_call",
        {"id": "t1", "name": "f", "arguments": None, "raw": "{", "server": True},
    ),
    (ToolResult("t1", None), "tool_result", {"id": "t1", "result": None}),
    (
        ToolResult("t1", [1], "f", is_error=True),
        "tool_result",
        {"id": "t1", "name": "f", "result": [1], "is_error": True},
    ),
    (Source("https://a.example/"), "source", {"url": "https://a.example/"}),
    (
        Source("https://a.example/", "A", "said", "a.pdf"),
        "source",
        {"url": "https://a.example/", "title": "A", "cited_text": "said", "document": "a.pdf"},
    ),
    (Data("progress", {"done": 3}), "progress", {"done": 3}),
    (Data("nothing", None), "nothing", None),
    (Usage(0, 0), "usage", {"input_tokens": 0, "output_tokens": 0}),
    (
        Usage(1, 2, 3, 4, 5),
        "usage",
        {
            "input_tokens": 1,
            "output_tokens": 2,
            "cache_read_tokens": 3,
            "cache_write_tokens": 4,
            "reasoning_tokens": 5,
        },
    ),
    (Done("stop", 0), "done", {"stop_reason": "stop", "text_length": 0}),
    (
        Done("length", 3, "max_tokens", USAGE),
        "done",
        {
            "stop_reason": "length",
            "provider_stop_reason": "max_tokens",
            "text_length": 3,
            "usage": {"input_tokens": 5, "output_tokens": 7},
        },
    ),
    (
        Failed("timeout", "Too long.", retryable=True),
        "failed",
        {"code": "timeout", "message": "Too long.", "retryable": True},
    ),
    (Failed("a", "b"), "failed", {"code": "a", "message": "b", "retryable": False}),
]

STEP = (Step(), "step", {})  # a log keeps it, and the native wire does not carry it


@pytest.mark.parametrize(("event", "name", "payload"), TABLE, ids=lambda v: str(v)[:40])
def test_an_event_is_one_frame_with_its_name_and_what_is_known(
    event: Event, name: str, payload: Any
) -> None:
    assert event.payload() == payload
    (decoded,) = decode([Native().encode([event])])
    assert (decoded.type, json.loads(decoded.data)) == (name, payload)


@pytest.mark.parametrize("event", [row[0] for row in TABLE], ids=lambda event: event.kind)
def test_events_are_frozen_and_small(event: Event) -> None:
    for name in [field.name for field in dataclasses.fields(event)]:  # type: ignore[arg-type]
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(event, name, "other")
    assert not hasattr(event, "__dict__")


def test_the_start_frame_alone_has_an_id() -> None:
    for event, name, _ in TABLE:
        assert (b"id: " in Native().encode([event])) == (name == "start"), name


# -- names of one's own -----------------------------------------------------------------


@pytest.mark.parametrize("name", [*sorted(RESERVED), "error", "open", "message"])
def test_a_name_that_is_taken_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Data(name, 1)


def test_the_whole_table_is_reserved() -> None:
    table = {name for event, name, _ in TABLE if not isinstance(event, Data)}
    assert table | {STEP[1]} == RESERVED


def test_a_step_is_on_no_native_wire() -> None:
    assert Native().encode([Text("a"), STEP[0], Text("b")]).count(b"event: ") == 2


@pytest.mark.parametrize("name", ["", "a\nb", "a\rb", "a\0b", "\n"])
def test_a_name_that_would_break_the_frame_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"empty.*CR, LF"):
        Data(name, 1)


@pytest.mark.parametrize("name", [None, 3, b"progress"])
def test_a_name_that_is_no_str_is_refused(name: Any) -> None:
    with pytest.raises(TypeError, match="must be a str"):
        Data(name, 1)


@pytest.mark.parametrize("name", ["progress", "Text", "wörk", "a b", "data: x", " led", "x:y"])
def test_any_other_name_is_the_frames_event(name: str) -> None:
    (event,) = decode([Native().encode([Data(name, 1)])])
    assert event.type == name


@pytest.mark.parametrize("data", [{1, 2}, object(), float("nan"), float("inf"), b"b", {(1,): 2}])
def test_data_that_json_cannot_carry_is_refused_where_it_is_made(data: Any) -> None:
    for make in (
        lambda: Data("note", data),
        lambda: ToolResult("t", data),
        lambda: ToolCall("t", "f", {"x": data}),
        lambda: ToolCallDelta("t", "{", {"x": data}),
    ):
        with pytest.raises(TypeError, match="JSON can carry"):
            make()


def test_data_that_holds_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(TypeError, match="JSON can carry"):
        Data("note", loop)


# -- adding up --------------------------------------------------------------------------


def test_the_total_of_usages_adds_field_by_field_and_leaves_the_unknown_out() -> None:
    total = Usage.total([Usage(1, 2, cache_read_tokens=3), Usage(10), Usage(None, 5, 0, None, 7)])
    assert total == Usage(11, 7, cache_read_tokens=3, reasoning_tokens=7)


def test_the_total_of_usages_keeps_a_known_zero() -> None:
    assert Usage.total([Usage(1, 2, cache_read_tokens=0)]) == Usage(1, 2, cache_read_tokens=0)


def test_the_total_of_nothing_is_unknown() -> None:
    assert Usage.total([]) is None
    assert Usage.total([Usage()]) is None


def test_a_result_adds_the_events_up() -> None:
    result = Result("r1")
    mine, servers = ToolCall("t1", "f", {}), ToolCall("t2", "g", {}, server=True)
    answer, source = ToolResult("t2", "ok"), Source("https://a.example/")
    events = [
        Meta("openai"),
        Meta(model="m", response_id="i"),
        *(Text("a"), Reasoning("x"), Text("b"), Refusal("n"), Reasoning("y"), Refusal("o")),
        *(ToolCallStart("t1", "f"), ToolCallDelta("t1", "{}"), mine, servers, answer),
        *(source, Source("https://a.example/"), Data("note", 1), Usage(1, 2), Step()),
    ]
    assert result.add(events) == events
    assert (result.text, result.reasoning, result.refusal) == ("ab", "xy", "no")
    assert (result.provider, result.model, result.response_id) == ("openai", "m", "i")
    assert (result.tool_calls, result.server_tool_calls) == ([mine], [servers])
    assert (result.tool_results, result.sources) == ([answer], [source])
    assert (result.usage, result.outcome, result.stop_reason) == (None, None, None)


def test_a_results_json_has_exactly_the_fields_of_the_json_format() -> None:
    result = Result("r1")
    result.raw_usage, result.message, result.steps = {"private": 1}, {"private": 2}, [Result()]
    body = json.loads(json.dumps(result.to_dict()))
    assert list(body) == [
        *("id", "outcome", "provider", "model", "text", "reasoning", "refusal", "tool_calls"),
        *("server_tool_calls", "tool_results", "sources", "stop_reason", "provider_stop_reason"),
        *("usage", "error"),
    ]
    assert "private" not in json.dumps(body)


# -- halves of surrogate pairs ----------------------------------------------------------

HALVES = st.sampled_from("\ud83d\udd26\ud800\udbff\udc00\udfff")
ANY_TEXT = st.text(st.one_of(st.characters(exclude_categories=()), HALVES))
WHOLE_TEXT = st.text(st.characters(codec="utf-8") | st.characters(min_codepoint=0x10000))
KINDS: list[Any] = [Text, Reasoning, Refusal, lambda piece: ToolCallDelta("t1", piece)]


def escaped_halves(text: str) -> str:
    """`text` as JSON with its escapes read one by one: each half a code point of its own."""
    units = text.encode("utf-16-be", "surrogatepass")
    return "".join(chr(int.from_bytes(units[i : i + 2])) for i in range(0, len(units), 2))


def mended(*events: Event) -> list[Event]:
    """As they come one by one."""
    mender = Mender()
    return [*(told for event in events for told in mender.feed([event])), *mender.end()]


def words(events: list[Event]) -> str:
    return "".join(str(getattr(e, "text", getattr(e, "arguments", ""))) for e in events)


@given(WHOLE_TEXT, st.lists(st.integers(min_value=0), max_size=6), st.sampled_from(KINDS))
def test_a_text_cut_anywhere_comes_back_whole(text: str, places: list[int], make: Any) -> None:
    pieces = cut(escaped_halves(text), places)
    assert words(mended(*map(make, pieces))) == text


@given(ANY_TEXT, st.lists(st.integers(min_value=0), max_size=6), st.sampled_from(KINDS))
def test_a_text_with_lone_halves_comes_to_the_same_however_it_is_cut(
    text: str, places: list[int], make: Any
) -> None:
    events = mended(*map(make, cut(text, places)))
    assert words(events) == mend(text)
    assert all(words([event]) and words([event]).encode() for event in events)


@given(ANY_TEXT)
def test_mending_leaves_whole_text_alone_and_always_gives_utf_8(text: str) -> None:
    assert mend(mend(text)) == mend(text)
    assert mend(text).encode().decode() == mend(text)
    assert mend(escaped_halves(mend(text))) == mend(text)


def test_halves_of_other_texts_and_other_calls_are_never_joined() -> None:
    high, low = "\ud83d", "\udd26"
    for first, second in (
        (Text(high), Reasoning(low)),
        (ToolCallDelta("t1", high), ToolCallDelta("t2", low)),
        (Text(high), ToolCallDelta("t1", low)),
    ):
        assert words(mended(first, second)) == "\ufffd\ufffd"


def test_a_half_that_another_event_follows_is_alone_and_keeps_its_place() -> None:
    events = mended(Text("a\ud83d"), Usage(1, 2), Text("\udd26b"))
    assert events == [Text("a"), Text("\ufffd"), Usage(1, 2), Text("\ufffdb")]


def test_a_half_waits_for_the_next_batch_and_what_came_before_it_does_not() -> None:
    mender = Mender()
    assert mender.feed([Text("."), Text("a\ud83d")]) == [Text("."), Text("a")]
    assert mender.feed([Text("\udd26b"), Text("c")]) == [Text("\U0001f526b"), Text("c")]
    assert mender.end() == []


def test_empty_texts_are_left_out() -> None:
    assert mended(Text(""), Reasoning(""), ToolCallDelta("t", ""), Text("a")) == [Text("a")]


def test_a_json_value_is_mended_in_keys_and_values() -> None:
    broken = {"a\ud83d": ["\udd26", {"b": "\ud83d\udd26"}], "n": 1}
    assert mend_all(broken) == {"a\ufffd": ["\ufffd", {"b": "\U0001f526"}], "n": 1}


# -- tool arguments ---------------------------------------------------------------------

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**53), max_value=2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=10,
)
OBJECTS = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=4), JSON_VALUES
)


@given(OBJECTS, st.integers(min_value=0), st.booleans(), st.sampled_from([None, 1]))
def test_a_cut_object_keeps_what_the_anthropic_sdk_keeps(
    value: dict[str, Any], place: int, ascii: bool, indent: int | None
) -> None:
    text = json.dumps(value, ensure_ascii=ascii, indent=indent)
    text = text[: 1 + place % len(text)]
    assert partial_json(text) == jiter.from_json(text.encode(), partial_mode=True)


@given(OBJECTS)
def test_a_whole_object_is_itself(value: dict[str, Any]) -> None:
    assert partial_json(json.dumps(value)) == value


@pytest.mark.parametrize("text", ["", " ", "nothing", '"', '{"a', "}", "]"])
def test_where_nothing_is_whole_an_empty_object_stands(text: str) -> None:
    assert partial_json(text) == {}


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 20_000, '{"a":[' * 50_000], ids=len)
def test_a_cut_object_that_is_nested_too_deep_is_no_crash(text: str) -> None:
    assert isinstance(partial_json(text), dict | list)


def test_a_cut_object_that_goes_on_as_nonsense_costs_linear_time() -> None:
    def seconds(words: int) -> float:
        text = '{"a": [' + '"word", ' * words + "x, " * words
        begun = time.process_time()
        assert len(partial_json(text)["a"]) == words
        return time.process_time() - begun

    # 64 times the text: linear cost is 64 times the time, quadratic 4,096 times.
    assert seconds(64_000) < 640 * max(seconds(1_000) for _ in range(3))


@pytest.mark.parametrize(
    ("text", "arguments", "raw"),
    [
        ("", {}, None),
        ("  \n", {}, None),
        ('{"a": 1}', {"a": 1}, None),
        ("[1]", [1], None),
        ('{"a": 1', None, '{"a": 1'),
        ('{"a": NaN}', None, '{"a": NaN}'),
        ("free text", None, "free text"),
        ("[" * 100_000, None, "[" * 100_000),
    ],
    ids=lambda value: str(value)[:20],
)
def test_arguments_that_are_no_json_are_none_with_the_text_beside(
    text: str, arguments: Any, raw: str | None
) -> None:
    assert tool_call("t1", "f", text) == ToolCall("t1", "f", arguments, raw)
