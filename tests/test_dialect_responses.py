"""Responses as gateways send them: parts that only come whole, ends that are missing, pictures."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from flask_stream import Event, Result
from flask_stream.events import JSON
from tests.transcripts.reading import block, delta, read, start

PNG = "iVBORw0KGgoAAAANSUhEUg"
URL = f"data:image/png;base64,{PNG}"


def event(type: str, index: int | None = 0, **more: Any) -> JSON:
    place = {} if index is None else {"output_index": index}
    return {"type": f"response.{type}", **place, **more}


def ended(**response: Any) -> JSON:
    return {"type": "response.completed", "response": {"status": "completed", **response}}


def responses(*dicts: JSON) -> tuple[list[Event], Result]:
    return read(*dicts, wire="openai_responses")


def added(index: int, type: str, **more: Any) -> JSON:
    return event("output_item.added", index, item={"type": type, "id": f"i{index}", **more})


def done(index: int | None, type: str, **more: Any) -> JSON:
    return event("output_item.done", index, item={"type": type, "id": f"i{index}", **more})


def spoken(text: object, index: int | None = 0, **more: Any) -> JSON:
    return event("output_text.delta", index, content_index=0, delta=text, **more)


def parts(type: str, *texts: str) -> list[JSON]:
    return [{"type": type, "text": text} for text in texts]


WHOLE = done(0, "reasoning", summary=parts("summary_text", "A", "B"))


# -- reasoning ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dicts",
    [
        [WHOLE],
        [added(0, "reasoning", summary=[]), WHOLE],
        [done(0, "reasoning", content=parts("reasoning_text", "A", "B"), summary=[])],
        [
            event("reasoning_summary_text.done", summary_index=0, text="A"),
            event("reasoning_summary_text.done", summary_index=1, text="B"),
            WHOLE,
        ],
        [
            event("reasoning_summary_part.done", summary_index=0, part=WHOLE["item"]["summary"][0]),
            event("reasoning_summary_part.done", summary_index=1, part=WHOLE["item"]["summary"][1]),
            WHOLE,
        ],
        [
            event("reasoning_text.done", content_index=0, text="A"),
            event("reasoning_text.done", content_index=1, text="B"),
        ],
        [
            event("reasoning_summary_text.delta", summary_index=0, delta="A"),
            event("reasoning_summary_text.done", summary_index=0, text="A"),
            WHOLE,
        ],
        [
            event("reasoning_summary_text.delta", summary_index=0, delta="A"),
            event("reasoning_summary_text.delta", summary_index=1, delta="B"),
            WHOLE,
        ],
        [
            event("reasoning_text.delta", content_index=0, delta="A\n\n"),
            event("reasoning_text.delta", content_index=0, delta="B"),
            WHOLE,
        ],
        [event("reasoning_summary_text.delta", None, delta="A\n\nB"), WHOLE],
        [done(0, "reasoning", summary=parts("summary_text", "A")), done(1, "reasoning",
            summary=parts("summary_text", "B"))],
    ],
    ids=[
        *("only the item", "a beginning and the item", "the item's content", "texts' ends"),
        *("parts' ends", "raw texts' ends", "one part in pieces", "all in pieces"),
        *("pieces of another kind", "pieces without a place", "two items"),
    ],
)  # fmt: skip
def test_reasoning_is_told_once_however_it_comes(dicts: list[JSON]) -> None:
    _, result = responses(*dicts, spoken("42", 2), ended())
    assert (result.reasoning, result.text) == ("A\n\nB", "42")


def test_a_summary_is_told_and_not_also_what_it_sums_up() -> None:
    both = done(
        0, "reasoning", summary=parts("summary_text", "A"), content=parts("reasoning_text", "long")
    )
    assert responses(both, ended())[1].reasoning == "A"


# -- texts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("between", "text"),
    [
        ([added(1, "message")], "One.\n\nTwo."),
        ([], "One.\n\nTwo."),
        ([done(1, "web_search_call", action={"query": "q"})], "One.\n\nTwo."),
        ([event("reasoning_text.delta", 1, content_index=0, delta="hm")], "One.\n\nTwo."),
    ],
    ids=["a beginning", "nothing", "a call", "reasoning"],
)
def test_another_message_item_is_set_apart(between: list[JSON], text: str) -> None:
    assert responses(spoken("One."), *between, spoken("Two.", 2), ended())[1].text == text


def test_pieces_whose_ids_change_and_that_have_no_place_are_one_text() -> None:
    pieces = [spoken(letter, None, item_id=letter) for letter in "abc"]
    assert responses(*pieces, ended())[1].text == "abc"


def test_a_part_that_only_comes_whole_is_told_once() -> None:
    part = {"type": "output_text", "text": "42"}
    whole = event("content_part.done", content_index=0, part=part)
    item = done(0, "message", content=[part])
    assert responses(whole, item, ended())[1].text == "42"
    assert responses(spoken("42"), whole, item, ended())[1].text == "42"


# -- the turn -------------------------------------------------------------------------------


def kept(*dicts: JSON) -> Any:
    return responses(*dicts)[1].message


@pytest.mark.parametrize("end", [ended(), ended(output=[]), ended(output=None)], ids=str)
def test_an_answer_without_an_output_is_put_together_from_its_pieces(end: JSON) -> None:
    said = {"type": "output_text", "text": "ab", "annotations": []}
    message = {"type": "message", "role": "assistant", "content": [said]}
    assert kept(spoken("a"), spoken("b"), end) == [message]
    assert kept(added(0, "message", status="in_progress"), spoken("a"), spoken("b"), end) == [
        {**message, "id": "i0", "status": "completed"}
    ]
    call = {"call_id": "c", "name": "f", "arguments": ""}
    arguments = event("function_call_arguments.delta", 1, delta='{"x":1}')
    assert kept(spoken("a"), spoken("b"), added(1, "function_call", **call), arguments, end) == [
        message,
        {"type": "function_call", "id": "i1", **call, "arguments": '{"x":1}'},
    ]
    summary = event("reasoning_summary_text.delta", 1, summary_index=0, delta="hm")
    assert kept(spoken("a"), spoken("b"), summary, end) == [
        message,
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
    ]


def test_items_that_have_their_ends_are_as_they_came_and_in_order() -> None:
    said = {"type": "output_text", "text": "ab", "annotations": [], "logprobs": []}
    items = [
        done(0, "reasoning", summary=[], encrypted_content="ZW5j"),
        done(1, "message", role="assistant", content=[said]),
        done(2, "a_new_item", data=[1, {"x": 0.5}]),
    ]
    assert kept(items[0], spoken("ab", 1), *items[1:], ended()) == [d["item"] for d in items]


def test_of_an_answer_that_was_cut_only_whole_items_are_kept() -> None:
    item = done(0, "message", role="assistant", content=[])
    assert kept(item, spoken("half", 1)) == [item["item"]]
    assert kept(spoken("half")) is None


@pytest.mark.parametrize(
    ("response", "code"),
    [
        ({"status": "failed", "error": {"code": "rate_limit_exceeded"}}, "rate_limited"),
        ({"status": "completed", "error": {"code": "server_error"}}, "provider_error"),
        ({"status": "cancelled"}, "provider_error"),
    ],
    ids=str,
)
def test_the_status_has_the_last_word(response: JSON, code: str) -> None:
    result = responses(spoken("a"), {"type": "response.completed", "response": response})[1]
    assert result.error is not None
    assert (result.text, result.error.code) == ("a", code)


def test_an_answer_that_is_incomplete_by_its_status_only_is_so() -> None:
    details = {"reason": "max_output_tokens"}
    result = responses(spoken("a"), ended(status="incomplete", incomplete_details=details))[1]
    assert (result.outcome, result.stop_reason) == ("complete", "length")


def test_a_call_that_failed_is_not_the_response() -> None:
    failed = {"type": "response.mcp_call.failed", "error": "gone", "output_index": 0}
    assert responses(failed, spoken("a", 1), ended())[1].outcome == "complete"


# -- code and pictures ----------------------------------------------------------------------


@pytest.mark.parametrize("has_end", [True, False], ids=["whole", "without its end"])
def test_the_code_that_an_interpreter_runs_comes_as_json_text(has_end: bool) -> None:
    code = 'print("a\\n")\n# \U0001f526'
    pieces = [code[:8], code[8:12], code[12:]]
    deltas = [event("code_interpreter_call_code.delta", delta=piece) for piece in pieces]
    end = [done(0, "code_interpreter_call", code=code, outputs=None)] if has_end else []
    events, result = responses(added(0, "code_interpreter_call"), *deltas, *end, ended())
    told = [e.payload()["arguments"] for e in events if e.kind == "tool_call_delta"]
    assert json.loads("".join(told)) == {"code": code}
    assert [call.arguments for call in result.server_tool_calls] == [{"code": code}]
    assert result.message[0]["code"] == code


def test_pictures_are_in_the_message_and_in_no_event() -> None:
    items = [
        done(0, "image_generation_call", result=PNG, output_format="png", size="1x1"),
        done(1, "code_interpreter_call", code="x", outputs=[{"type": "image", "url": URL}]),
        done(2, "mcp_call", name="shot", arguments="{}", output=f"See {URL} there"),
    ]
    partial = event("image_generation_call.partial_image", partial_image_b64=PNG)
    events, result = responses(partial, *items, ended())
    assert PNG not in json.dumps([e.payload() for e in events])
    assert [found.result for found in result.tool_results] == [
        {"type": "image", "output_format": "png", "size": "1x1"},
        [{"type": "image", "url": "data:image/png;base64,"}],
        "See data:image/png;base64, there",
    ]
    assert json.dumps(result.message).count(PNG) == 3


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (
            [{"type": "image", "source": {"type": "base64", "media_type": "a/b", "data": PNG}}],
            [{"type": "image", "source": {"type": "base64", "media_type": "a/b"}}],
        ),
        (
            [{"type": "image", "data": PNG, "mimeType": "image/png"}],
            [{"type": "image", "mimeType": "image/png"}],
        ),
        (
            [{"type": "resource", "resource": {"uri": "a:b", "blob": PNG}}],
            [{"type": "resource", "resource": {"uri": "a:b"}}],
        ),
        (f"![]({URL})", "![](data:image/png;base64,)"),
        ([{"type": "text", "text": "data: base64, PNG"}],) * 2,
        ([{"type": "text", "data": "a row"}],) * 2,
    ],
    ids=["Anthropic's source", "MCP's image", "MCP's resource", "in text", "only words", "data"],
)
def test_pictures_in_results_of_messages_are_in_no_event(content: Any, shown: Any) -> None:
    found = {"type": "mcp_tool_result", "tool_use_id": "t", "content": content}
    stream = [start(), *block(0, found), delta("end_turn"), {"type": "message_stop"}]
    result = read(*stream, wire="anthropic")[1]
    assert [each.result for each in result.tool_results] == [shown]
    assert result.message["content"] == [found]


# -- many -----------------------------------------------------------------------------------

CALL = {"call_id": "c", "name": "f", "arguments": "{}"}


@pytest.mark.parametrize(
    "dicts",
    [
        [done(at, "function_call", **CALL) for at in range(8000)],
        [done(0, "function_call", **CALL)] * 8000,
        [event("output_text.delta", content_index=at, delta="x") for at in range(8000)],
        [spoken("x", at) for at in range(8000)],
        [done(at, "message", content=parts("output_text", "x")) for at in range(8000)],
    ],
    ids=["calls", "calls of one place", "parts of one item", "items in pieces", "whole items"],
)
def test_8000_items_are_read_in_linear_time(dicts: list[JSON]) -> None:
    begun = time.monotonic()
    assert responses(*dicts, ended())[1].outcome == "complete"
    assert time.monotonic() - begun < 15
