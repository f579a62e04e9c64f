"""Tool calls of Chat Completions, which nearly every provider cuts up in a way of its own."""

from __future__ import annotations

from typing import Any

import pytest

from flask_stream import Result
from flask_stream.providers.turn import DONE, JSON
from tests.transcripts.reading import STOP, chat, chunk, piece

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
    ],
    ids=[
        *("as OpenAI sends it", "index starts at 1", "no index", "empty id and name later"),
        *("id repeated", "id and name repeated", "id changes", "id changes, name repeated"),
        *("id changes after an empty start", "arguments are an object", "no arguments at first"),
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
