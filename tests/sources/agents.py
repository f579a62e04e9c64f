"""What the tests of agents share: a model's answers as chat completions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.provider import Exchange, Script
from tests.sources import openai_wire

if TYPE_CHECKING:
    from openai import AsyncOpenAI

PLACE = "Ar-Men"
FOUND = {"steps": 214, "place": PLACE}  # what the tool `look` gives
ANSWER = ["It has ", "214 steps.", " Bring a lamp 🔦."]


def words(*told: str) -> list[bytes]:
    """An answer of these words."""
    return openai_wire.pieces(told)


def calling(said: str = "", id: str = "call_1") -> list[bytes]:
    """The model calls `look`, behind words where there are any."""
    arguments = json.dumps({"place": PLACE})
    return openai_wire.calling("look", [arguments[:5], arguments[5:]], said, id)


def words_for(exchange: Exchange) -> list[bytes]:
    """An answer that no other question gets: after a call of the tool."""
    messages = exchange.body["messages"]
    question = next(each["content"] for each in messages if each["role"] == "user")
    if messages[-1]["role"] != "tool":
        return calling(id=f"call_{question}")
    return words(*(f"{question}·{number} " for number in range(20)))


def expected_for(question: str) -> str:
    return "".join(f"{question}·{number} " for number in range(20))


def once(told: list[bytes]) -> Script:
    """Answer on a connection that is used once: nobody has the client of a snippet, to close it."""

    def script(exchange: Exchange) -> None:
        exchange.start(chunked=False)
        for piece in told:
            exchange.send(piece)

    return script


def client(base: str) -> AsyncOpenAI:
    """OpenAI's, whose connections are used once: those of several loops cannot be closed by one."""
    import httpx2  # not every environment of agents has them
    from openai import AsyncOpenAI

    http = httpx2.AsyncClient(limits=httpx2.Limits(max_keepalive_connections=0))
    return AsyncOpenAI(base_url=f"{base}/v1", api_key="test", max_retries=0, http_client=http)
