"""The three wires, as bytes in which only the words are left to fill in.

Their frames are as long as the real ones, since to take them apart is what is measured.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

_TEXT = "%(text)b"
_NUMBER = 12345678  # stands where a running number will
MODEL = "bench-model-2026-11-01"


@dataclass(frozen=True)
class Wire:
    """:ivar head: what comes before the first word.
    :ivar word: a word, with places for its `text` and its `number`.
    :ivar tail: what comes behind the last word, with places for the whole `text` and a `number`.
    """

    path: str
    head: bytes
    word: bytes
    tail: bytes


def _frames(*dicts: dict[str, Any], end: str = "") -> bytes:
    out = []
    for each in dicts:
        if "type" in each:
            out.append(f"event: {each['type']}\n")
        out.append(f"data: {json.dumps(each, separators=(',', ':'))}\n\n")
    text = ("".join(out) + end).replace(str(_NUMBER), "%(number)d")
    return text.encode()


def _chat() -> Wire:
    def chunk(**rest: Any) -> dict[str, Any]:
        return {
            "id": "chatcmpl-CbenchBenchBenchBenchBenchBenc",
            "object": "chat.completion.chunk",
            "created": 1793500000,
            "model": MODEL,
            "service_tier": "default",
            "system_fingerprint": "fp_bench00000",
            **rest,
        }

    def choice(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}

    usage = {"prompt_tokens": 20, "completion_tokens": 60, "total_tokens": 80}
    role = {"role": "assistant", "content": "", "refusal": None}
    return Wire(
        "/v1/chat/completions",
        _frames(chunk(choices=[choice(role)])),
        _frames(chunk(choices=[choice({"content": _TEXT})])),
        _frames(
            chunk(choices=[choice({}, "stop")]),
            chunk(choices=[], usage=usage),
            end="data: [DONE]\n\n",
        ),
    )


def _responses() -> Wire:
    item_id = "msg_bench0000000000000000000000000000000000000000000"

    def event(kind: str, **rest: Any) -> dict[str, Any]:
        return {"type": f"response.{kind}", "sequence_number": _NUMBER, **rest}

    def response(status: str, **rest: Any) -> dict[str, Any]:
        return {
            "id": "resp_bench000000000000000000000000000000000000000000",
            "object": "response",
            "created_at": 1793500000,
            "status": status,
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "model": MODEL,
            "output": [],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": None,
            "metadata": {},
            **rest,
        }

    def part(text: str) -> dict[str, Any]:
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}

    def message(status: str, *content: dict[str, Any]) -> dict[str, Any]:
        about = {"id": item_id, "type": "message", "role": "assistant", "status": status}
        return {**about, "content": list(content)}

    usage = {
        "input_tokens": 20,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 60,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 80,
    }
    where = {"item_id": item_id, "output_index": 0, "content_index": 0}
    whole = message("completed", part(_TEXT))
    return Wire(
        "/v1/responses",
        _frames(
            event("created", response=response("in_progress")),
            event("in_progress", response=response("in_progress")),
            event("output_item.added", output_index=0, item=message("in_progress")),
            event("content_part.added", **where, part=part("")),
        ),
        _frames(
            event(
                "output_text.delta", **where, delta=_TEXT, logprobs=[], obfuscation="bTn4kY0qWx7Lr"
            )
        ),
        _frames(
            event("output_text.done", **where, text=_TEXT, logprobs=[]),
            event("content_part.done", **where, part=part(_TEXT)),
            event("output_item.done", output_index=0, item=whole),
            event("completed", response=response("completed", output=[whole], usage=usage)),
        ),
    )


def _anthropic() -> Wire:
    usage = {
        "input_tokens": 20,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": 1,
        "service_tier": "standard",
    }
    message: dict[str, Any] = {
        "id": "msg_01Bench0000000000000000",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }
    delta = {"type": "text_delta", "text": _TEXT}
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    text = {"type": "text", "text": ""}
    return Wire(
        "/v1/messages",
        _frames(
            {"type": "message_start", "message": message},
            {"type": "content_block_start", "index": 0, "content_block": text},
            {"type": "ping"},
        ),
        _frames({"type": "content_block_delta", "index": 0, "delta": delta}),
        _frames(
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": end, "usage": {"output_tokens": 60}},
            {"type": "message_stop"},
        ),
    )


CHAT = "openai chat"
RESPONSES = "openai responses"
ANTHROPIC = "anthropic"
WIRES = {CHAT: _chat(), RESPONSES: _responses(), ANTHROPIC: _anthropic()}
