"""gunicorn's workers: what the watcher finds out about them, and what the log says of it."""

from __future__ import annotations

import gzip
import re
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.provider import Exchange, Provider
from tests.servers.client import COMMENT
from tests.servers.running import (
    HEAD,
    TAIL,
    Server,
    events_of,
    matrix,
    prompt_of,
    running,
    said,
    speak,
    word,
    words_for,
)

pytestmark = pytest.mark.slow  # processes that end take their time, on every Python

HEARTBEAT = 0.3  # seconds


def warnings(server: Server) -> list[str]:
    return re.findall(r"^WARNING flask_stream: (.*)", server.log, re.MULTILINE)


def pause(exchange: Exchange) -> None:
    """Be silent in the middle, for four heartbeats."""
    exchange.start()
    exchange.send(HEAD + word("before "))
    assert not exchange.gone(4 * HEARTBEAT)
    exchange.send(word("after") + TAIL)
    exchange.end()


@pytest.fixture(scope="module", params=matrix("gunicorn gthread", "gunicorn gevent"))
def preloaded(
    request: pytest.FixtureRequest, speaking: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server whose app was loaded before the fork, with a middleware; see `compressing`."""
    folder, settings = tmp_path_factory.mktemp("preloaded"), {"STREAM_HEARTBEAT": HEARTBEAT}
    arguments = ["--preload", "--config=python:tests.servers.compressing"]
    with running(request.param, speaking.base, folder, settings, arguments) as server:
        yield server


def test_an_app_that_was_loaded_before_the_fork_has_its_watcher(
    preloaded: Server, speaking: Provider
) -> None:
    speaking.run(pause)
    for number in range(2):
        with preloaded.connect() as client:
            body = client.ask("POST", f"/chat/preloaded-{number}").whole()
            client.has_no_more()
        events = events_of(body, comments=True)
        assert (said(events), events[-1][0]) == ("before after", "done")
        assert events.count(COMMENT) >= 1
    assert preloaded.state()["threads"].count("flask-stream-watcher") <= 1
    # Nothing is wrong with it, and so nothing is warned of.
    assert [line for line in warnings(preloaded) if "Content-Encoding" not in line] == []


def test_each_run_has_its_line_in_the_log(preloaded: Server, speaking: Provider) -> None:
    speaking.run(speak)
    with preloaded.connect() as client:
        events = events_of(client.ask("POST", "/chat/logged").whole())
    assert events[-1][0] == "done"
    lines = re.findall(r"^INFO flask_stream: Run .* ended: (.*)", preloaded.log, re.MULTILINE)
    characters = len("".join(words_for("logged")))
    (line,) = [line for line in lines if f" characters={characters} " in line]
    assert line.startswith("endpoint=chat provider=openai model=m outcome=complete ")


def test_a_body_that_a_middleware_compresses_gets_no_heartbeats(
    preloaded: Server, speaking: Provider
) -> None:
    """They would stand in it as they are, and nobody could read the rest."""
    for number in range(2):
        speaking.run(pause)
        with preloaded.connect() as client:
            zipped = {"Accept-Encoding": "gzip"}
            client.ask("POST", f"/chat/zipped-{number}", headers=zipped)
            assert client.headers["content-encoding"] == "gzip"
            events = events_of(gzip.decompress(client.whole()))
        assert (said(events), events[-1][0]) == ("before after", "done")
    assert len([line for line in warnings(preloaded) if "Content-Encoding gzip" in line]) == 1


def test_auto_is_no_limit_on_gevent_and_is_told_on_gthread(
    preloaded: Server, speaking: Provider
) -> None:
    together = threading.Event()

    def wait_for_all(exchange: Exchange) -> None:
        exchange.start()
        exchange.send(HEAD + word("first "))
        together.wait()  # which the test sets, whatever becomes of it
        exchange.send(word("last") + TAIL)
        exchange.end()

    speaking.run(wait_for_all)
    with ExitStack() as stack:
        streams = 60  # of gthread's 64 threads
        stack.callback(together.set)
        # One after the other, so that no wait is one for all of them.
        clients = [
            stack.enter_context(preloaded.connect()).ask("POST", f"/chat/many-{number}")
            for number in range(streams)
        ]
        carried = [client for client in clients if client.status == 200]
        assert len(carried) == (streams if "gevent" in preloaded.name else 64 - 64 // 5)
        together.set()
        for client in carried:
            events = events_of(client.whole(), comments=True)
            assert (said(events), events[-1][0]) == ("first last", "done")
    assert preloaded.log.count("carry streams") == ("gthread" in preloaded.name)


LASTS = 7.0  # seconds, more than twice as long as TIMEOUT
TIMEOUT = 3


def test_a_sync_worker_carries_a_stream_for_longer_than_its_timeout(
    speaking: Provider, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Half of the time with words, and half of it in silence."""
    words = [f"{number} " for number in range(10)]

    def go_on(exchange: Exchange) -> None:
        exchange.start()
        exchange.send(HEAD)
        for text in words if prompt_of(exchange) == "long" else ["short"]:
            exchange.send(word(text))
            assert not exchange.gone(LASTS / 2 / len(words))
        assert not exchange.gone(LASTS / 2 if prompt_of(exchange) == "long" else 0.01)
        exchange.send(TAIL)
        exchange.end()

    speaking.run(go_on)
    folder = tmp_path_factory.mktemp("sync")
    arguments = [f"--timeout={TIMEOUT}"]
    with running("gunicorn sync", speaking.base, folder, arguments=arguments) as server:
        workers = server.workers
        for prompt, text in (("long", "".join(words)), ("short", "short")):
            begun = time.monotonic()
            with server.connect() as client:
                events = events_of(client.ask("POST", f"/chat/{prompt}").whole())
            assert (said(events), events[-1][0]) == (text, "done")
            assert time.monotonic() - begun > (LASTS if prompt == "long" else 0)
        assert server.workers == workers
        assert "WORKER TIMEOUT" not in server.log
        # What is wrong with such a server is said, once, though it was asked twice.
        sync, timeout = sorted(warnings(server), key=lambda said: "timeout" in said)
        assert "sync worker" in sync
        assert f"timeout is {TIMEOUT} s, below STREAM_HEARTBEAT (15 s)" in timeout
