"""What a provider sends beside the words of its answer, and is kept for its own turn: bounded."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from flask_stream import relay
from flask_stream.providers import turn
from flask_stream.providers.digits import loads
from flask_stream.providers.relay import relay_source
from tests.hostile.work import peak_of
from tests.provider import frames
from tests.transcripts.reading import Dicts, block, chat, chunk, collect, piece, read, start

LONG = "x" * 10_000
MOST = 1_000_000
EVENTS = {"Content-Type": "text/event-stream"}

JSON = dict[str, Any]


def anthropic(*dicts: JSON) -> list[JSON]:
    """With a word of the answer's beside them."""
    return [*dicts, *block(0, {"type": "text", "text": ""}, {"type": "text_delta", "text": "a"})]


def open_block(at: int, content: JSON, *deltas: JSON) -> list[JSON]:
    return block(at, content, *deltas)[:-1]


def item(at: int, kind: str, end: str, **more: Any) -> JSON:
    where = {"output_index": at, "item": {"id": f"i{at}", "type": kind, **more}}
    return {"type": f"response.output_item.{end}", **where}


def responses(*dicts: JSON) -> list[JSON]:
    word = {"type": "response.output_text.delta", "output_index": 0, "content_index": 0}
    return [*dicts, {**word, "delta": "a"}]


def arguments_done(at: int) -> list[JSON]:
    done = {"type": "response.function_call_arguments.done", "output_index": at}
    call = item(at, "function_call", "added", call_id=f"c{at}", name="look", arguments="")
    return responses(call, {**done, "arguments": LONG})


SAME = {"type": "web_search_result_location", "url": "https://a.test/", "title": "a"}
KEPT: dict[str, Callable[[int], list[JSON]]] = {
    "anthropic: a block that nobody knows": lambda i: anthropic(*block(i, {"type": LONG})),
    "anthropic: a signature": lambda i: anthropic(
        *block(i, {"type": "thinking"}, {"type": "signature_delta", "signature": LONG})
    ),
    "anthropic: a source that was named before": lambda i: anthropic(
        *open_block(
            i,
            {"type": "text", "text": ""},
            {"type": "citations_delta", "citation": {**SAME, "encrypted_index": LONG}},
        )
    ),
    "anthropic: a summary": lambda i: anthropic(
        *block(i, {"type": "compaction"}, {"type": "compaction_delta", "content": LONG})
    ),
    "anthropic: a call without a name": lambda i: anthropic(
        *open_block(
            i, {"type": "tool_use", "id": "t"}, {"type": "input_json_delta", "partial_json": LONG}
        )
    ),
    "anthropic: usage": lambda i: anthropic(
        {"type": "message_delta", "delta": {}, "usage": {f"u{i}": LONG}}
    ),
    "openai_chat: a field that nobody knows": lambda i: [chunk({"content": "a", "audio": LONG})],
    "openai_chat: a call without a name": lambda i: [
        chunk({"content": "a", **piece(0, "t", None, LONG)})
    ],
    "openai_chat: what is beside a call": lambda i: [
        chunk({"content": "a", "tool_calls": [{"index": 0, "id": "t", "signature": LONG}]})
    ],
    "openai_chat: usage": lambda i: [chunk({"content": "a"}, usage={f"u{i}": LONG})],
    "openai_responses: an item": lambda i: responses(item(i, LONG, "added")),
    "openai_responses: an item's end": lambda i: responses(item(i, LONG, "done")),
    "openai_responses: arguments": arguments_done,
}


@pytest.mark.parametrize("name", KEPT)
def test_what_is_kept_and_told_to_nobody_has_an_end(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn, "_MOST_KEPT", MOST)

    def dicts() -> Iterator[JSON]:
        yield from [start()] if name.startswith("anthropic") else []
        for i in range(1, 10 * MOST // len(LONG)):
            yield from KEPT[name](i)

    told, result = collect(relay_source(Dicts(dicts(), name.partition(":")[0])))
    assert result.error is not None
    assert result.error.code == "provider_error"
    assert result.text.replace("\n", "").startswith("a" * 20)
    assert told


def test_what_tells_no_wire_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "_MOST_KEPT", MOST)
    _, result = collect(relay_source(Dicts([{"x": LONG}] * (2 * MOST // len(LONG)))))
    assert result.error is not None
    assert result.error.code == "provider_error"


def test_what_is_too_large_to_be_kept_is_not_gone_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "_MOST_KEPT", MOST)
    large = chunk({"content": "b", "x": [{"": {}}] * 20_000})
    body = frames(chunk({"content": "a"}), large)
    response = httpx.Response(200, headers=EVENTS, content=iter([body]))
    _, result = collect(relay(response))
    assert (result.error.code if result.error else "", result.text) == ("provider_error", "a")
    assert result.message["content"] == "a"


WORD = {"role": "assistant", "content": "word"}
THOUGHT = {"type": "reasoning.text", "text": "word", "format": None, "index": 0}
HONEST = {
    "OpenRouter's": {
        **WORD,
        "content": "",
        "reasoning": "word",
        "reasoning_details": [THOUGHT],
    },
    "with nulls": {
        **WORD,
        **dict.fromkeys(("reasoning_content", "tool_calls", "refusal", "function_call", "audio")),
    },
    "a call's": piece(0, None, None, "word"),
}


@pytest.mark.parametrize("delta", HONEST.values(), ids=list(HONEST))
def test_a_long_honest_answer_is_far_below_it(delta: JSON, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with 200,000 such deltas, which is more than any model says at once."""
    monkeypatch.setattr(turn, "_MOST_KEPT", turn._MOST_KEPT // 20)
    call = piece(0, "t1", "look", "")
    result = chat(chunk(call), *[chunk(delta)] * 10_000, chunk(finish="stop"))
    assert result.error is None


VALUES = {
    "one long number": "1" * 100_000,
    "numbers with digits of their own": f"[{','.join(['1.00'] * 10_000)}]",
    "long numbers": f"[{','.join(['9' * 298] * 1_000)}]",
    "a text above the BMP": json.dumps("🔦" * 30_000, ensure_ascii=False),
    "lists": f"[{','.join(['[]'] * 10_000)}]",
}


@pytest.mark.parametrize("text", VALUES.values(), ids=list(VALUES))
def test_what_a_value_weighs_is_what_it_takes(text: str) -> None:
    parsed: list[Any] = []
    taken = peak_of(lambda: parsed.append(loads(text)))
    assert turn.weight(parsed[0]) > taken / 3


def test_a_place_with_a_long_name_is_kept_by_its_beginning() -> None:
    assert turn.place("x" * 10**6) == "x" * 100
    assert (turn.place(1), turn.place(1.0), turn.place("1"), turn.place(None)) == ("1",) * 3 + (
        None,
    )


@pytest.mark.parametrize("usage", [{"prompt_tokens": 1}, {"details": {"note": LONG}}])
def test_usage_that_comes_with_every_word_is_kept_once(
    usage: JSON, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn, "_MOST_KEPT", MOST)
    chunks = [chunk({"content": "a"}, usage={**usage, "completion_tokens": i}) for i in range(300)]
    result = chat(*chunks, chunk(finish="stop"))
    assert result.error is None
    assert result.usage is not None
    assert result.usage.output_tokens == 299


def test_words_are_bounded_by_the_apps_own_setting_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "_MOST_KEPT", MOST)
    word = {"type": "text_delta", "text": LONG}
    _, result = read(start(), *block(0, {"type": "text", "text": ""}, *[word] * 200))
    assert (result.error.code if result.error else "", len(result.text)) == (
        "truncated",
        200 * len(LONG),
    )
    assert len(chat(*[chunk({"content": LONG})] * 200, chunk(finish="stop")).text) == 2_000_000


def test_all_that_providers_send_is_far_below_it() -> None:
    """A picture of 6 MB in a delta, and a web search's pages."""
    picture = {
        "type": "image_url",
        "image_url": {"url": "data:image/png;base64," + "A" * 6_000_000},
    }
    assert chat(*[chunk({"images": [picture]})] * 10, chunk(finish="stop")).error is None
