"""Texts as they were meant to be read: what sets them apart, tags in them, numbers as tokens."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from flask_stream import FlaskStream, Result, relay
from flask_stream.events import JSON
from flask_stream.providers.turn import DONE
from flask_stream.providers.wire import parse
from tests.conftest import Site
from tests.conftest import said as said_by
from tests.provider import Provider, frames
from tests.transcripts.reading import STOP, block, chat, chunk, collect, cut, piece, read, start

MESSAGE_STOP = {"type": "message_stop"}


def claude(*blocks: list[JSON]) -> Result:
    dicts = [start(), *(d for each in blocks for d in each), MESSAGE_STOP]
    return read(*dicts, wire="anthropic")[1]


def said(index: int, *texts: str) -> list[JSON]:
    deltas = ({"type": "text_delta", "text": text} for text in texts)
    return block(index, {"type": "text", "text": ""}, *deltas)


def thought(index: int, *texts: str) -> list[JSON]:
    deltas = ({"type": "thinking_delta", "thinking": text} for text in texts)
    return block(index, {"type": "thinking", "thinking": ""}, *deltas)


SEARCH = block(1, {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}})
FOUND = block(2, {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []})
REDACTED = block(1, {"type": "redacted_thinking", "data": "c2VjcmV0"})


# -- what sets texts apart ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("between", "first", "second", "text"),
    [
        (SEARCH, "One.", "Two.", "One.\n\nTwo."),
        (SEARCH + FOUND, "One.", "Two.", "One.\n\nTwo."),
        (REDACTED, "One.", "Two.", "One.\n\nTwo."),
        (thought(1, "hm"), "One.", "Two.", "One.\n\nTwo."),
        ([start()], "One.", "Two.", "One.\n\nTwo."),
        (SEARCH, "One.\n", "Two.", "One.\nTwo."),
        (SEARCH, "One.", "\nTwo.", "One.\nTwo."),
        (SEARCH, "One.\r\n", "Two.", "One.\r\nTwo."),
        (SEARCH, "", "Two.", "Two."),
        (thought(1, ""), "One, ", "two.", "One, two."),
        ([], "One, ", "two.", "One, two."),
    ],
    ids=[
        *("a call", "a call and its result", "hidden thinking", "thinking", "another message"),
        *("a break before", "a break behind", "CRLF before", "no text before"),
        *("thinking without a word", "nothing"),
    ],
)
def test_texts_of_messages_are_set_apart_by_what_stands_between_them(
    between: list[JSON], first: str, second: str, text: str
) -> None:
    result = claude(said(0, first), between, said(3, second))
    assert result.text == text
    kept = [part["text"] for part in result.message["content"] if part["type"] == "text"]
    assert kept == [first, second]


def test_blocks_of_thinking_are_set_apart_and_their_pieces_are_not() -> None:
    assert claude(thought(0, "a", "b"), thought(1, "c")).reasoning == "ab\n\nc"
    assert claude(thought(0, "a\n"), thought(1, "c")).reasoning == "a\nc"
    assert claude(thought(0, "a"), said(1, "x"), thought(2, "c")).reasoning == "a\n\nc"


@pytest.mark.parametrize(
    ("between", "text"),
    [
        ([chunk({"reasoning_content": "hm"})], "One.\n\nTwo."),
        ([chunk(piece(0, "a", "f", "{}"))], "One.\n\nTwo."),
        ([chunk({"reasoning": ""}), chunk({"tool_calls": []})], "One.Two."),
        ([chunk({"content": ""}), chunk({"content": None})], "One.Two."),
        ([chunk({}) | {"citations": ["https://a.example/"]}], "One.Two."),
    ],
    ids=["reasoning", "a call", "empty fields", "no text", "a source"],
)
def test_texts_of_chat_are_set_apart_by_what_stands_between_them(
    between: list[JSON], text: str
) -> None:
    result = chat(chunk({"content": "One."}), *between, chunk({"content": "Two."}), STOP)
    assert (result.text, result.message["content"]) == (text, "One.Two.")


def test_parts_of_reasoning_in_chat_are_told_apart_by_their_index() -> None:
    def detail(index: int, text: str) -> JSON:
        return {"reasoning_details": [{"type": "reasoning.text", "text": text, "index": index}]}

    parts = [chunk(detail(0, "a")), chunk(detail(0, "b")), chunk(detail(1, "c"))]
    assert chat(*parts, chunk({"content": "x"}), STOP).reasoning == "ab\n\nc"


def test_the_length_that_is_told_counts_what_sets_texts_apart(provider: Provider) -> None:
    app = Flask(__name__)
    stream = FlaskStream(app)
    provider.play(frames(start(), *said(0, "One."), *SEARCH, *said(2, "Two."), MESSAGE_STOP))

    @app.post("/")
    @stream.response
    def view() -> Any:
        return provider.create("anthropic")

    client = app.test_client()
    answer = client.post("/", headers={"Accept": "text/event-stream"})
    (done,) = [line for line in answer.text.splitlines() if '"text_length"' in line]
    assert json.loads(done.removeprefix("data: "))["text_length"] == len("One.\n\nTwo.")
    assert client.post("/", headers={"Accept": "text/plain"}).text == "One.\n\nTwo."


# -- tags -----------------------------------------------------------------------------------

THINK = "<think>"
TAGGED = [
    ("<think>why</think>42", "why", "42"),
    ("<think>\nwhy,\n\nso\n</think>\n\n42\n", "why,\n\nso", "42\n"),
    (" \n<thinking>why</thinking> 42", "why", "42"),
    ("<thought>why</thought>42", "why", "42"),
    ("<reasoning>why</reasoning>42", "why", "42"),
    ("<think></think>\n\n42", "", "42"),
    ("<think>\n\n</think>42", "", "42"),
    ("<think>1 < 2, </b> and </thinking></think>42", "1 < 2, </b> and </thinking>", "42"),
    ("<think>a</think><think>b</think>", "a", "<think>b</think>"),
    ("<think>never closed", "never closed", ""),
    ("<think>cut in its end </thi", "cut in its end </thi", ""),
    ("So <think>a</think>", "", "So <think>a</think>"),
    ("`<think>` begins it", "", "`<think>` begins it"),
    ("<thinker>a", "", "<thinker>a"),
    ("<thi", "", "<thi"),
    ("<", "", "<"),
    ("< think>a</think>", "", "< think>a</think>"),
    (" 42", "", " 42"),
    (" " * 500 + "<think>a</think>", "", " " * 500 + "<think>a</think>"),
]


def of_chat(pieces: list[str]) -> Result:
    return chat(*(chunk({"content": text}) for text in pieces), STOP)


def of_messages(pieces: list[str]) -> Result:
    return claude(said(0, *pieces))


def of_responses(pieces: list[str]) -> Result:
    where = {"output_index": 0, "content_index": 0}
    deltas = [{"type": "response.output_text.delta", "delta": text, **where} for text in pieces]
    ended = {"type": "response.completed", "response": {"id": "r1"}}
    return read(*deltas, ended, wire="openai_responses")[1]


def text_of(message: Any) -> str:
    if isinstance(message, list):
        return "".join(part["text"] for item in message for part in item["content"])
    content = message["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


@pytest.mark.parametrize("of_wire", [of_chat, of_messages, of_responses])
@pytest.mark.parametrize(("text", "reasoning", "rest"), TAGGED)
def test_reasoning_between_tags_at_the_beginning_is_reasoning(
    of_wire: Any, text: str, reasoning: str, rest: str
) -> None:
    for pieces in ([text], list(text)):
        result = of_wire(pieces)
        assert (result.reasoning, result.text) == (reasoning, rest)
        assert text_of(result.message) == text


@given(st.sampled_from(TAGGED), st.lists(st.integers(0, 600), max_size=6))
def test_tags_are_found_however_the_text_is_cut(
    case: tuple[str, str, str], places: list[int]
) -> None:
    text, reasoning, rest = case
    result = of_chat(cut(text, places))
    assert (result.reasoning, result.text) == (reasoning, rest)


@pytest.mark.parametrize(
    "other",
    [chunk(piece(0, "a", "f", "{}")), chunk({"reasoning": "hm"}), chunk({"refusal": "no"})],
    ids=["a call", "reasoning", "a refusal"],
)
@pytest.mark.parametrize("held", ["<thi", "\n", "<think>a</thi"], ids=repr)
def test_what_is_held_back_comes_out_before_anything_else(other: JSON, held: str) -> None:
    events, _ = read(chunk({"content": held}), other, STOP, wire="openai_chat")
    told = [event for event in events if event.kind in ("text", "reasoning")]
    first = [event for event in told if event.kind == told[0].kind]
    assert "".join(event.payload()["text"] for event in first).startswith(held.removeprefix(THINK))
    assert told[0].kind == ("reasoning" if held.startswith(THINK) else "text")
    assert events.index(told[0]) == 1  # behind `meta`


@pytest.mark.parametrize(
    "ending",
    [[], [{"error": {"code": 500}}], [chunk(finish="abort")], [DONE]],
    ids=["a cut", "an error", "an interruption", "[DONE]"],
)
def test_what_is_held_back_comes_out_at_any_end(ending: list[JSON]) -> None:
    assert chat(chunk({"content": "<thi"}), *ending).text == "<thi"
    assert chat(chunk({"content": "<think>a </th"}), *ending).reasoning == "a </th"


def test_a_source_does_not_break_a_tag_in_two() -> None:
    found = {"citations": ["https://a.example/"]}
    result = chat(chunk({"content": "<thi"}) | found, chunk({"content": "nk>a</think>b"}), STOP)
    assert (result.reasoning, result.text) == ("a", "b")


@pytest.mark.parametrize("text", ["<", " ", "</thin", "<think", "x"])
def test_8000_pieces_are_read_in_linear_time(text: str) -> None:
    begun = time.monotonic()
    result = of_chat(["<think>", *[text] * 8000, "</think>", "42"])
    assert (result.text, time.monotonic() - begun < 10) == ("42", True)


# -- numbers --------------------------------------------------------------------------------

NUMBERS = ["0.005", "1", "1.0", "0.10", "1e-7", "1E5", "-0", "-0.0", "12345678901234567890"]


@pytest.mark.parametrize("way", ["sdk", "requests"])
@pytest.mark.parametrize("digits", NUMBERS)
@pytest.mark.parametrize(
    ("wire", "events"),
    [
        (
            "openai_chat",
            '{"choices":[{"index":0,"delta":{"content":NUMBER}}]}'
            '{"choices":[{"index":0,"delta":{"reasoning_content":NUMBER}}]}'
            '{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}',
        ),
        (
            "openai_chat",
            '{"choices":[{"index":0,"delta":{"content":[{"type":"text","text":NUMBER}]}}]}'
            '{"choices":[{"index":0,"delta":{"content":[{"type":"reasoning","summary":'
            '[{"type":"summary_text","text":NUMBER}]}]}}]}'
            '{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}',
        ),
        (
            "anthropic",
            '{"type":"message_start","message":{"id":"m","role":"assistant"}}'
            '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":NUMBER}}'
            '{"type":"content_block_start","index":1,"content_block":'
            '{"type":"thinking","thinking":NUMBER}}'
            '{"type":"message_stop"}',
        ),
        (
            "openai_responses",
            '{"type":"response.output_text.delta","output_index":1,"delta":NUMBER}'
            '{"type":"response.reasoning_summary_text.delta","output_index":0,"delta":NUMBER}'
            '{"type":"response.completed","response":{"status":"completed"}}',
        ),
    ],
    ids=["chat", "chat, in lists", "messages", "responses"],
)
def test_a_number_where_text_belongs_is_its_digits(
    provider: Provider, wire: str, events: str, digits: str, way: str
) -> None:
    data = events.replace("}{", "}\n\ndata: {").replace("NUMBER", digits)
    provider.play(f"data: {data}\n\n".encode())
    stream = provider.create(wire) if way == "sdk" else provider.post(wire)
    _, result = collect(relay(stream))
    assert (result.text, result.reasoning, result.outcome) == (digits, digits, "complete")
    if wire != "anthropic":  # there, the delta had no block
        assert json.dumps(digits) in json.dumps(result.message)


@pytest.mark.parametrize("value", ["true", "false", "null", "{}", "[]", "[true]"])
def test_what_is_neither_text_nor_a_number_is_no_text(value: str) -> None:
    d = parse('{"choices":[{"index":0,"delta":{"content":VALUE}}]}'.replace("VALUE", value))
    assert d is not None
    result = chat(chunk({"content": "a"}), d, chunk({"content": "b"}), STOP)
    assert result.text == "ab"
    assert "a" in str(result.message["content"])


@pytest.mark.parametrize("number", ["7" * 5000, "-" + "7" * 5000, "1e999"])
def test_a_number_that_no_json_carries_costs_an_answer_nothing(number: str) -> None:
    """It stands in fields that only the provider knows; its own turn has the digits."""
    d = parse(json.dumps(chunk({"content": "hi"})).replace('"hi"', f'"hi", "odd": {number}'))
    text = {"type": "text", "text": "hi"}
    b = parse(json.dumps(block(0, text)[0]).replace('"hi"', f'"hi", "odd": {number}'))
    item = {"type": "message", "content": [{"type": "output_text", "text": "hi"}]}
    done = {"type": "response.output_item.done", "output_index": 0, "item": item}
    r = parse(json.dumps(done).replace('"hi"', f'"hi", "odd": {number}'))
    assert d is not None
    assert b is not None
    assert r is not None
    answers = [
        chat(d, STOP),
        read(start(), b, {"type": "message_delta", "delta": {"stop_reason": "end_turn"}})[1],
        read(r, {"type": "response.completed", "response": {}})[1],
    ]
    for answer in answers:
        assert (answer.text, answer.outcome) == ("hi", "complete")
        assert number in json.dumps(answer.message, allow_nan=False)


def test_numbers_elsewhere_stay_numbers() -> None:
    d = parse(
        '{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":'
        '{"name":"f","arguments":{"x":1.00,"y":2}},"extra":0.10}]}}],'
        '"usage":{"prompt_tokens":3,"completion_tokens":1,"cost":0.00010}}'
    )
    assert d is not None
    result = chat(d, STOP)
    assert result.tool_calls[0].arguments == {"x": 1.0, "y": 2}
    assert result.usage is not None
    assert result.raw_usage is not None
    given = [*result.tool_calls[0].arguments.values(), *result.raw_usage.values()]
    given.append(result.message["tool_calls"][0]["extra"])
    assert {type(number) for number in given} == {int, float}


@pytest.mark.parametrize(
    "part", [{"type": "text", "text": " and"}, {"text": " and"}, [{"type": "text", "text": " and"}]]
)
def test_a_text_that_is_no_string_is_text_and_replaces_none(part: Any) -> None:
    result = chat(
        chunk({"content": "one"}), chunk({"content": part}), chunk({"content": " two"}), STOP
    )
    assert result.text == "one and two"
    content = result.message["content"]
    assert content in ("one and two", [{"type": "text", "text": "one and two"}])


@pytest.mark.parametrize(
    "delta",
    [
        {"reasoning_text": "why"},
        {"content": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "why"}]}]},
        {"content": {"type": "reasoning", "summary": [{"type": "summary_text", "text": "why"}]}},
        {"content": {"type": "thinking", "thinking": "why"}},
        {"content": [{"type": "reasoning", "text": "why"}]},
    ],
    ids=str,
)
def test_reasoning_in_other_places_is_reasoning(delta: JSON) -> None:
    result = chat(chunk(delta), chunk({"content": "42"}), STOP)
    assert (result.reasoning, result.text) == ("why", "42")


@pytest.mark.parametrize("digits", ["9" * 299, "9" * 300, "9" * 4000, "-" + "9" * 5000])
def test_a_number_in_the_place_of_text_is_its_digits_however_many(
    site: Site, provider: Provider, digits: str
) -> None:
    body = json.dumps(chunk({"content": 7})).replace("7", digits)
    provider.play(frames(chunk({"content": "x"})) + f"data: {body}\n\n".encode() + frames(STOP))
    site.view(lambda: provider.create("openai_chat"))
    assert said_by(site.events()) == f"x{digits}"
