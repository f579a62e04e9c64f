"""The shapes of Anthropic's Messages wire, as far as the canned provider speaks it."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

JSON = dict[str, Any]


@dataclass(frozen=True)
class Block:
    """A content block: what `content_block_start` carries, and the deltas that follow."""

    start: JSON
    deltas: tuple[JSON, ...]

    @property
    def text(self) -> str:
        """The words of a text block, to be read by the user."""
        return "".join(delta["text"] for delta in self.deltas if delta["type"] == "text_delta")


def text_block(text: str, citation: JSON | None = None) -> Block:
    """Say `text`; a citation comes before the words that it stands behind."""
    deltas = tuple({"type": "text_delta", "text": piece} for piece in pieces(text))
    if citation is None:
        return Block({"type": "text", "text": ""}, deltas)
    cited = {"type": "citations_delta", "citation": citation}
    return Block({"type": "text", "text": "", "citations": []}, (cited, *deltas))


def thinking_block(text: str) -> Block:
    """Think aloud."""
    deltas = tuple({"type": "thinking_delta", "thinking": piece} for piece in pieces(text))
    signature = {"type": "signature_delta", "signature": "Y2FubmVk"}
    return Block({"type": "thinking", "thinking": "", "signature": ""}, (*deltas, signature))


def tool_use_block(id: str, name: str, input: JSON) -> Block:
    """Call one of the app's tools."""
    parts = ["", *re.findall(".{1,12}", json.dumps(input, ensure_ascii=False))]
    deltas = tuple({"type": "input_json_delta", "partial_json": part} for part in parts)
    return Block({"type": "tool_use", "id": id, "name": name, "input": {}}, deltas)


def pieces(text: str) -> list[str]:
    """Cut at most six letters at a time, about what a model's tokens come to in English."""
    return re.findall(r"\s*\S{1,6}", text)


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


def blocks_of(message: Mapping[str, Any], type_: str) -> list[JSON]:
    """Give a message's blocks of that type, whether its content is a string or a list of blocks."""
    content = message["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [block for block in blocks if block["type"] == type_]


def asked_in(messages: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Give the message with the user's last words: behind it are tool calls and their results."""
    of_user = (message for message in reversed(messages) if message["role"] == "user")
    return next(message for message in of_user if blocks_of(message, "text"))


def prompt_of(messages: Sequence[Mapping[str, Any]]) -> str:
    """Give the user's last words; those before them are the names of his files."""
    return str(blocks_of(asked_in(messages), "text")[-1]["text"])


def files_of(messages: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
    """Give the name and the size of each file that came with the user's last words."""
    content = asked_in(messages)["content"]
    blocks = [] if isinstance(content, str) else content
    return [
        (named["text"].removesuffix(":"), _size(file["source"]))
        for named, file in pairwise(blocks)
        if file["type"] in ("image", "document")
    ]


def _size(source: Mapping[str, Any]) -> int:
    data: str = source["data"]
    return len(b64decode(data) if source["type"] == "base64" else data.encode())


def count_tokens(messages: Sequence[Mapping[str, Any]]) -> int:
    """Guess as one does for English: four letters to the token."""
    return sum(1 + len(json.dumps(message["content"])) // 4 for message in messages)
