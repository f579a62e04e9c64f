"""What the provider says, in each of the three wires."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.provider import Exchange, frames
from tests.servers.client import RESET_AT_CLOSE
from tests.transcripts.reading import STOP, block, chunk, delta, start


def prompt_of(exchange: Exchange) -> str:
    """The prompt that the app asks for, whatever its wire; also that of a tool."""
    body = exchange.body
    prompt: str = (
        body["messages"][0]["content"]
        if "messages" in body
        else body["input"]
        if "input" in body
        else body["prompt"]
    )
    return prompt


def words_for(prompt: str) -> list[str]:
    """An answer that no other prompt gets."""
    return [f"{prompt}·{number} \u2028{chr(0x1F500 + number)}\n" for number in range(40)]


@dataclass(frozen=True)
class Wire:
    """One provider's way to say things.

    :ivar head: what comes before the first word.
    :ivar word: from a piece of text to the bytes that say it.
    :ivar tail: what comes after the last word.
    :ivar ping: what keeps a connection alive and says nothing.
    :ivar error: a failure, in the stream; its code for the client is `error_code`.
    """

    head: bytes
    word: Callable[[str], bytes]
    tail: bytes
    ping: bytes
    error: bytes
    error_code: str


def _anthropic(text: str) -> bytes:
    inner = {"type": "text_delta", "text": text}
    return frames({"type": "content_block_delta", "index": 0, "delta": inner})


def _openai_chat(text: str) -> bytes:
    return frames(chunk({"content": text}))


_PLACE = {"item_id": "i1", "output_index": 0, "content_index": 0}


def _openai_responses(text: str) -> bytes:
    return frames({"type": "response.output_text.delta", "delta": text, **_PLACE})


def _response(kind: str, **more: Any) -> dict[str, Any]:
    whole = {"id": "r1", "object": "response", "model": "m", "status": kind, "output": []}
    return {"type": f"response.{kind}", "response": whole, **more}


# What the SDKs' helpers, which keep account of it all, cannot do without.
_MESSAGE = {"type": "message", "content": [], "usage": {"input_tokens": 1, "output_tokens": 1}}
_ITEM = {"id": "i1", "type": "message", "role": "assistant", "content": []}
_PART = {"type": "output_text", "text": "", "annotations": []}

WIRES = {
    "anthropic": Wire(
        head=frames(start(model="m", **_MESSAGE), *block(0, {"type": "text", "text": ""})[:1]),
        word=_anthropic,
        tail=frames(
            {"type": "content_block_stop", "index": 0},
            delta("end_turn", usage={"output_tokens": 1}),
            {"type": "message_stop"},
        ),
        ping=frames({"type": "ping"}),
        error=frames({"type": "error", "error": {"type": "overloaded_error", "message": "no"}}),
        error_code="overloaded",
    ),
    "openai_chat": Wire(
        head=frames(chunk({"role": "assistant", "content": ""})),
        word=_openai_chat,
        tail=frames(STOP, done=True),
        ping=b": still here\n\n",
        error=frames({"error": {"message": "no", "code": "rate_limit_exceeded"}}),
        error_code="rate_limited",
    ),
    "openai_responses": Wire(
        head=frames(
            _response("created") | {"type": "response.created"},
            {"type": "response.output_item.added", "output_index": 0, "item": _ITEM},
            {"type": "response.content_part.added", **_PLACE, "part": _PART},
        ),
        word=_openai_responses,
        tail=frames(
            {"type": "response.output_item.done", "output_index": 0, "item": _ITEM},
            _response("completed"),
        ),
        ping=b": still here\n\n",
        error=frames({"type": "error", "code": "server_error", "message": "no", "param": None}),
        error_code="provider_error",
    ),
}

ANTHROPIC = WIRES["anthropic"]
# Those of what the site asks where a path names no wire.
HEAD, TAIL = WIRES["openai_chat"].head, WIRES["openai_chat"].tail
word = WIRES["openai_chat"].word


def wire_of(exchange: Exchange) -> Wire:
    """The wire in which a request was made."""
    if exchange.path.endswith("/messages"):
        return WIRES["anthropic"]
    return WIRES["openai_chat" if exchange.path.endswith("completions") else "openai_responses"]


# -- scripts, and the parts of them -----------------------------------------------------


def speak(exchange: Exchange) -> None:
    """Answer the prompt's own words, one a write."""
    wire = wire_of(exchange)
    exchange.start()
    exchange.send(wire.head)
    for text in words_for(prompt_of(exchange)):
        exchange.send(wire.word(text))
    exchange.send(wire.tail)
    exchange.end()


def cut(exchange: Exchange) -> None:
    """Say two words, and close the connection."""
    wire = wire_of(exchange)
    exchange.start()
    exchange.send(wire.head + wire.word("so far"))
    exchange.cut()


def be_silent(exchange: Exchange, seconds: float) -> None:
    """Say nothing for so long, in which the client must not leave."""
    assert not exchange.gone(seconds), "the client has left"


def reset(exchange: Exchange) -> None:
    """Close the provider's connection with RST, which the client may see before other bytes."""
    connection = exchange.handler.connection
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
    exchange.handler.close_connection = True
    # Not close(): the server's own way to end a connection sends FIN first.
    os.close(connection.detach())


def answer_tool(exchange: Exchange, text: str) -> None:
    """What a tool of the site's (`ask_tool`) comes to."""
    exchange.answer(200, {"text": text})


def is_tool(exchange: Exchange) -> bool:
    return exchange.path == "/tool"
