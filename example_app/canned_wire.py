"""The shapes of Anthropic's Messages wire, as far as the canned provider speaks it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


def frame(type_: str, fields: Mapping[str, object]) -> bytes:
    """Encode one server-sent event."""
    data = json.dumps({"type": type_, **fields}, ensure_ascii=False)
    return f"event: {type_}\ndata: {data}\n\n".encode()


def new_message(request: int, model: str, input_tokens: int) -> dict[str, object]:
    """Give the empty message that `message_start` carries."""
    return {
        "id": f"msg_canned_{request}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": input_tokens, "output_tokens": 1},
    }


def text_of(message: Mapping[str, Any]) -> str:
    """Give a message's text, whether its content is a string or a list of blocks."""
    content = message["content"]
    if isinstance(content, str):
        return content
    return " ".join(block.get("text", "") for block in content)


def count_tokens(messages: Sequence[Mapping[str, Any]]) -> int:
    """Guess as one does for English: four letters to the token."""
    return sum(1 + len(text_of(message)) // 4 for message in messages)
