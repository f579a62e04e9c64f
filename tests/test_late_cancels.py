"""A cancel that comes too late breaks no other stream, though it has the connection by then.

A source is cancelled by shutting its socket down. A moment after the provider's last word that
socket is back in the client's pool, and carries somebody else's stream.
"""

from __future__ import annotations

import queue
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
import requests

from flask_stream.providers.adapt import adapt
from flask_stream.providers.relay import relay_batches
from flask_stream.providers.source import Source
from flask_stream.providers.turn import Turn
from flask_stream.run import ClientLeft
from tests.bare import bare_run
from tests.conftest import ROOT
from tests.own_time import part_of
from tests.provider import PATHS, TEXT, WIRES, Exchange, Provider, word_by_word
from tests.servers.client import DEADLINE
from tests.servers.talk import prompt_of

pytestmark = pytest.mark.slow

FINISHING, BUSY, CANCELLING = 6, 4, 2  # threads
IN_TIME = 10  # beside every so many streams, another one is cancelled before its end

# From the provider's last word to the cancel, in seconds: while the rest of the body is read,
# as the connection is given back, and when it carries another stream.
OFFSETS = (0.0, 0.0002, 0.001, 0.003, 0.006)

_PIECES = {path: word_by_word(wire) for wire, path in PATHS.items()}


def steps_for(prompt: str) -> int:
    """How long the lighthouse's stairs are in the answer to a prompt."""
    return 40 if prompt.startswith("busy") else 2


def answer_to(prompt: str) -> str:
    """What no other prompt is answered."""
    steps = "has 214 steps.\n\n" * steps_for(prompt)
    return f"The {prompt} at Tern Point {steps}Bring a lamp 🔦."


class Storm:
    """Streams that are cancelled as they end, among streams that go on all the time.

    :param late: how many are to be cancelled late.
    :ivar broken: what went wrong, for each stream that did.
    :ivar counts: how often things happened.
    :ivar ports: the connections.
    """

    def __init__(self, late: int, provider: Provider) -> None:
        self.broken: list[str] = []
        self.counts: Counter[str] = Counter()
        self.ports: set[int] = set()
        self._provider = provider.run(self._speak)
        self._session = requests.Session()
        self._calls: dict[str, Any] = {
            "anthropic": provider.anthropic.messages,
            "openai_chat": provider.openai.chat.completions,
            "openai_responses": provider.openai.responses,
        }
        self._chance = random.Random("storm")
        self._numbers = iter(range(1, late + 1))
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._cancels: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._silent: dict[str, threading.Event] = {}  # by prompt: the provider says no more

    def _speak(self, exchange: Exchange) -> None:
        self.ports.add(exchange.handler.client_address[1])
        prompt = prompt_of(exchange)
        chance = random.Random(prompt)
        first, step, lamp, rest = _PIECES[exchange.path]
        first, lamp, rest = (p.replace(b"lighthouse", prompt.encode()) for p in (first, lamp, rest))
        exchange.start()
        for piece in (first, *[step] * steps_for(prompt), lamp):
            exchange.send(piece)
            time.sleep(chance.uniform(0, 0.002))  # the pace of words; nothing is waited for
        if prompt in self._silent:
            self._silent[prompt].set()
            if not exchange.gone(DEADLINE):
                self.broken.append(f"{prompt}: the provider's connection was not closed")
            return
        exchange.send(rest)
        time.sleep(chance.choice((0, 0, 0.001)))  # sometimes the body's end takes its time
        exchange.end()

    # -- one stream --

    def _open(self, prompt: str) -> Source:
        """Ask in one of all the ways there are."""
        chance = random.Random(prompt)
        wire = chance.choice(WIRES)
        way = chance.choice(("create", "create", "stream", "requests"))
        asked: dict[str, Any] = {"model": "m"}
        if wire == "openai_responses":
            asked["input"] = prompt
        else:
            asked["messages"] = [{"role": "user", "content": prompt}]
        if wire == "anthropic":
            asked["max_tokens"] = 64
        if way == "requests":
            url = self._provider.base + PATHS[wire]
            source = adapt(self._session.post(url, json=asked, stream=True))
        else:
            streaming = {"stream": True} if way == "create" else {}
            source = adapt(getattr(self._calls[wire], way)(**asked, **streaming))
        assert source is not None
        return source

    def _stream(self, prompt: str, at_end_mark: Callable[[Source], None] | None = None) -> None:
        """Read a stream to its end."""
        source = self._open(prompt)
        run = bare_run()
        run.open(relay_batches(source, reads_rest=False))
        for batch in run.batches():
            if batch[0].kind == "done" and at_end_mark is not None:
                at_end_mark(source)
        told = run.result.error or run.result.outcome
        if (told, run.result.text) != ("complete", answer_to(prompt)):
            raise ValueError(f"{told}: {run.result.text!r}")

    def _leave(self, prompt: str) -> None:
        """Read a stream that falls silent, and then is cancelled."""
        silent = self._silent[prompt] = threading.Event()
        source = self._open(prompt)
        run = bare_run()

        def cancel() -> None:
            if silent.wait(DEADLINE):
                run.ending = ClientLeft()
                source.cancel()

        self._cancels.put(cancel)
        run.open(relay_batches(source, reads_rest=False))
        with suppress(ClientLeft):
            for _ in run.batches():
                pass
        # The cancel may have overtaken the last words.
        if run.result.outcome != "disconnected" or not answer_to(prompt).startswith(
            run.result.text
        ):
            raise ValueError(f"{run.result.outcome}: {run.result.text!r}")
        self.counts["in time"] += 1

    def _cancel(self, source: Source, since: float) -> None:
        time.sleep(max(0, since + self._chance.choice(OFFSETS) - time.monotonic()))
        self.counts["behind the close" if source.closed else "before the close"] += 1
        source.cancel()

    # -- the threads --

    def _finish(self) -> None:
        def cancel_soon(source: Source) -> None:
            self._cancels.put(partial(self._cancel, source, time.monotonic()))

        while True:
            with self._lock:
                number = next(self._numbers, None)
            if number is None or self.broken:
                return
            if number % IN_TIME == 0:
                self._try(self._leave, f"left{number}")
            self._try(self._stream, f"late{number}", cancel_soon)

    def _go_on(self, who: int) -> None:
        number = 0
        while not self._over.is_set():
            self._try(self._stream, f"busy{who}-{number}")
            number += 1
            self.counts["busy"] += 1

    def _cancel_all(self) -> None:
        while (cancel := self._cancels.get()) is not None:
            self._try(cancel)

    def _try(self, call: Callable[..., None], *arguments: Any) -> None:
        try:
            call(*arguments)
        except Exception as error:
            self.broken.append(f"{arguments[:1]}: {error!r} from {error.__cause__!r}")

    def blow(self) -> None:
        """Begin, and go on until all are cancelled."""
        finishing = [threading.Thread(target=self._finish) for _ in range(FINISHING)]
        others = [threading.Thread(target=self._go_on, args=(who,)) for who in range(BUSY)]
        others += [threading.Thread(target=self._cancel_all) for _ in range(CANCELLING)]
        for thread in (*finishing, *others):
            thread.start()
        for thread in finishing:
            thread.join()
        for _ in range(CANCELLING):
            self._cancels.put(None)
        self._over.set()
        for thread in others:
            thread.join()
        self._session.close()


def blow(late: int) -> Storm:
    with Provider() as provider:
        storm = Storm(late, provider)
        storm.blow()
        storm.counts["asked"] = len(provider.requests)
    return storm


def judge(late: int) -> None:
    storm = blow(late)
    counts = storm.counts
    assert storm.broken == []
    assert counts["in time"] == late // IN_TIME
    # It was a storm: they came on both sides of the close, other streams went on meanwhile, and
    # connections carried one stream after another.
    assert counts["before the close"] + counts["behind the close"] == late
    assert min(counts["before the close"], counts["behind the close"]) > late / 10, counts
    assert counts["busy"] > late / 10, counts
    assert len(storm.ports) < counts["asked"] * 0.75, (len(storm.ports), counts)


@pytest.mark.parametrize("late", part_of([400, 2000], kept=[400]))
def test_late_cancels_among_busy_streams_break_no_other_stream(late: int) -> None:
    judge(late)


def test_400_late_cancels_under_gevent_break_no_other_stream() -> None:
    code = "from gevent import monkey; monkey.patch_all(); import tests.test_late_cancels as t;"
    code += "t.judge(400)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=10 * DEADLINE)
    assert done.returncode == 0, done.stderr[-5000:]


# What gives a source's connection back to the pool: an object and its method.
GIVES_BACK: dict[str, Callable[[Any], tuple[Any, str]]] = {
    "create": lambda source: (source.stream.response, "close"),
    "stream": lambda source: (source.stream.response, "close"),
    "requests": lambda source: (source.response.raw._pool, "_put_conn"),
}


@pytest.mark.parametrize("way", GIVES_BACK)
def test_a_cancel_in_the_moment_in_which_the_connection_changes_hands_breaks_no_other_stream(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    first, *rest = word_by_word("anthropic")
    ports: list[int] = []
    heard = threading.Event()

    def script(exchange: Exchange) -> None:
        ports.append(exchange.handler.client_address[1])
        exchange.start()
        exchange.send(first)
        if len(ports) == 2:  # its reader has to wait: only then it would see the socket shut
            heard.wait(DEADLINE)
            exchange.gone(0.2)
        exchange.send(b"".join(rest))
        exchange.end()

    provider.run(script)
    session = requests.Session()
    asked: Any = {"model": "m", "max_tokens": 64, "messages": []}

    def ask() -> Any:
        if way == "requests":
            url = provider.base + PATHS["anthropic"]
            source = adapt(session.post(url, json=asked, stream=True))
        else:
            streaming = {"stream": True} if way == "create" else {}
            source = adapt(getattr(provider.anthropic.messages, way)(**asked, **streaming))
        assert source is not None
        source.open()
        return source

    source = ask()
    owner, name = GIVES_BACK[way](source)
    give_back = getattr(owner, name)
    others: list[Source] = []

    def give_back_and_meet_others(*args: Any) -> None:
        """Two other threads' doings, before this one goes on."""
        give_back(*args)
        if not others:
            others.append(ask())
            source.cancel()

    monkeypatch.setattr(owner, name, give_back_and_meet_others)
    list(source.batches(Turn()))
    source.close()
    said = ""
    for dicts in others[0].batches(Turn()):
        heard.set()
        said += "".join(d.get("delta", {}).get("text", "") for d in dicts)
    others[0].close()
    session.close()
    assert said == TEXT
    assert ports == [ports[0]] * 2
