"""Answers on OpenAI's wire of chat completions, for clients that ask it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.provider import frames

USAGE = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {
        "id": "r-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m-9",
        "choices": [choice],
    }


def ending(finish: str = "stop", **usage: Any) -> bytes:
    last = {**chunk(), "choices": [], "usage": {**USAGE, **usage}}
    return frames(chunk(finish), last, done=True)


def pieces(words: Sequence[str]) -> list[bytes]:
    """An answer of these words, a piece each, and its end."""
    first, *rest = words
    begin = frames(chunk(role="assistant", content=first))
    return [begin, *(frames(chunk(content=word)) for word in rest), ending()]


def calling(name: str, parts: Sequence[str], text: str = "", id: str = "c-1") -> list[bytes]:
    """A call whose arguments come in parts, behind a text."""
    function = {"name": name, "arguments": ""}
    call = {"index": 0, "id": id, "type": "function", "function": function}
    begin = chunk(role="assistant", content=text) if text else chunk(role="assistant")
    return [
        frames(begin, chunk(tool_calls=[call])),
        *(
            frames(chunk(tool_calls=[{"index": 0, "function": {"arguments": part}}]))
            for part in parts
        ),
        ending("tool_calls"),
    ]


def whole(words: Sequence[str]) -> dict[str, Any]:
    """The same answer, unstreamed."""
    message = {"role": "assistant", "content": "".join(words)}
    return {
        "id": "r-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m-9",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": USAGE,
    }
