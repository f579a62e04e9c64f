"""A run before its first item: its view has returned a stream that is silent."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask

from flask_stream import bridge
from tests.resume.conftest import DEADLINE, ResumableSite, events_of, eventually, is_ending
from tests.servers.client import Client

KEY = {"Idempotency-Key": "k"}
STOP = {**KEY, "Flask-Stream": "stop"}
LONG_AGO = -1000.0  # on the monotonic clock


class Silent:
    """An async stream that has no word until it is cancelled, or may go on."""

    def __init__(self) -> None:
        self.asked, self.may_go, self.gone = (threading.Event() for _ in range(3))

    async def __call__(self) -> AsyncIterator[str]:
        self.asked.set()
        try:
            while not self.may_go.is_set():
                await asyncio.sleep(0.01)
            yield "At last."
        finally:
            self.gone.set()

    def read(self) -> Iterator[str]:
        yield from bridge(self())


@pytest.fixture
def silent() -> Iterator[Silent]:
    silent = Silent()
    yield silent
    silent.may_go.set()


@pytest.fixture(params=["returned", "read"], autouse=True)
def _view(request: pytest.FixtureRequest, site: ResumableSite, silent: Silent) -> None:
    """It returns the stream, or reads it in its generator."""
    site.stream.owner(lambda: "ann")
    site.view(silent if request.param == "returned" else silent.read, linger=0.2)


@pytest.fixture
def port(site: ResumableSite, serve: Callable[[Flask], str]) -> int:
    port = urlsplit(serve(site.app)).port
    assert port is not None
    return port


def test_a_stop_is_heard(site: ResumableSite, silent: Silent) -> None:
    """The stream is cancelled, though it has not said anything."""
    answers = []
    reader = site.reader()
    thread = threading.Thread(target=lambda: answers.append(reader.post("/", headers=KEY)))
    thread.start()
    assert silent.asked.wait(DEADLINE)
    assert site.reader().post("/", headers=STOP).status_code == 204
    assert silent.gone.wait(DEADLINE)
    thread.join(DEADLINE)
    events = events_of(answers[0])
    assert [event.kind for event in events if event.kind != "meta"] == ["start", "done"]
    assert events[-1].data["stop_reason"] == "stopped"
    assert site.outcome() == "stopped"


def test_who_leaves_and_does_not_come_back_ends_it(
    site: ResumableSite, silent: Silent, port: int
) -> None:
    with Client(port) as client:
        client.send("POST", "/")
        assert silent.asked.wait(DEADLINE)
        client.reset()
    assert silent.gone.wait(DEADLINE)
    assert site.outcome() == "disconnected"


def test_who_waits_for_it_keeps_it(site: ResumableSite, silent: Silent, port: int) -> None:
    """However long it takes: he reads nothing, since there is nothing yet."""
    with Client(port) as client:
        client.send("POST", "/")
        [producer] = eventually(lambda: opening(site))
        look_twice(producer)
        assert not is_ending(site)
        silent.may_go.set()
        assert b"At last." in client.head().whole()
    assert site.outcome() == "complete"


def test_a_second_one_who_waits_keeps_it_too(
    site: ResumableSite, silent: Silent, port: int
) -> None:
    """The POST is lost on its way, and sent again."""
    with Client(port) as lost, Client(port) as again:
        lost.send("POST", "/", headers=KEY)
        [producer] = eventually(lambda: opening(site))
        again.send("POST", "/", headers=KEY)
        eventually(lambda: producer.feed.followers)
        lost.reset()
        eventually(lambda: not producer._is_awaited())
        look_twice(producer)
        assert not is_ending(site)
        silent.may_go.set()
        assert b"At last." in again.head().whole()
    assert site.outcome() == "complete"
    assert site.asked == 1


def opening(site: ResumableSite) -> list[Any]:
    writer = site.app.extensions["flask_stream"].keeper(site.app)._writer
    return [each for each in writer._leased.values() if each._run is not None]


def look_twice(producer: Any) -> None:
    """Until it has seen, twice, that somebody waits for its run."""
    for _ in range(2):
        producer._read_at = LONG_AGO
        eventually(lambda: producer._read_at > LONG_AGO)
