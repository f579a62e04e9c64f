"""A cancel that comes as late as it can: between the look at a connection and its shutdown.

Meanwhile the reader comes to the body's end, which gives the connection back to the pool, where
another stream waits for it. That one must not be cut.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from itertools import product
from typing import Any

import anthropic
import groq
import httpx
import httpx2
import openai
import pytest
import requests
from requests.adapters import HTTPAdapter

from flask_stream import Event, Result
from flask_stream.providers.adapt import adapt
from flask_stream.providers.relay import relay_source
from flask_stream.providers.wire import SDKItems
from tests.conftest import ROOT
from tests.own_time import part_of
from tests.provider import PATHS, TEXT, WIRES, Exchange, Provider, Traced, word_by_word
from tests.servers.client import DEADLINE
from tests.servers.running import until
from tests.transcripts.reading import collect

HOLD = 0.5  # seconds for which a shutdown that is under way is held, unless the other one is hit


class OneConnection(Provider):
    """A provider whose clients have one connection each, so that streams wait for each other."""

    def __init__(self) -> None:
        super().__init__()
        self.http = httpx2.Client(limits=httpx2.Limits(max_connections=1))
        self.anthropic = anthropic.Anthropic(
            base_url=self.base, api_key="none", max_retries=0, http_client=self.http
        )
        self.openai = openai.OpenAI(
            base_url=f"{self.base}/v1", api_key="none", max_retries=0, http_client=self.http
        )
        self.httpx2 = httpx2.Client(base_url=self.base, limits=httpx2.Limits(max_connections=1))
        self.httpx = httpx.Client(base_url=self.base, limits=httpx.Limits(max_connections=1))
        self.groq = groq.Groq(
            base_url=self.base, api_key="none", max_retries=0, http_client=self.httpx
        )
        self.session = requests.Session()
        self.session.mount("http://", HTTPAdapter(pool_maxsize=1, pool_block=True))

    def close_clients(self) -> None:
        super().close_clients()
        self.session.close()

    def post(self, wire: str, model: str = "m", stream: bool = True) -> requests.Response:
        body = {"model": model, "stream": True}
        return self.session.post(self.base + PATHS[wire], json=body, stream=stream, timeout=60)


@pytest.fixture
def provider() -> Iterator[OneConnection]:
    with OneConnection() as server:
        yield server


def items(provider: Provider, wire: str) -> Any:
    return SDKItems(provider.create(wire))


def of_groq(provider: Provider, wire: str) -> Any:
    """Its SDK asks on one path only; what it is answered is the script's to say."""
    return adapt(provider.groq.chat.completions.create(model="m", messages=[], stream=True))


WAYS = {
    "the SDK's stream": lambda p, wire: adapt(p.create(wire)),
    "the SDK's stream, iterated": items,
    "the SDK's manager": lambda p, wire: adapt(p.helper(wire)),
    "a tracer's proxy": lambda p, wire: adapt(Traced(p.create(wire))),
    "another vendor's stream": of_groq,
    "requests": lambda p, wire: adapt(p.post(wire)),
    "httpx": lambda p, wire: adapt(p.send(wire)),
    "httpx2": lambda p, wire: adapt(p.send(wire, "httpx2")),
}


def goes_on(first: Event, rest: Generator[Event, None, Result]) -> Generator[Event, None, Result]:
    yield first
    return (yield from rest)


@pytest.mark.parametrize(("way", "wire"), part_of(product(WAYS, WIRES), every=2))
def test_a_cancel_held_in_its_shutdown_does_not_cut_who_gets_the_connection_next(
    provider: OneConnection,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
    wire: str,
) -> None:
    held, taken, go_on = (threading.Event() for _ in range(3))
    asked: list[Exchange] = []

    def say(exchange: Exchange) -> None:
        asked.append(exchange)
        first, *rest = word_by_word(wire)
        exchange.start()
        exchange.send(first)
        if len(asked) > 1:
            taken.set()
            assert go_on.wait(DEADLINE)
        exchange.send(b"".join(rest))
        if len(asked) == 1:
            assert held.wait(DEADLINE)
        exchange.end()

    shutdown = socket.socket.shutdown

    def hold(sock: socket.socket, how: int) -> None:
        if threading.current_thread().name == "canceller":  # a server shuts down what it closes
            held.set()
            taken.wait(HOLD)
        shutdown(sock, how)

    def cancel() -> None:
        until(lambda: source.due is not None, "the last word has not come")
        source.cancel()
        held.set()  # also where there was nothing to shut down
        go_on.set()

    def read_next() -> None:
        bystander.append(collect(relay_source(WAYS[way](provider, wire)))[1])

    # Before there is a response: urllib3 keeps the method then.
    monkeypatch.setattr(socket.socket, "shutdown", hold)
    provider.run(say)
    bystander: list[Result] = []
    source = WAYS[way](provider, wire)
    source.watched = True  # as in a run, whose watcher cancels what comes behind the last word
    canceller = threading.Thread(target=cancel, name="canceller")
    others = [canceller, threading.Thread(target=read_next)]
    relayed = relay_source(source)
    first = next(relayed)  # a manager asks the provider only now, and has to be first
    for thread in others:
        thread.start()
    _, result = collect(goes_on(first, relayed))
    for thread in others:
        thread.join(DEADLINE)
    assert (result.outcome, result.text) == ("complete", TEXT)
    assert [(r.outcome, r.text) for r in bystander] == [("complete", TEXT)]


@pytest.mark.slow
@pytest.mark.skipif("gevent" in sys.modules, reason="this is the run under gevent")
def test_nor_does_a_cancel_that_is_held_under_gevent() -> None:
    code = "from gevent import monkey; monkey.patch_all(); import sys, pytest;"
    code += "sys.exit(pytest.main(['-q', '-k', 'openai_chat', *sys.argv[1:]]))"
    done = subprocess.run(
        [sys.executable, "-c", code, __file__],
        cwd=ROOT,
        # Of one wire, and so of all ways.
        env={**os.environ, "GEVENT_SUPPORT": "True", "FLASK_STREAM_LONG": "1"},
        capture_output=True,
        text=True,
        timeout=10 * DEADLINE,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert f"{len(WAYS)} passed" in done.stdout
