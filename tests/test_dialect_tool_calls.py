"""Tool calls of Chat Completions, which nearly every provider cuts up in a way of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from flask_stream import Result, relay
from flask_stream.events import JSON
from flask_stream.providers.turn import DONE
from tests.conftest import Site
from tests.provider import Provider, frames
from tests.transcripts.reading import STOP, chat, chunk, piece, read

CALLED = chunk(finish="tool_calls")


def calls_of(result: Result) -> list[tuple[str, Any]]:
    return [(call.name, call.arguments) for call in result.tool_calls]


@pytest.mark.parametrize(
    "pieces",
    [
        [piece(0, "a", "f", '{"x"'), piece(0, None, None, ":1}")],
        [piece(1, "a", "f", '{"x"'), piece(1, None, None, ":1}")],
        [piece(None, "a", "f", '{"x"'), piece(None, None, None, ":1}")],
        [piece(0, "a", "f", '{"x"'), piece(0, "", "", ":1}")],
        [piece(0, "a", "f", '{"x"'), piece(0, "a", None, ":1}")],
        [piece(0, "a", "f", '{"x"'), piece(0, "a", "f", ":1}")],
        [piece(0, "a", "f", '{"x"'), piece(0, "b", None, ":1}"), piece(0, "c", None, "")],
        [piece(0, "a", "f", '{"x"'), piece(0, "b", "f", ":1}"), piece(0, "c", None, "")],
        [piece(0, "a", "f", ""), piece(0, "b", "f", '{"x":1}')],
        [piece(0, "a", "f", {"x": 1})],
        [piece(0, "a", "f"), piece(0, None, None, '{"x":1}')],
        [piece(0, "a", "", ""), piece(0, "a", "f", '{"x":1}')],
        [piece(0, "a", None, ""), piece(0, None, "f", '{"x":1}')],
        [piece(0, "a", None, '{"x"'), piece(0, None, "f", ":1}")],
        [piece(0, "a", None, '{"x":1}'), piece(0, None, "f")],
        [piece(None, "a", "", ""), piece(None, None, "f", '{"x":1}')],
        [piece(0, "a", "", ""), piece(0, "b", "f", '{"x":1}')],
        [piece(0, "a", "f", '{"x":'), piece(0, None, None, 1), piece(0, None, None, "}")],
        [piece(0, "a", "f", '{"x":1}'), piece(0, "a", "f", "\n")],
        [piece(0, "a", "f", '{"x":1}'), piece(0, "a", "f", "")],
        [piece(0, "a", "f", '{"x"'), piece(0, None, None, ":1}"), piece(0, "a", "f", '{"x":1}')],
        [{"tool_calls": [None, *piece(0, "a", "f", '{"x":1}')["tool_calls"], "f"]}],
    ],
    ids=[
        *("as OpenAI sends it", "index starts at 1", "no index", "empty id and name later"),
        *("id repeated", "id and name repeated", "id changes", "id changes, name repeated"),
        *("id changes after an empty start", "arguments are an object", "no arguments at first"),
        *("name late, empty at first", "name late, absent at first", "name amid the arguments"),
        *("name behind the arguments", "name late, no index", "name late, id changes"),
        *("a number as a piece", "a line's end behind it"),
        "the name said again at the end",
        *("all of it said again at the end", "what is no piece beside it"),
    ],
)
def test_the_pieces_of_one_tool_call_are_put_together(pieces: list[JSON]) -> None:
    result = chat(*(chunk(p) for p in pieces), CALLED, DONE)
    assert calls_of(result) == [("f", {"x": 1})]
    assert result.tool_calls[0].id == "a"
    assert [call["id"] for call in result.message["tool_calls"]] == ["a"]
    assert [call["function"]["name"] for call in result.message["tool_calls"]] == ["f"]


@pytest.mark.parametrize(
    "pieces",
    [
        [piece(0, "a", "f", '{"x":1}'), piece(1, "b", "f", '{"x":2}')],
        [piece(1, "a", "f", '{"x":1}'), piece(2, "b", "f", '{"x":2}')],
        [piece(0, "a", "f", '{"x":1}'), piece(0, "b", "f", '{"x":2}')],
        [piece(None, "a", "f", '{"x":1}'), piece(None, "b", "f", '{"x":2}')],
        [piece(0, "a", "f", {"x": 1}), piece(0, "b", "f", {"x": 2})],
        [
            piece(None, "a", "f", '{"x":'),
            piece(None, None, None, "1}"),
            piece(None, "b", "f", '{"x":'),
            piece(None, None, None, "2}"),
        ],
        [
            piece(0, "a", "f", ""),
            piece(1, "b", "f", ""),
            piece(0, None, None, '{"x":1}'),
            piece(1, None, None, '{"x":2}'),
        ],
        [
            {
                "tool_calls": [
                    *piece(0, "a", "f", '{"x":1}')["tool_calls"],
                    *piece(0, "b", "f", '{"x":2}')["tool_calls"],
                ]
            }
        ],
    ],
    ids=[
        *("as OpenAI sends them", "indexes start at 1", "same index", "no index"),
        *("same index, objects", "no index, in pieces", "interleaved", "same index in one chunk"),
    ],
)
def test_the_pieces_of_two_tool_calls_are_kept_apart(pieces: list[JSON]) -> None:
    result = chat(*(chunk(p) for p in pieces), CALLED, DONE)
    assert calls_of(result) == [("f", {"x": 1}), ("f", {"x": 2})]
    assert [call.id for call in result.tool_calls] == ["a", "b"]
    assert [call["id"] for call in result.message["tool_calls"]] == ["a", "b"]


@pytest.mark.parametrize("index", [0, None])
@pytest.mark.parametrize("id", [None, ""])
@pytest.mark.parametrize(
    "pieces",
    [
        [("f", '{"x":1}'), ("f", '{"x":2}')],
        [("f", {"x": 1}), ("f", {"x": 2})],
        [("f", '{"x":'), (None, "1}"), ("f", '{"x":'), ("", "2}")],
        [("f", ""), (None, '{"x":1}'), ("f", ""), (None, '{"x":2}')],
        [("f", '{"x":1}'), ("f", '{"x":2}'), ("f", "")],
    ],
    ids=["whole", "objects", "in pieces", "names first", "the last name said again"],
)
def test_parallel_calls_without_ids_are_as_many_as_there_are(
    pieces: list[tuple[Any, Any]], id: str | None, index: int | None
) -> None:
    result = chat(*(chunk(piece(index, id, *p)) for p in pieces), CALLED, DONE)
    assert calls_of(result) == [("f", {"x": 1}), ("f", {"x": 2})]
    kept = [call["function"]["arguments"] for call in result.message["tool_calls"]]
    assert [json.loads(text) for text in kept] == [{"x": 1}, {"x": 2}]


@pytest.mark.parametrize("index", [0, None])
def test_another_name_behind_arguments_is_another_call(index: int | None) -> None:
    both = [piece(index, None, "f", '{"x":1}'), piece(index, None, "g", "{}")]
    in_one = {"tool_calls": [call for each in both for call in each["tool_calls"]]}
    for deltas in (both, [in_one]):
        result = chat(*(chunk(each) for each in deltas), CALLED, DONE)
        assert calls_of(result) == [("f", {"x": 1}), ("g", {})]


def kinds_of(*deltas: JSON) -> list[Any]:
    events, _ = read(*(chunk(each) for each in deltas), CALLED, DONE, wire="openai_chat")
    return [e.payload() for e in events if e.kind in ("tool_call_start", "tool_call_delta")]


def test_a_call_begins_once_its_name_is_known_and_then_tells_what_came_before() -> None:
    assert kinds_of(
        piece(0, "a", "", '{"x"'), piece(0, "a", None, ":"), piece(0, "a", "f", "1}")
    ) == [
        {"id": "a", "name": "f"},
        {"id": "a", "arguments": '{"x":'},
        {"id": "a", "arguments": "1}"},
    ]


@pytest.mark.parametrize("names", [["we", "ath", "er"], ["we", "weather"], ["weather", "weather"]])
def test_a_name_that_comes_in_pieces_is_told_whole(names: list[str]) -> None:
    pieces = [piece(0, "a" if not at else None, name, "") for at, name in enumerate(names)]
    starts = kinds_of(*pieces, piece(0, None, None, "{}"))
    assert starts[0] == {"id": "a", "name": "weather"}
    assert len(starts) == 2


@pytest.mark.parametrize(
    "other", [{"content": "x"}, {"reasoning": "x"}, piece(1, "b", "g", "")], ids=str
)
def test_a_call_begins_at_the_latest_when_something_else_comes(other: JSON) -> None:
    events, _ = read(chunk(piece(0, "a", "f", "")), chunk(other), wire="openai_chat")
    assert [event.kind for event in events][1] == "tool_call_start"


def test_a_call_that_never_gets_a_name_has_no_beginning_and_is_not_lost() -> None:
    pieces = [piece(0, "a", None, '{"x"'), piece(0, None, "", ":1}")]
    assert kinds_of(*pieces) == []
    result = chat(*(chunk(each) for each in pieces), CALLED, DONE)
    assert calls_of(result) == [("", {"x": 1})]


def test_a_call_without_name_and_arguments_is_none() -> None:
    result = chat(chunk({"content": "x"}), chunk(piece(0, "a", "", "")), STOP, DONE)
    assert (result.tool_calls, result.stop_reason) == ([], "stop")
    assert "tool_calls" not in result.message


@pytest.mark.parametrize(
    "pieces",
    [
        [piece(0, "a", "f", "{"), *[piece(0, "a", "f", '"x":1,')] * 8000],
        [piece(0, "a", "f", "{"), *[piece(0, f"b{at}", "f", '"x":1,') for at in range(8000)]],
        [piece(0, None, "f", "{"), *[piece(0, None, "f", '"x":1,')] * 8000],
        [piece(None, f"a{at}", "f", "{}") for at in range(8000)],
        [piece(0, None, "f", "{}")] * 8000,
        [piece(0, "a", "", '"x":1,')] * 8000,
    ],
    ids=[
        *("all said again", "id changes", "name said again", "calls without an index"),
        *("calls of one index", "no name"),
    ],
)
def test_8000_pieces_of_tool_calls_are_read_in_linear_time(pieces: list[JSON]) -> None:
    begun = time.monotonic()
    assert chat(*(chunk(each) for each in pieces), CALLED).tool_calls
    assert time.monotonic() - begun < 15


def test_an_id_that_is_made_up_is_no_other_calls() -> None:
    result = chat(chunk(piece(0, "call_0", "f", "{}")), chunk(piece(1, "", "g", "{}")), CALLED)
    ids = [call.id for call in result.tool_calls]
    assert ids[0] == "call_0"
    assert len(set(ids)) == 2


def test_calls_without_ids_of_all_steps_can_be_told_apart(site: Site, provider: Provider) -> None:
    """A page knows each of a run's calls by its id."""
    calling = frames(chunk(piece(0, None, "f", "{}")), CALLED, done=True)
    provider.play(calling, calling, frames(chunk({"content": "Done."}), STOP, done=True))
    asked: list[JSON] = []

    def view() -> Iterator[Any]:
        while True:
            result = yield from relay(provider.create("openai_chat"))
            asked.extend(result.message.get("tool_calls", []))
            if not result.tool_calls:
                return

    site.view(view)
    ids = [data["id"] for kind, data in site.events() if kind == "tool_call"]
    assert len(set(ids)) == 2
    assert [call["id"] for call in asked] == ids


@pytest.mark.parametrize("index", [0, None])
@pytest.mark.parametrize("id", ["a", "f"], ids=["an id", "the name as id"])
@pytest.mark.parametrize("chunks", [1, 2])
def test_calls_that_have_the_same_id_are_apart_and_can_be_answered(
    index: int | None, id: str, chunks: int
) -> None:
    pieces = [piece(index, id, "f", f'{{"x":{x}}}') for x in (1, 2)]
    if chunks == 1:
        pieces = [{"tool_calls": [call for p in pieces for call in p["tool_calls"]]}]
    result = chat(*map(chunk, pieces), CALLED, DONE)
    assert calls_of(result) == [("f", {"x": 1}), ("f", {"x": 2})]
    ids = [call.id for call in result.tool_calls]
    assert len(set(ids)) == 2
    assert [call["id"] for call in result.message["tool_calls"]] == ids


def test_calls_that_have_the_same_id_may_come_in_pieces() -> None:
    pieces = [piece(None, "a", "f", '{"x"'), piece(None, "a", None, ":1}")]
    pieces += [piece(None, "a", "f", '{"x":'), piece(None, "a", None, "2}")]
    result = chat(*map(chunk, pieces), CALLED, DONE)
    assert calls_of(result) == [("f", {"x": 1}), ("f", {"x": 2})]


@pytest.mark.parametrize("again", ["", '{"x":2}'])
def test_a_call_whose_id_is_anothers_too_knows_what_is_said_again(again: str) -> None:
    first, second = piece(0, "a", "f", '{"x":1}'), piece(1, "a", "g", '{"x":2}')
    result = chat(*map(chunk, [first, second, piece(1, "a", "g", again)]), CALLED, DONE)
    assert calls_of(result) == [("f", {"x": 1}), ("g", {"x": 2})]


def test_free_text_that_looks_whole_may_go_on_in_a_piece_that_has_the_name_again() -> None:
    pieces = [
        {"tool_calls": [{"index": 0, "id": "a", "custom": {"name": "run", "input": text}}]}
        for text in ("f() {}", "\ng()")
    ]
    assert calls_of(chat(*map(chunk, pieces), CALLED, DONE)) == [("run", "f() {}\ng()")]


def test_parallel_calls_of_one_name_without_arguments_are_as_many_as_there_are() -> None:
    both = [piece(None, None, "f")["tool_calls"][0]] * 2
    assert calls_of(chat(chunk({"tool_calls": both}), CALLED, DONE)) == [("f", {}), ("f", {})]


def test_calls_without_any_id_get_ids_of_their_own() -> None:
    result = chat(
        chunk(piece(0, "", "f", '{"x":1}')), chunk(piece(1, None, "g", '{"x":2}')), CALLED
    )
    ids = [call.id for call in result.tool_calls]
    assert len(set(ids)) == 2
    assert all(ids)
    assert [call["id"] for call in result.message["tool_calls"]] == ids


def test_a_tool_call_keeps_in_the_message_what_else_its_provider_put_beside_it() -> None:
    """Gemini's thought signature, say, without which it refuses the next request."""
    delta = piece(0, "a", "f", "{}")
    delta["tool_calls"][0]["extra_content"] = {"google": {"thought_signature": "c2ln"}}
    (call,) = chat(chunk(delta), CALLED, DONE).message["tool_calls"]
    assert call == {
        "id": "a",
        "type": "function",
        "function": {"name": "f", "arguments": "{}"},
        "extra_content": {"google": {"thought_signature": "c2ln"}},
    }


def test_the_deprecated_function_call_is_a_tool_call_to_answer() -> None:
    result = chat(
        chunk(
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": ""}}
        ),
        chunk({"function_call": {"arguments": '{"x":'}}),
        chunk({"function_call": {"arguments": "1}"}}),
        chunk(finish="function_call"),
        DONE,
    )
    assert calls_of(result) == [("f", {"x": 1})]
    assert result.stop_reason == "tool_calls"
    assert result.message["function_call"] == {"name": "f", "arguments": '{"x":1}'}
    assert "tool_calls" not in result.message


def test_a_stop_beside_tool_calls_is_tool_calls() -> None:
    assert chat(chunk(piece(0, "a", "f", "{}")), STOP, DONE).stop_reason == "tool_calls"
