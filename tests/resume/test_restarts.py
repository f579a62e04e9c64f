"""Workers that are restarted under their readers, and readers that take nothing."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import threading
from functools import partial
from pathlib import Path

import pytest

from tests.resume.conftest import DEADLINE, eventually, said
from tests.resume.following import Following, asking, is_whole
from tests.resume.serving import Reader, Server, all_at_once, serving
from tests.resume.words import words_of

pytestmark = pytest.mark.slow

RUNS = int(os.environ.get("FLASK_STREAM_RUNS", "40"))


def url_in(folder: Path) -> str:
    return f"sqlite:///{folder / 'runs.sqlite3'}"


def all_are_whole(server: Server, readers: dict[str, Reader], count: int) -> None:
    for prompt, reader in readers.items():
        assert reader.events[-1].kind == "done", reader.events[-1]
        assert said(reader.events) == "".join(words_of(prompt, count))
    assert sorted(prompt for prompt, _ in server.asked()) == sorted(readers)


def test_a_reload_under_readers_loses_nothing(tmp_path: Path) -> None:
    arguments = ["--preload"]
    with serving(tmp_path / "site", url_in(tmp_path), workers=2, arguments=arguments) as server:
        before = set(server.workers)
        readers = {f"p{n}": Reader(server, f"/say/p{n}/60/10", n) for n in range(RUNS // 2)}
        reading = threading.Thread(
            target=all_at_once,
            args=([partial(reader.read, 3) for reader in readers.values()], len(readers)),
        )
        reading.start()
        eventually(lambda: all(reader.events for reader in readers.values()))
        os.kill(server.process.pid, signal.SIGHUP)
        reading.join(2 * DEADLINE)
        all_are_whole(server, readers, 60)
        eventually(lambda: not before & set(server.workers))


def test_workers_that_are_replaced_all_the_time_lose_nothing(tmp_path: Path) -> None:
    arguments = ["--max-requests=25"]
    with serving(tmp_path / "site", url_in(tmp_path), workers=2, arguments=arguments) as server:
        readers = {f"p{n}": Reader(server, f"/say/p{n}/40/5", n) for n in range(RUNS)}
        all_at_once([partial(reader.read, 4) for reader in readers.values()], 10)
        all_are_whole(server, readers, 40)
        assert len(set().union(*(reader.workers for reader in readers.values()))) > 2


def test_who_takes_nothing_keeps_nobody_waiting(tmp_path: Path) -> None:
    """The run has 24 MB: more than the sockets between have room for."""
    settings = {"STREAM_MAX_CHARACTERS": 50_000_000}
    with serving(tmp_path / "site", url_in(tmp_path), workers=1, **settings) as server:
        beside = asking(server, "/large/240")
        beside.has(1)
        slow = taking_nothing(server, beside.run)
        others = [
            Following(server.request("GET", f"/_stream/{beside.run}?after=1")) for _ in range(5)
        ]
        assert beside.end().kind == "done"
        assert all(other.end() == beside.end() for other in others)
        # And once it takes it, all is there.
        response = http.client.HTTPResponse(slow)
        response.begin()
        late = Following(response)
        assert late.end() == beside.end()
        assert said(late.events) == said(beside.events)
        slow.close()


def taking_nothing(server: Server, run: str) -> socket.socket:
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.settimeout(DEADLINE)
    slow.connect(("127.0.0.1", server.port))
    slow.sendall(f"GET /_stream/{run} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    return slow


def test_a_run_ends_as_readers_come(tmp_path: Path) -> None:
    """At any moment of a short run, at any worker: each has all of it."""
    with serving(tmp_path / "site", url_in(tmp_path), workers=2) as server:
        for turn in range(RUNS // 2):
            prompt = f"short{turn}"
            first = asking(server, f"/say/{prompt}/6/1")
            later = [
                Following(server.request("GET", f"/_stream/{first.run}?after={after}"))
                for after in (0, 0, 1, 1)
            ]
            assert is_whole(first, prompt, 6)
            assert all(is_whole(each, prompt, 6) for each in later)
