"""What never waits takes turns with all others, where gevent has put greenlets for threads."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
import types
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import httpx2
import openai
import pytest

from flask_stream import ProviderError, Text
from flask_stream import relay as relay_stream
from flask_stream.giving_way import give_way
from flask_stream.providers import blocks, over_requests, relay, source, stray
from flask_stream.providers.adapt import adapt, adapt_items
from flask_stream.providers.blocks import take_over, take_over_async
from flask_stream.providers.relay import relay_source
from flask_stream.providers.source import Source
from flask_stream.waiting import waiter
from tests.conftest import ROOT
from tests.in_memory import InMemory
from tests.our_loop import on_our_loop
from tests.provider import KEY, told
from tests.servers.client import DEADLINE
from tests.transcripts.reading import collect

NEVER_WAIT = """
from gevent import monkey; monkey.patch_all()
import socket, statistics, time, gevent
from flask_stream.giving_way import give_way

def never_waits(number):
    while not over:
        end = time.thread_time() + 0.0003
        while time.thread_time() < end:
            pass
        done[number] += 1
        give_way()

def echo(ours):
    while said := ours.recv(1):
        ours.send(said)

over, done = [], [0] * 50
greedy = [gevent.spawn(never_waits, number) for number in range(50)]
ours, theirs = socket.socketpair()
gevent.spawn(echo, ours)
took = []
for _ in range(100):
    before = time.thread_time()
    theirs.send(b"x")
    theirs.recv(1)
    took.append(time.thread_time() - before)
over.append(True)
gevent.joinall(greedy)
print(statistics.median(took), min(done), max(done))
"""

WAIT = """
import gevent
from flask_stream import giving_way

lines = []
giving_way._Turns._wait = lambda turns, hub: lines.append(turns)

def waits():
    for _ in range(20):
        gevent.sleep(0.001)
        giving_way.give_way()

gevent.joinall([gevent.spawn(waits) for _ in range(200)])
print(len(lines))
"""

KILLED = """
import gevent
from flask_stream.giving_way import give_way

def never_waits(number):
    while number not in over:
        done[number] += 1
        give_way()

over, done = set(), [0] * 4
greedy = [gevent.spawn(never_waits, number) for number in range(4)]
while min(done) < 1000:
    gevent.sleep(0.001)
for each in greedy[:2]:
    each.kill()
known = list(done)
while min(done[2:]) < max(known) + 1000:
    gevent.sleep(0.001)
over |= {2, 3}
gevent.joinall(greedy)
print(done[:2] == known[:2], all(each.dead for each in greedy))
"""

READ = """
import gevent
from flask_stream import Text
from flask_stream.detached.reading import pieces_after
from flask_stream.detached.stored import to_bytes
from flask_stream.logs.log import Row

rows = [Row(number, 1, to_bytes([Text("word ")], number)) for number in range(1, 20_001)]

class Log:
    def read(self, id, after, most):
        return rows

def count():
    while True:
        turns.append(None)
        gevent.sleep(0.001)

turns = []
gevent.spawn(count)
gevent.sleep(0)
assert len(pieces_after(Log(), "run", 0)) == 20_000
print(len(turns))
"""


def said(code: str) -> list[str]:
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_whoever_waits_for_a_socket_waits_for_one_of_many_that_never_wait() -> None:
    """In seconds of the thread's own time: some hundredths. Where all had their turns in each
    round, it would be half a second, and without turns for ever."""
    median, least, most = map(float, said(NEVER_WAIT))
    assert median < 0.15
    assert least > 0
    assert most < 10 * least


def test_what_waits_by_itself_is_never_made_to_wait() -> None:
    """200 at once, of which none takes more than microseconds."""
    assert said(WAIT) == ["0"]


def test_one_that_is_killed_in_the_line_leaves_it() -> None:
    assert said(KILLED) == ["True", "True"]


def test_a_long_run_is_read_from_its_log_in_turns() -> None:
    assert int(said(READ)[0]) > 5


@pytest.mark.parametrize("half", [["gevent"], ["gevent", "gevent._hub_local"]])
def test_a_gevent_that_another_thread_is_importing_is_none(
    monkeypatch: pytest.MonkeyPatch, half: list[str]
) -> None:
    for name in half:
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    give_way()
    assert type(waiter()).__name__ == "_Thread"


# -- one read that brings thousands of events ---------------------------------------------------

NOTHING = b"data: {}\n\n"
EVENTS = {"Content-Type": "text/event-stream"}


@pytest.mark.parametrize(
    ("ask", "module", "least"),
    [
        (InMemory.create, source, 100),
        (InMemory.create, relay, 100),  # once more, as they all wait for one that tells the wire
        (InMemory.post, over_requests, 10_000),
        (InMemory.helper, blocks, 100),
    ],
    ids=["read", "told", "by sseclient", "by a helper"],
)
def test_thousands_of_events_of_one_read_are_handled_in_parts(
    monkeypatch: pytest.MonkeyPatch, ask: Callable[[InMemory, str], Any], module: Any, least: int
) -> None:
    turns: list[None] = []
    monkeypatch.setattr(module, "give_way", lambda: turns.append(None))
    with InMemory([NOTHING * 10_000 + told("openai_chat")]) as provider:
        _, result = collect(relay_stream(ask(provider, "openai_chat")))
    assert result.outcome == "complete"
    assert len(turns) >= least


def test_lines_outside_of_events_are_handled_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[None] = []
    monkeypatch.setattr(stray, "give_way", lambda: calls.append(None))
    with InMemory([b"[]\n" * 1_000 + told("openai_chat")]) as provider:
        _, result = collect(relay_stream(provider.create("openai_chat")))
    assert result.outcome == "complete"
    assert len(calls) >= 1_000


def asked_of(body: Iterator[bytes]) -> Any:
    """A helper's manager, whose answer comes in just these reads."""
    answer = lambda request: httpx2.Response(200, headers=EVENTS, content=body)  # noqa: E731
    client = httpx2.Client(transport=httpx2.MockTransport(answer))
    gpt = openai.OpenAI(base_url="http://in.memory", api_key=KEY, http_client=client)
    asked: Any = [{"role": "user", "content": "x"}]
    return gpt.chat.completions.stream(model="m", messages=asked)


class Wrapper:
    """As a tracing tool's: it passes the items on."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._response = stream._response

    def __iter__(self) -> Iterator[Any]:
        yield from self._stream


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_a_helper_that_passes_over_all_that_comes_can_be_woken(is_wrapped: bool) -> None:
    """What one read brought, and what the kernel has, is still there when its socket is shut."""
    read_on: list[int] = []
    sources: list[Source] = []

    def body() -> Iterator[bytes]:
        if is_wrapped:
            yield told("openai_chat")[:-1000]
        for at in range(1000):
            if at == 10:
                sources[0].cancel()
            read_on.append(at)
            yield NOTHING * 10

    manager = asked_of(body())
    if is_wrapped:
        with manager as stream:
            items = Wrapper(stream)
            found = adapt_items(items, iter(items), 8_000_000)
            assert isinstance(found, Source)
            sources.append(found)
            _, result = collect(relay_source(found))
    else:
        found = adapt(manager)
        assert found is not None
        sources.append(found)
        _, result = collect(relay_source(found))
    assert len(read_on) <= 12
    assert result.outcome != "complete"


def test_a_body_that_is_of_no_events_comes_in_pieces_which_can_end() -> None:
    """AWS's frames, say, of which an SDK's decoder may pass over any number."""
    body = bytes(range(256)) * 1_000
    response = httpx.Response(200, content=iter([body]))
    reading = take_over(response, by_sdk=True)
    pieces = response.iter_bytes()
    taken = [next(pieces) for _ in range(10)]
    assert body.startswith(b"".join(taken))
    reading.is_over = True
    with pytest.raises(ProviderError):
        next(pieces)


@pytest.mark.parametrize("is_left", [False, True])
def test_a_helper_that_was_woken_gives_no_part_of_an_answer_for_the_whole(is_left: bool) -> None:
    """Behind its relay, an app may ask it for the answer, and save that. All has come at once."""
    with asked_of(iter([told("openai_chat")])) as stream:
        found = adapt(stream)
        assert found is not None
        events = relay_source(found)
        while not isinstance(next(events), Text):
            pass
        found.cancel()
        if is_left:
            events.close()
        else:
            with pytest.raises(ProviderError):
                next(events)
        with pytest.raises(ProviderError):
            stream.get_final_completion()


@pytest.mark.parametrize("chunks", [1, 200])
def test_on_the_event_loop_what_one_read_brought_is_handled_in_parts(chunks: int) -> None:
    turns: list[None] = []

    async def body() -> AsyncIterator[bytes]:
        for _ in range(chunks):
            yield NOTHING * (10_000 // chunks)

    async def count() -> None:
        while True:
            turns.append(None)
            await asyncio.sleep(0)

    async def read() -> None:
        counting = asyncio.create_task(count())
        response = httpx.Response(200, headers=EVENTS, content=body())
        take_over_async(response, 8_000_000)
        try:
            async for _ in response.aiter_bytes():
                time.sleep(0.001)  # as a helper does that passes over all of it
        finally:
            counting.cancel()

    on_our_loop(read())
    assert len(turns) > 5
