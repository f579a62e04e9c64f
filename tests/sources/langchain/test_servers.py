"""Models and graphs on real servers: readers that leave, and many at once."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress

import pytest

from tests.conftest import said
from tests.provider import Exchange, Provider, frames
from tests.servers.client import DEADLINE
from tests.sources.running import AT_ONCE, Server
from tests.sources.scripts import Silent, Together

NOTICED = 10.0  # seconds; it takes some tenths of one
SITE = "tests.sources.langchain.site:app"
ALL = ["model", "model-async", "chain", "events", "graph", "graph-async"]


def chunk(text: str, **more: object) -> bytes:
    """One piece of a Chat Completions answer."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None, **more}
    return frames({"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [choice]})


def words_for(exchange: Exchange) -> list[bytes]:
    """An answer that no other prompt gets."""
    prompt = exchange.body["messages"][-1]["content"]
    pieces = [chunk(f"{prompt}·{number} ") for number in range(10)]
    return [*pieces, chunk("", finish_reason="stop"), b"data: [DONE]\n\n"]


@pytest.mark.parametrize("path", ALL)
def test_a_reader_who_leaves_in_silence(server: Server, speaking: Provider, path: str) -> None:
    silent = Silent([chunk("first "), chunk("last")])
    speaking.run(silent)
    with server.connect() as client:
        client.ask("POST", f"/{path}/left").until(b"last")
        silent.said_all()
        assert not silent.is_left
        left_at = time.monotonic()
    assert silent.left_at() - left_at < NOTICED


class Talking(Silent):
    """Goes on with one word after the other, until its client has closed the connection."""

    def __call__(self, exchange: Exchange) -> None:
        exchange.start()
        self._silent.set()
        with suppress(ConnectionError):
            while not exchange.gone(0.02):
                exchange.send(chunk("word "))
        self._gone_at = time.monotonic()
        self._gone.set()
        exchange.cut()


@pytest.mark.parametrize("path", ["model", "graph", "graph-async", "callback"])
def test_a_reader_who_leaves_in_the_middle_of_it(
    server: Server, speaking: Provider, path: str
) -> None:
    """The library would hear it out: a graph waits for its nodes when it is closed."""
    talking = Talking([])
    speaking.run(talking)
    with server.connect() as client:
        client.ask("POST", f"/{path}/left").until(b"word")
        left_at = time.monotonic()
    assert talking.left_at() - left_at < NOTICED


class Mute:
    """Answers nothing, to whoever asks.

    :ivar left: how many have closed their connection.
    """

    def __init__(self) -> None:
        self.left = 0
        self._asked = threading.Event()
        self._changed = threading.Condition()

    def __call__(self, exchange: Exchange) -> None:
        self._asked.set()
        if exchange.gone(2 * DEADLINE):
            with self._changed:
                self.left += 1
                self._changed.notify_all()
        exchange.cut()

    def is_asked(self) -> None:
        assert self._asked.wait(DEADLINE), "the provider was not asked"

    def is_left_by(self, number: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.left == number, DEADLINE), self.left


def test_a_model_that_asks_again_by_itself(server: Server, speaking: Provider) -> None:
    """Its client takes our cut for the network's, until it has tried as often as it was told."""
    mute = Mute()
    speaking.run(mute)
    with server.connect() as client:
        client.ask("POST", "/retrying/left").until(b"start")
        mute.is_asked()
    mute.is_left_by(1 + 2)


@pytest.mark.parametrize("path", ALL)
def test_many_at_once(server: Server, speaking: Provider, path: str) -> None:
    speaking.run(Together(AT_ONCE, words_for))
    answers = server.at_once(lambda number: f"/{path}/prompt-{number}")
    for number, events in enumerate(answers):
        assert said(events) == "".join(f"prompt-{number}·{n} " for n in range(10)), json.dumps(
            events
        )
        assert events[-1][0] == "done"
