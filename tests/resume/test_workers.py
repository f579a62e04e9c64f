"""Four workers, and readers who are cut off: nothing is lost, nothing twice, nothing paid twice."""

from __future__ import annotations

import os
import signal
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from tests.own_time import part_of
from tests.resume.conftest import DEADLINE, eventually, said
from tests.resume.serving import PATIENT, Reader, Server, all_at_once, serving
from tests.resume.words import words_of

pytestmark = pytest.mark.slow

TWICE = 200
AT_ONCE = 24


@pytest.fixture(params=["gthread", "gevent"])
def server(request: pytest.FixtureRequest, tmp_path: Path):  # type: ignore[no-untyped-def]
    url = f"sqlite:///{tmp_path / 'runs.sqlite3'}"
    with serving(tmp_path / "site", url, worker=request.param) as server:
        yield server


@pytest.mark.parametrize("runs", part_of([250, 1000], kept=[250]))
def test_readers_that_are_cut_off_lose_nothing(server: Server, runs: int) -> None:
    eventually(lambda: len({server.request("GET", "/hello").headers["Worker"] for _ in "four"}) > 1)
    readers = {f"p{n}": Reader(server, f"/say/p{n}/12/5", n) for n in range(runs)}
    all_at_once([partial(reader.read, 4) for reader in readers.values()], AT_ONCE)
    for prompt, reader in readers.items():
        assert said(reader.events) == "".join(words_of(prompt, 12))
        assert reader.events[-1].kind == "done"
    assert sorted(prompt for prompt, _ in server.asked()) == sorted(readers)
    assert server.finished() == {
        prompt: [["complete", "".join(words_of(prompt, 12))]] for prompt in readers
    }
    assert len(set().union(*(reader.workers for reader in readers.values()))) > 1


def test_a_post_that_is_sent_twice_is_one_run(server: Server) -> None:
    def ask(prompt: str, delay: float) -> None:
        time.sleep(delay)  # what is tested is any distance between the two
        reader = Reader(server, f"/say/{prompt}/4/5", 0)
        reader.read(0)
        texts.append((prompt, said(reader.events), reader.events[0].run))

    texts: list[tuple[str, str, str]] = []
    calls = []
    for number in range(TWICE):
        delay = (number % 10) * 0.004
        calls += [partial(ask, f"p{number}", 0), partial(ask, f"p{number}", delay)]
    all_at_once(calls, AT_ONCE)
    assert len(texts) == 2 * TWICE
    assert len(set(texts)) == TWICE
    assert all(text == "".join(words_of(prompt, 4)) for prompt, text, _ in texts)
    assert len(server.asked()) == TWICE


def test_workers_that_are_killed_with_100_runs_are_told_once_to_all(tmp_path: Path) -> None:
    url, lease = f"sqlite:///{tmp_path / 'runs.sqlite3'}", 5
    settings = {"arguments": ["--threads=256"], "STREAM_LEASE_SECONDS": lease}
    with serving(tmp_path / "site", url, **settings) as server:  # type: ignore[arg-type]
        # Two of each have one key, so they read one run, and many of them at other workers.
        pairs = [[Reader(server, f"/say/k{n}/2000/200", n) for _ in range(2)] for n in range(100)]
        threads = [
            threading.Thread(target=reader.read, args=(0,)) for pair in pairs for reader in pair
        ]
        for thread in threads:
            thread.start()
        eventually(lambda: all(len(reader.events) > 3 for pair in pairs for reader in pair))
        killed = server.workers
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        killed_at = time.monotonic()
        for thread in threads:
            thread.join(60)
        took = time.monotonic() - killed_at
    assert {pid for _, pid in server.asked()} <= set(killed)
    assert len(server.asked()) == 100
    for pair in pairs:
        ends = {(end.kind, end.data["code"], end.number) for *_, end in (r.events for r in pair)}
        assert len(ends) == 1
        assert {end[:2] for end in ends} == {("failed", "interrupted")}
        whole = "".join(words_of(pair[0].prompt, 2000))
        assert all(whole.startswith(said(reader.events)) for reader in pair)
    print(f"told {took:.1f} s behind the kill, with a lease of {lease} s")


@pytest.mark.parametrize("worker", ["gthread", "gevent"])
def test_a_worker_that_stops_lets_its_runs_end(tmp_path: Path, worker: str) -> None:
    """Nobody reads them: they end within the shutdown's time, and are saved."""
    url, prompts = f"sqlite:///{tmp_path / 'runs.sqlite3'}", [f"p{n}" for n in range(8)]
    with serving(tmp_path / "site", url, worker=worker, arguments=PATIENT) as server:
        for prompt in prompts:
            reader = Reader(server, f"/say/{prompt}/30/30", 0)
            reader.read_first()
        os.kill(server.process.pid, signal.SIGTERM)
        assert server.process.wait(DEADLINE) == 0
        assert {prompt: [o for o, _ in ended] for prompt, ended in server.finished().items()} == {
            prompt: ["complete"] for prompt in prompts
        }


def test_a_worker_that_stops_ends_what_takes_too_long(server: Server) -> None:
    reader = Reader(server, "/say/long/2000/30", 0)
    reader.read_first()
    os.kill(server.process.pid, signal.SIGTERM)
    assert server.process.wait(DEADLINE) == 0
    [[outcome, text]] = server.finished()["long"]
    assert outcome == "failed"
    assert "".join(words_of("long", 2000)).startswith(text)


def test_sync_workers_may_answer_for_longer_than_their_timeout(tmp_path: Path) -> None:
    """One that says nothing of itself for so long is killed; its readers speak for it.

    Two answer, each with its one thread: the run's own worker, and one that follows it.
    """
    url, text = f"sqlite:///{tmp_path / 'runs.sqlite3'}", "".join(words_of("long", 40))
    arguments = ["--timeout=3"]
    with serving(tmp_path / "site", url, worker="sync", workers=2, arguments=arguments) as server:
        workers = set(server.workers)
        readers = [Reader(server, "/say/long/40/200", 0) for _ in range(2)]
        all_at_once([partial(reader.read, 0) for reader in readers], 2)
        assert [said(reader.events) for reader in readers] == [text, text]
        assert [reader.events[-1].kind for reader in readers] == ["done", "done"]
        assert [len(reader.workers) for reader in readers] == [1, 1]
        assert set(server.workers) == workers
    assert len(server.asked()) == 1
