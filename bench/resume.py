"""Runs that outlive their request: many readers of one, many at once, long ones, and how late.

python -m bench.resume

With sqlite, and with a Redis of its own: that of `REDIS`, or the one on the path.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.server import about, stamps
from bench.server.processes import memory_kib, processor_seconds, running, tree
from bench.server.reader import quantile

_GUNICORN = [
    *(sys.executable, "-m", "gunicorn", "--no-control-socket", "--log-level=warning"),
    *("--worker-class=gthread", "--threads=800", "--worker-connections=2000"),
    *("--bind=fd://{fd}", "bench.server.apps.resumable:app"),
]
_URL = re.compile(rb'"url":"([^"]+)"')
_LAST_ID = re.compile(rb"id: [0-9a-f]{32}\.(\d+)\n")
_ENDS = (b"event: done\n", b"event: failed\n")


@dataclass
class Read:
    """What one reader got.

    :ivar late: how late each word was, in ms.
    """

    late: list[float] = field(default_factory=list)
    url: str = ""
    body: int = 0
    ended: bool = False


async def read(port: int, path: str, into: Read, *, owner: str = "one") -> None:
    """Read an answer to its end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: bench\r\nReader: {owner}\r\n\r\n".encode())
    await writer.drain()
    rest = b""
    try:
        while data := await reader.read(65536):
            now = stamps.now()
            rest += data
            into.late += [(now - sent) / 1000 for sent in stamps.sent_in(rest)]
            into.body += len(data)
            if not into.url and (found := _URL.search(rest)):
                into.url = found[1].decode()
            if any(end in rest for end in _ENDS):
                into.ended = True
                return
            rest = rest[-stamps.REST :]
    finally:
        writer.close()


def stuck(port: int, path: str) -> socket.socket:
    """A reader who takes nothing: no more than the kernels' buffers hold leaves the server."""
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.connect(("127.0.0.1", port))
    reader.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\nReader: one\r\n\r\n".encode())
    return reader


async def begun(port: int, model: str, into: Read) -> asyncio.Task[None]:
    """A run's first reader, once he knows where it is."""
    task = asyncio.create_task(read(port, f"/plain?model={model}", into))
    while not into.url:
        if task.done():
            raise RuntimeError(f"Port {port} answered with no run.")
        await asyncio.sleep(0.002)
    return task


def told(reads: list[Read]) -> dict[str, object]:
    late = sorted(each for one in reads for each in one.late)
    assert all(one.ended for one in reads), "a reader was cut off"
    return {
        "p50 ms": round(quantile(late, 0.5), 2),
        "p99 ms": round(quantile(late, 0.99), 2),
        "words": len(late),
    }


async def many_readers(port: int) -> dict[str, object]:
    """200 readers of one run of 400 words at 40 a second."""
    first = Read()
    task = await begun(port, "400x40", first)
    others = [Read() for _ in range(199)]
    await asyncio.gather(task, *(read(port, f"{first.url}?after=1", each) for each in others))
    late = [Read(late=each.late[-300:], ended=each.ended) for each in others]  # without the replay
    return told([first, *late])


async def many_runs(port: int) -> dict[str, object]:
    """500 runs at once, of 100 words at 10 a second each."""
    reads = [Read() for _ in range(500)]
    asked = (
        read(port, "/plain?model=100x10", each, owner=f"reader {number}")
        for number, each in enumerate(reads)
    )
    await asyncio.gather(*asked)
    return told(reads)


async def long_run(port: int) -> dict[str, object]:
    """100,000 words, read from their middle once they are all there."""
    first = Read()
    await (await begun(port, "100000x1000000", first))
    found = {}
    for name, after in (("from its middle", 50_000), ("from its beginning", 0)):
        one, begin = Read(), time.perf_counter()
        await read(port, f"{first.url}?after={after}", one)
        found[name] = f"{time.perf_counter() - begin:.2f} s, {one.body / 1e6:.1f} MB"
        assert one.ended
    return found


async def one_is_stuck(port: int) -> dict[str, object]:
    """50 read 5,000 words of a KB, at 300 a second, and one takes nothing."""
    first = Read()
    task = await begun(port, "5000x300&padding=850", first)
    with stuck(port, f"{first.url}?after=0"):
        others = [Read() for _ in range(49)]
        await asyncio.gather(task, *(read(port, f"{first.url}?after=1", each) for each in others))
    late = [Read(late=each.late[-4000:], ended=each.ended) for each in others]
    return told([first, *late])


async def beside(ports: tuple[int, int]) -> dict[str, object]:
    """One run's words at the process that produces it, and at another one."""
    own, other = Read(), Read()
    task = await begun(ports[0], "400x40", own)
    await asyncio.gather(task, read(ports[1], f"{own.url}?after=1", other))
    other.late = other.late[-300:]
    here, there = told([own]), told([other])
    return {
        "same process, p50 ms": here["p50 ms"],
        "another one, p50 ms": there["p50 ms"],
        "another one, p99 ms": there["p99 ms"],
    }


@contextmanager
def serving(folder: Path, url: str, app: str = "resumable") -> Iterator[tuple[int, int]]:
    command = [*_GUNICORN[:-1], f"bench.server.apps.{app}:app"]
    with running(command, folder, {"LOG_URL": url, "PROVIDER": "http://127.0.0.1:9"}) as (
        pid,
        port,
    ):
        wait_for(port)
        yield pid, port


def wait_for(port: int) -> None:
    async def ask() -> None:
        await read(port, "/plain?model=1x1000", Read())

    asyncio.run(ask())


def measured(name: str, pid: int, work: Callable[[], dict[str, object]]) -> None:
    pids = tree(pid)
    before = processor_seconds(pids)
    begin = time.perf_counter()
    found = work()
    found["seconds"] = round(time.perf_counter() - begin, 2)
    found["CPU seconds"] = round(processor_seconds(tree(pid)) - before, 2)
    found["MB"] = round(memory_kib(tree(pid)) / 1024)
    print(f"  {name}: {json.dumps(found)}", flush=True)


def of_log(name: str, url: str, folder: Path) -> None:
    print(name, flush=True)
    with serving(folder / f"{name}-one", url) as (pid, port):
        for part in (many_readers, one_is_stuck, many_runs, long_run):
            measured(
                part.__doc__ or "",
                pid,
                lambda part=part: asyncio.run(part(port)),  # type: ignore[misc]
            )
        with serving(folder / f"{name}-two", url) as (_, other):
            measured(beside.__doc__ or "", pid, lambda: asyncio.run(beside((port, other))))


@contextmanager
def redis_server(binary: str, folder: Path) -> Iterator[str]:
    """One that keeps what it has as docs/resume.md advises; its URL, on loopback."""
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    command += ["--save", "", "--appendonly", "yes", "--appendfsync", "everysec"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        until_open(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.kill()
        process.wait(60)


def until_open(port: int) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


def attached(folder: Path) -> None:
    """How late a word is without a log."""
    with serving(folder / "attached", "", "ours") as (_, port):
        reads = [Read() for _ in range(3)]
        for each in reads:
            asyncio.run(read(port, "/plain?model=400x40", each))
        middle = median(quantile(sorted(each.late), 0.5) for each in reads)
        print(f"attached: p50 {middle:.2f} ms", flush=True)


def main() -> None:
    print(about.machine(), "load", os.getloadavg(), flush=True)
    redis = os.environ.get("REDIS") or shutil.which("redis-server")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        attached(folder)
        of_log("sqlite", f"sqlite:///{folder / 'runs.sqlite3'}", folder)
        if redis is None:
            print("redis: not measured: set REDIS to the path of a redis-server")
            return
        with redis_server(redis, folder / "redis") as url:
            of_log("redis", url, folder)


if __name__ == "__main__":
    main()
