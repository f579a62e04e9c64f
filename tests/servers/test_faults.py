"""The provider fails: the right terminal event each time, nothing lost and nothing twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

import pytest

from flask_stream import sse
from tests.provider import Exchange, Provider, told
from tests.servers.client import DEADLINE, events_of, said
from tests.servers.running import Server, in_core
from tests.servers.talk import WIRES, Wire, be_silent, reset, wire_of

pytestmark = pytest.mark.slow  # many runs, the same on every Python

# -- cuts -------------------------------------------------------------------------------

# When an answer is whole although its connection is cut: with the first of these.
END_MARKS = {
    "anthropic": b'"stop_reason":"',
    "openai_chat": b'"finish_reason":"',
    "openai_responses": b"event: response.completed",
}


def places(body: bytes) -> list[int]:
    """Every event boundary, and a place in the middle of every event."""
    found, at = [0], 0
    for event in body.split(b"\n\n")[:-1]:
        end = at + len(event) + 2
        found += [(at + end) // 2, end - 1, end]
        at = end
    return found


def words_in(body: bytes) -> str:
    """What the whole events of a body say."""
    text = ""
    for event in sse.decode([body]):
        if event.data == "[DONE]":
            continue
        data = json.loads(event.data)
        if data.get("type") == "content_block_delta":
            text += data["delta"]["text"]
        elif data.get("type") == "response.output_text.delta":
            text += data["delta"]
        elif data.get("choices"):
            text += data["choices"][0]["delta"].get("content") or ""
    return text


def is_whole(wire: str, body: bytes) -> bool:
    return END_MARKS[wire] in body[: body.rfind(b"\n\n") + 2]


# How streams are asked for, beside the SDK of `anthropic`.
OTHERS = [(by, wire) for by in ("sdk", "helper", "requests") for wire in WIRES][1:]


def by_fin(exchange: Exchange) -> None:
    exchange.cut()


CUTS: dict[str, tuple[bool, Callable[[Exchange], None]]] = {
    "FIN": (True, by_fin),
    "FIN that ends the body": (False, by_fin),
    "RST": (True, reset),
}


def cut_everywhere(server: Server, provider: Provider, by: str, wire: str, way: str) -> None:
    """Cut a stream at every place, once the client has all the words that came before it."""
    body = told(wire)
    chunked, cut = CUTS[way]
    for at in places(body):
        heard = threading.Event()

        def say_and_cut(exchange: Exchange, at: int = at, heard: threading.Event = heard) -> None:
            exchange.start(chunked=chunked)
            if at:
                exchange.send(body[:at])
            assert heard.wait(DEADLINE)
            cut(exchange)

        provider.run(say_and_cut)
        text, whole = words_in(body[:at]), is_whole(wire, body[:at])
        prompt = f"{by}-{wire}-{way.replace(' ', '-')}-{at}"
        with server.connect() as client:
            client.ask("POST", f"/{by}/{wire}/{prompt}")
            seen = client.until(b"event: start")
            while said(events_of(seen)) != text:
                chunk = client.chunk()
                assert chunk, (prompt, seen)
                seen += chunk
            heard.set()
            if b"event: done" not in seen:
                seen += client.whole()
        events = events_of(seen)
        assert said(events) == text, prompt
        kind, data = events[-1]
        expected = ("done", None, "complete") if whole else ("failed", "truncated", "failed")
        assert (kind, data.get("code")) == expected[:2], prompt
        assert [kind for kind, _ in events].count(kind) == 1
        assert server.results_of(prompt) == [[expected[2], text, expected[1]]]


@pytest.mark.parametrize("way", CUTS)
def test_a_stream_may_be_cut_anywhere(server: Server, speaking: Provider, way: str) -> None:
    cut_everywhere(server, speaking, "sdk", "anthropic", way)


@in_core
@pytest.mark.parametrize("way", CUTS)
@pytest.mark.parametrize(("by", "wire"), OTHERS)
def test_every_wire_may_be_cut_anywhere(
    server: Server, speaking: Provider, by: str, wire: str, way: str
) -> None:
    cut_everywhere(server, speaking, by, wire, way)


# -- errors, and halves of a character --------------------------------------------------


def fail(exchange: Exchange) -> None:
    wire = wire_of(exchange)
    exchange.start()
    exchange.send(wire.head + wire.word("so far") + wire.error)
    exchange.end()


def test_an_error_event_is_told(server: Server, speaking: Provider) -> None:
    speaking.run(fail)
    assert server.answer("/sdk/anthropic/error") == ("so far", "failed", "overloaded")


@in_core
@pytest.mark.parametrize(("by", "wire"), OTHERS)
def test_an_error_event_of_every_wire_is_told(
    server: Server, speaking: Provider, by: str, wire: str
) -> None:
    speaking.run(fail)
    expected = ("so far", "failed", WIRES[wire].error_code)
    assert server.answer(f"/{by}/{wire}/error-{by}-{wire}") == expected


def halves_of_a_character(wire: Wire) -> tuple[bytes, bytes]:
    event = wire.word("lamp LAMP!").replace(b"LAMP", "🔦".encode())
    at = event.index("🔦".encode()) + 2
    return event[:at], event[at:]


@in_core
@pytest.mark.parametrize("way", CUTS)
@pytest.mark.parametrize("wire", WIRES)
def test_half_a_character_is_not_shown(
    server: Server, speaking: Provider, wire: str, way: str
) -> None:
    chunked, cut = CUTS[way]
    heard = threading.Event()

    def say_half(exchange: Exchange) -> None:
        wire = wire_of(exchange)
        exchange.start(chunked=chunked)
        exchange.send(wire.head + wire.word("so far") + halves_of_a_character(wire)[0])
        assert heard.wait(DEADLINE)
        cut(exchange)

    speaking.run(say_half)
    prompt = f"half-{wire}-{way.replace(' ', '-')}"
    with server.connect() as client:
        seen = client.ask("POST", f"/sdk/{wire}/{prompt}").until(b"so far")
        heard.set()
        events = events_of(seen + client.whole())
    assert (said(events), events[-1][0]) == ("so far", "failed")
    assert events[-1][1]["code"] == "truncated"
    assert server.results_of(prompt) == [["failed", "so far", "truncated"]]


@in_core
@pytest.mark.parametrize("wire", WIRES)
def test_the_other_half_of_a_character_may_come_later(
    server: Server, speaking: Provider, wire: str
) -> None:
    def say_both(exchange: Exchange) -> None:
        wire = wire_of(exchange)
        first, second = halves_of_a_character(wire)
        exchange.start()
        exchange.send(wire.head + wire.word("so far ") + first)
        be_silent(exchange, 0.1)
        exchange.send(second + wire.tail)
        exchange.end()

    speaking.run(say_both)
    seen = server.answer(f"/sdk/{wire}/halves-{wire}")
    assert seen == ("so far lamp 🔦!", "done", None)
