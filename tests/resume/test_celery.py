"""A Celery worker publishes, by way of a Redis; the web app's readers follow, and stop it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from flask_stream import sse
from tests.conftest import ROOT
from tests.logs.redis_servers import Server as Redis
from tests.logs.redis_servers import redis_binary, running
from tests.provider import TEXT, WORDS, Exchange, InTurns, Provider, word_by_word
from tests.resume.conftest import DEADLINE, Numbered, eventually, numbered
from tests.resume.serving import Server, environment_of, serving, worker_of

pytestmark = pytest.mark.slow

LEASE = 3  # seconds
WORKER = [
    sys.executable,
    "-m",
    "celery",
    "--app=tests.resume.tasks:celery",
    "worker",
    "--concurrency=1",
]
WORKER += ["--without-gossip", "--without-mingle", "--loglevel=warning"]


@pytest.fixture(params=["solo", "prefork"])
def pool(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    with running(
        redis_binary(), tmp_path / "redis", "--appendonly", "yes", "--appendfsync", "always"
    ) as redis:
        yield redis


@pytest.fixture
def server(
    provider: Provider, redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    """The web app."""
    monkeypatch.setenv("BROKER", f"redis://127.0.0.1:{redis.port}/1")
    with serving(
        tmp_path / "site",
        redis.url,
        workers=2,
        provider=f"{provider.base}/v1",
        app="tests.resume.tasks:app",
        STREAM_LEASE_SECONDS=LEASE,
    ) as server:
        yield server


@pytest.fixture(autouse=True)
def worker(
    server: Server, provider: Provider, redis: Redis, pool: str, tmp_path: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A Celery worker that has the same log; it is killed at the end, with all of its pool."""
    folder = tmp_path / "site"
    settings = {"STREAM_LEASE_SECONDS": LEASE}
    with (folder / "worker.log").open("ab") as out:
        process = subprocess.Popen(
            [*WORKER, f"--pool={pool}"],
            cwd=ROOT,
            env=environment_of(folder, redis.url, f"{provider.base}/v1", **settings),
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(DEADLINE)


def follow(server: Server, prompt: str) -> Iterator[Numbered]:
    """Have a task ask, and read what comes: from before it has begun, as a reader does."""
    assert server.request("POST", f"/answers/{prompt}").read() == b""
    path = f"/answers/{prompt}"
    response = eventually(
        lambda: answer if (answer := server.request("GET", path)).status != 503 else None
    )
    assert response.status == 200, (response.read(), server.log)
    return map(numbered, sse.decode(iter(lambda: response.read1(4096), b"")))


def first_word(events: Iterator[Numbered]) -> Numbered:
    return next(event for event in events if event.kind == "text")


class OneWord:
    """A script that says a word, and no more.

    :ivar gone: its client has closed the connection.
    """

    def __init__(self) -> None:
        self.gone = threading.Event()

    def __call__(self, exchange: Exchange) -> None:
        exchange.start()
        exchange.send(word_by_word("openai_chat")[0])
        if exchange.gone(DEADLINE):
            self.gone.set()
        exchange.cut()


def test_the_words_come_as_the_task_has_them(server: Server, provider: Provider) -> None:
    turns = InTurns("openai_chat")
    provider.run(turns)
    said = []
    for event in follow(server, "why"):
        if event.kind == "text":
            said.append(event.data["text"])
            turns.heard()
    assert not turns.waited_in_vain
    assert (said, event.kind) == (WORDS, "done")
    assert server.finished() == {"why": [["complete", TEXT]]}
    assert [request["messages"][0]["content"] for request in provider.requests] == ["why"]


def test_stop_ends_the_task_and_shuts_the_provider_s_connection(
    server: Server, provider: Provider
) -> None:
    script = OneWord()
    provider.run(script)
    events = follow(server, "why")
    word = first_word(events)
    assert server.request("POST", f"/_stream/{word.run}/stop").status == 204
    assert script.gone.wait(DEADLINE)
    [*_, end] = events
    assert (end.kind, end.data["stop_reason"]) == ("done", "stopped")
    assert server.finished() == {"why": [["stopped", WORDS[0]]]}


def test_a_worker_that_is_killed_is_told_to_who_follows(server: Server, provider: Provider) -> None:
    provider.run(OneWord())
    events = follow(server, "why")
    first_word(events)
    os.kill(worker_of(server, "why"), signal.SIGKILL)
    [*_, end] = events
    assert (end.kind, end.data["code"], end.data["retryable"]) == ("failed", "interrupted", True)
    assert server.finished() == {}


def test_a_worker_that_stops_lets_its_task_end(
    server: Server, provider: Provider, worker: subprocess.Popen[bytes]
) -> None:
    turns = InTurns("openai_chat")
    provider.run(turns)
    events = follow(server, "why")
    said = [first_word(events).data["text"]]
    worker.send_signal(signal.SIGTERM)
    for _ in WORDS:
        turns.heard()
    said += [event.data["text"] for event in events if event.kind == "text"]
    assert "".join(said) == TEXT
    assert worker.wait(DEADLINE) == 0
    assert server.finished() == {"why": [["complete", TEXT]]}


def test_a_redis_that_is_started_again_is_waited_for(
    server: Server, provider: Provider, redis: Redis
) -> None:
    """It keeps what it has acknowledged (`appendfsync always`), and nobody notices more."""
    turns = InTurns("openai_chat")
    provider.run(turns)
    events = follow(server, "why")
    first_word(events)
    redis.kill()
    redis.start()
    for _ in WORDS:
        turns.heard()
    said = [event.data["text"] for event in events if event.kind == "text"]
    assert WORDS[0] + "".join(said) == TEXT
    assert eventually(server.finished) == {"why": [["complete", TEXT]]}


def test_what_a_redis_forgets_is_ended(server: Server, provider: Provider, redis: Redis) -> None:
    """As after a restart without persistence."""
    script = OneWord()
    provider.run(script)
    events = follow(server, "why")
    word = first_word(events)
    redis.client.flushall()
    assert script.gone.wait(DEADLINE)
    assert [*events] == []  # cut off, so that the client asks anew
    assert server.request("GET", f"/_stream/{word.run}").status == 404
    assert eventually(server.finished) == {"why": [["failed", WORDS[0]]]}
