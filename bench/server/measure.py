"""What one load costs one server."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from .contenders import PATHS, Server
from .pace import Pace
from .processes import ROOT, memory_kib, processor_seconds, running, tree
from .reader import Task, Told

RATE = 30  # tokens a second of each stream
SETTLING = 30  # seconds, at most
LONGEST = 300  # seconds: what a reader may take at most


@dataclass(frozen=True)
class Load:
    """:ivar together: how many streams are open at one time; `streams` is how many in all."""

    name: str
    pace: Pace
    streams: int
    together: int
    opening: float = 0.0
    window: float | None = None
    hold: float = 0.0


WARMING = Load("warming", Pace(20, 200), streams=8, together=4)


@dataclass(frozen=True)
class Figures:
    """:ivar token: microseconds of the server's processor time for each word.
    :ivar stream: milliseconds of it for each stream: where opening one is what is measured.
    :ivar first: milliseconds, the first word's delay beyond the provider's; the middle stream's.
    :ivar slowest: milliseconds, the longest that a stream waited for its first word.
    :ivar bytes: for each word, as they came to the reader.
    """

    token: float
    stream: float
    p50: float
    p99: float
    first: float
    slowest: float
    bytes: float
    dropped: int


@contextmanager
def provider(folder: Path) -> Iterator[int]:
    """The port of the provider, which runs until the end of the block."""
    own = folder / "provider"
    with running([sys.executable, "-m", "bench.server.provider", "{fd}"], own) as (_, port):
        yield port


def steady(streams: int, seconds: float) -> Load:
    """So many streams, each at a model's pace, once all of them are under way."""
    opening = min(4.0, streams / 40)
    # Longer than it can take to open them on a machine that is busy: they are cut at the end.
    words = int((seconds + opening + 60) * RATE)
    pace = Pace(words, RATE)
    return Load(f"{streams}", pace, streams, streams, opening, window=seconds)


def at_once(streams: int, words: int) -> Load:
    """All words of each are there at once, with the opening in it: how fast can it be at most?"""
    return Load("at once", Pace(words, 0), streams, streams)


def opening(streams: int) -> Load:
    """Streams of one word, four at a time: what it costs to open one."""
    return Load("opening", Pace(1, 0), streams, 4)


class CouldNot(Exception):
    """A server did not stream what it was asked for."""


def told(server: Server, wire: str, load: Load) -> Told:
    with reading(server, wire, load) as reader:
        try:
            out, _ = reader.communicate(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            raise CouldNot(f"It took longer than {LONGEST} seconds.") from None
    if reader.returncode != 0:
        raise CouldNot(server.log() or "It ended, and its log is empty.")
    return Told(**json.loads(out))


@contextmanager
def reading(server: Server, wire: str, load: Load) -> Iterator[subprocess.Popen[str]]:
    """The reader, at work."""
    task = Task(
        port=server.port,
        path=f"{PATHS[wire]}?model={load.pace}",
        words=load.pace.words,
        streams=load.streams,
        together=load.together,
        opening=load.opening,
        window=load.window,
        hold=load.hold,
        server=tree(server.pid),
    )
    command = [sys.executable, "-m", "bench.server.reader", json.dumps(asdict(task))]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as reader:
        try:
            yield reader
        finally:
            reader.kill()


def figures(server: Server, wire: str, load: Load, idle: float) -> Figures:
    """:param idle: processor seconds that the server takes in a second in which it does nothing."""
    read = told(server, wire, load)
    settle(server, idle)
    if not read.words:
        raise CouldNot("No word came in the time that was measured.")
    spent = max(0.0, read.processor - idle * read.seconds)
    return Figures(
        token=spent / read.words * 1e6,
        stream=spent / read.streams * 1e3,
        p50=read.p50,
        p99=read.p99,
        first=median(read.over) if read.over else float("nan"),
        slowest=max(read.waits, default=float("nan")),
        bytes=read.bytes / read.words,
        dropped=read.dropped,
    )


def warm(server: Server) -> None:
    """Until each wire has been used, modules are loaded and threads begun that stay."""
    for wire in server.contender.wires:
        told(server, wire, WARMING)


def settle(server: Server, idling: float) -> None:
    """Wait until it has cleared away the streams that were cut, and takes no time from others."""
    pids = tree(server.pid)
    end = time.monotonic() + SETTLING
    while time.monotonic() < end:
        before = processor_seconds(pids)
        time.sleep(0.1)
        if processor_seconds(pids) - before < (idling + 0.05) * 0.1:
            break


def idle(server: Server, seconds: float) -> float:
    pids = tree(server.pid)
    before = processor_seconds(pids)
    time.sleep(seconds)
    return (processor_seconds(pids) - before) / seconds


def memory(server: Server, wire: str, streams: int) -> float:
    """KiB more for each open stream, on a server that has not had so many before."""
    told(server, wire, WARMING)
    pids = tree(server.pid)
    before = most = memory_kib(pids)
    with reading(server, wire, steady(streams, seconds=2.0)) as reader:
        while reader.poll() is None:
            most = max(most, memory_kib(pids))
            time.sleep(0.2)
    return (most - before) / streams
