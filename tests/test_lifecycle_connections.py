"""A run and its provider's connection: given back, closed, or cancelled; never left behind."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from flask_stream import relay
from flask_stream.providers.adapt import adapt
from flask_stream.providers.turn import Turn
from tests.conftest import Site, events_of, said
from tests.provider import (
    PATHS,
    TEXT,
    WIRES,
    Exchange,
    Provider,
    Traced,
    told,
    word_by_word,
)
from tests.servers.client import DEADLINE


def relayed(provider: Provider, wire: str) -> Iterator[Any]:
    yield from relay(provider.create(wire))


def relayed_manager(provider: Provider, wire: str) -> Iterator[Any]:
    yield from relay(provider.helper(wire))


def wrapped(provider: Provider, wire: str) -> Any:
    return Traced(provider.create(wire))


WAYS: list[Callable[[Provider, str], Any]] = [
    Provider.create,
    Provider.helper,
    Provider.post,
    relayed,
    relayed_manager,
]
each_wire = pytest.mark.parametrize("wire", WIRES)
each_way = pytest.mark.parametrize("way", WAYS)


class Watched:
    """A script that sends some bytes, and then notices when its client closes the connection.

    :ivar ports: of the clients' ends of the connections that requests came over.
    """

    def __init__(self, body: bytes, chunked: bool = True) -> None:
        self.left = threading.Event()
        self.ports: set[int] = set()
        self._body = body
        self._chunked = chunked

    def __call__(self, exchange: Exchange) -> None:
        self.ports.add(exchange.handler.client_address[1])
        exchange.start(chunked=self._chunked)
        exchange.send(self._body)
        if exchange.gone(DEADLINE):
            self.left.set()


def leave_after_the_first_text(site: Site) -> None:
    response = site.ask()
    for chunk in response.response:
        if b"event: text" in chunk:
            break
    response.close()


# -- the client leaves ------------------------------------------------------------------------


@each_wire
@pytest.mark.parametrize("way", [*WAYS, wrapped])
@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "until it closes"])
def test_a_client_that_leaves_closes_the_providers_connection(
    site: Site, provider: Provider, wire: str, way: Callable[..., Any], chunked: bool
) -> None:
    script = Watched(word_by_word(wire)[0], chunked)
    provider.run(script)
    site.view(lambda: way(provider, wire))
    leave_after_the_first_text(site)
    assert script.left.wait(DEADLINE)


@each_wire
@each_way
def test_a_client_that_leaves_at_once_closes_the_providers_connection(
    site: Site, provider: Provider, wire: str, way: Callable[..., Any]
) -> None:
    script = Watched(b": hello\n\n")
    provider.run(script)
    held: list[Any] = []

    @site.view
    def view() -> Any:
        held.append(way(provider, wire))
        return held[0]

    site.ask().close()
    # A generator that has not come to its create() yet has asked nobody.
    assert not provider.requests or script.left.wait(DEADLINE)


@each_wire
@each_way
def test_a_failed_answer_closes_the_providers_connection(
    site: Site, provider: Provider, wire: str, way: Callable[..., Any]
) -> None:
    script = Watched(told(wire, "error"))
    provider.run(script)
    site.view(lambda: way(provider, wire))
    assert site.events()[-1][0] == "failed"
    assert script.left.wait(DEADLINE)


# -- the provider is done ---------------------------------------------------------------------


@each_wire
@pytest.mark.parametrize("way", [Provider.create, relayed])
@pytest.mark.parametrize("accept", ["text/event-stream", "application/json"])
def test_one_connection_serves_one_chat_after_another(
    site: Site, provider: Provider, wire: str, way: Callable[..., Any], accept: str
) -> None:
    ports = set()

    def script(exchange: Exchange) -> None:
        ports.add(exchange.handler.client_address[1])
        exchange.start()
        exchange.send(told(wire))
        exchange.end()

    provider.run(script)
    site.view(lambda: way(provider, wire))
    for _ in range(3):
        response = site.ask(headers={"Accept": accept})
        assert response.get_data()
    assert len(provider.requests) == 3
    assert len(ports) == 1


@each_wire
def test_one_connection_serves_the_turns_of_a_tool_loop(
    site: Site, provider: Provider, wire: str
) -> None:
    ports = set()

    def script(exchange: Exchange) -> None:
        ports.add(exchange.handler.client_address[1])
        exchange.start()
        exchange.send(told(wire))
        exchange.end()

    provider.run(script)

    @site.view
    def view() -> Iterator[Any]:
        for _ in range(3):
            yield from relay(provider.create(wire))

    assert said(site.events()) == "\n\n".join([TEXT] * 3)
    assert len(ports) == 1


@each_wire
@each_way
@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "until it closes"])
def test_a_provider_that_never_ends_its_body_holds_nobody(
    site: Site, provider: Provider, wire: str, way: Callable[..., Any], chunked: bool
) -> None:
    script = Watched(told(wire), chunked)
    provider.run(script)
    site.view(lambda: way(provider, wire))

    begun = time.monotonic()
    left_at_done = None
    events = []
    for chunk in site.ask().response:
        events += events_of([chunk])
        if events[-1][0] == "done":
            left_at_done = script.left.is_set()
    assert said(events) == TEXT
    assert events[-1][0] == "done"
    if way is Provider.create:  # the SDK's own loops read on before they say that it is over
        assert left_at_done is False
    assert script.left.wait(DEADLINE)
    assert time.monotonic() - begun < DEADLINE / 2


# -- cancel -----------------------------------------------------------------------------------


def reading(source: Any, turn: Turn) -> tuple[threading.Thread, queue.Queue[Any]]:
    """A thread that reads the source, and the dicts that it has got; None when it is over."""
    got: queue.Queue[Any] = queue.Queue()

    def read() -> None:
        for dicts in source.batches(turn):
            for d in dicts:
                got.put(d)
        got.put(None)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread, got


@each_wire
@pytest.mark.parametrize("way", [Provider.create, Provider.helper, Provider.post])
@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "until it closes"])
def test_cancel_wakes_a_reader_that_is_blocked(
    provider: Provider, wire: str, way: Callable[..., Any], chunked: bool
) -> None:
    script = Watched(word_by_word(wire)[0], chunked)
    provider.run(script)
    source, turn = adapt(way(provider, wire)), Turn()
    assert source is not None
    source.open()
    thread, got = reading(source, turn)
    try:
        while "lighthouse" not in str(got.get(timeout=DEADLINE)):
            pass  # it will now wait for the next word
        source.cancel()
        thread.join(DEADLINE)
        assert not thread.is_alive()
        assert turn.error is None  # whoever cancelled knows why
        assert script.left.wait(DEADLINE)
    finally:
        if not thread.is_alive():
            source.close()


def test_cancel_again_or_after_close_does_nothing(provider: Provider) -> None:
    for way in (Provider.create, Provider.post):
        provider.play(told("anthropic"))
        source = adapt(way(provider, "anthropic"))
        assert source is not None
        for _ in range(2):
            source.cancel()
        for _ in range(2):
            source.close()
        source.cancel()


@each_wire
@pytest.mark.parametrize("closed", [True, False], ids=["closed", "read to its end"])
@pytest.mark.parametrize("client", ["sdk", "requests"])
def test_a_late_cancel_does_not_hit_the_next_request_on_the_same_connection(
    provider: Provider, wire: str, closed: bool, client: str
) -> None:
    ports = []
    cancelled = threading.Event()

    def first(exchange: Exchange) -> None:
        ports.append(exchange.handler.client_address[1])
        exchange.start()
        exchange.send(told(wire))
        exchange.end()

    def second(exchange: Exchange) -> None:
        ports.append(exchange.handler.client_address[1])
        exchange.start()
        begin, *more = word_by_word(wire)
        exchange.send(begin)
        cancelled.wait(DEADLINE)
        exchange.send(b"".join(more))
        exchange.end()

    provider.run(first, second)
    with requests.Session() as session:

        def ask() -> Any:
            if client == "sdk":
                return provider.create(wire)
            return session.post(provider.base + PATHS[wire], json={}, stream=True)

        old = adapt(ask())
        assert old is not None
        assert list(old.batches(Turn()))
        if closed:
            old.close()
        new, turn = adapt(ask()), Turn()
        assert new is not None
        thread, got = reading(new, turn)
        while "lighthouse" not in str(got.get(timeout=DEADLINE)):
            pass
        old.cancel()
        cancelled.set()
        thread.join(DEADLINE)
        assert not thread.is_alive()
        new.close()
        old.close()

    assert turn.error is None
    assert "lamp" in str(list(got.queue))
    assert len(ports) == 2
    assert len(set(ports)) == 1
