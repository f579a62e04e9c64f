"""Workers that stop: what can finish does, the rest is told, and what is cut looks cut."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from tests.provider import Exchange, Provider
from tests.servers.flood import SAID, Flood
from tests.servers.running import (
    DEADLINE,
    HEAD,
    TAIL,
    Client,
    Server,
    events_of,
    matrix,
    prompt_of,
    running,
    said,
    until,
    word,
)

pytestmark = pytest.mark.slow  # processes that end take their time, on every Python

# Between the signal and the last word of those that finish: the watcher has seen it by then.
A_WHILE = 0.4
SHUTDOWN = 10 * A_WHILE  # seconds

WORKERS = matrix("gunicorn gthread", "gunicorn gevent", "gunicorn sync")

MIXED = ["stays", "ends"] * 10


def rounds(server: Server) -> list[list[str]]:
    """The streams that are open at once, and the kind of each; sync has one at a time."""
    return [["stays"], ["ends"]] if "sync" in server.name else [MIXED]


class Lasting:
    """A script that says one word; then those that end do so in a while, and others never.

    :ivar go_on: set when they may end.
    """

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def __call__(self, exchange: Exchange) -> None:
        prompt = prompt_of(exchange)
        exchange.start()
        exchange.send(HEAD + word(f"{prompt} begins"))
        if prompt.startswith("stays"):
            exchange.gone(2 * DEADLINE)
            return
        self.go_on.wait()  # which is set at the end, whatever becomes of the test
        if not exchange.gone(A_WHILE):
            exchange.send(word(" and ends") + TAIL)
            exchange.end()


class Streams:
    """Streams that are open, by their prompts."""

    def __init__(self, server: Server, provider: Provider, kinds: list[str], name: str) -> None:
        self.script = Lasting()
        self._server = server
        self._bodies: dict[str, bytes] = {}
        self._clients: dict[str, Client] = {}
        provider.run(self.script)
        for number, kind in enumerate(kinds):
            prompt = f"{kind}-{name}-{number}"
            client = self._clients[prompt] = server.connect().send("POST", f"/chat/{prompt}")
            self._bodies[prompt] = client.head().until(b"begins")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.script.go_on.set()
        for client in self._clients.values():
            client.leave()

    def end_well(self) -> None:
        """Read them all: what could end has, and the others were told; each just once."""
        self.script.go_on.set()
        # Those that end first, so that no connection waits to be closed by its reader.
        for prompt in sorted(self._clients):
            client = self._clients[prompt]
            events = events_of(self._bodies[prompt] + client.whole())
            client.leave()
            kinds = [kind for kind, _ in events]
            assert kinds[0] == "start"
            assert kinds.count("done") + kinds.count("failed") == 1
            if prompt.startswith("ends"):
                assert kinds[-1] == "done", events
                assert said(events) == f"{prompt} begins and ends"
                assert self._server.results_of(prompt) == [["complete", said(events), None]]
            else:
                assert kinds[-1] == "failed", events
                assert events[-1][1]["code"] == "shutdown"
                assert events[-1][1]["retryable"] is True
                assert said(events) == f"{prompt} begins"
                assert self._server.results_of(prompt) == [["failed", said(events), "shutdown"]]

    def are_cut(self) -> None:
        """Read them all: each has neither a terminal event nor a last chunk."""
        for prompt, client in self._clients.items():
            try:
                rest = client.broken()
            except ConnectionResetError:
                rest = b""
            events = events_of(self._bodies[prompt] + rest)
            assert said(events) == f"{prompt} begins"
            assert not {"done", "failed"} & {kind for kind, _ in events}


def answers_anew(server: Server, old: list[int]) -> None:
    """A new worker answers, and the old ones are gone."""

    def is_new() -> bool:
        return server.state()["pid"] not in old and not set(old) & set(server.workers)

    until(is_new, lambda: f"there is no new worker:\n{server.log}")


@pytest.fixture(scope="module", params=WORKERS)
def lasting(
    request: pytest.FixtureRequest, speaking: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server whose workers come and go; with --preload a new one is there at once."""
    settings = {"STREAM_SHUTDOWN_SECONDS": SHUTDOWN}
    folder = tmp_path_factory.mktemp("lasting")
    with running(request.param, speaking.base, folder, settings, ["--preload"]) as server:
        yield server


def test_a_reload_lets_streams_finish_and_tells_the_others(
    lasting: Server, speaking: Provider
) -> None:
    for number, kinds in enumerate(rounds(lasting)):
        old = lasting.workers
        with Streams(lasting, speaking, kinds, f"reload{number}") as streams:
            lasting.send_signal(signal.SIGHUP)
            streams.end_well()
        answers_anew(lasting, old)
    assert "Traceback" not in lasting.log
    assert "SIGKILL" not in lasting.log


def test_other_formats_tell_of_a_reload_in_their_own_way(
    lasting: Server, speaking: Provider
) -> None:
    """Plain text has no word for it, so it stays without an end; JSON has the HTTP status."""
    if "sync" in lasting.name:
        pytest.skip("the sync worker has one stream at a time")
    old, before = lasting.workers, len(speaking.requests)
    speaking.run(Lasting())
    with (
        lasting.connect().ask("POST", "/text/stays-text") as text,
        lasting.connect().send("POST", "/json/stays-json") as json_,
    ):
        assert text.until(b"begins") == b"stays-text begins"
        until(lambda: len(speaking.requests) == before + 2, "the provider was not asked")
        lasting.send_signal(signal.SIGHUP)
        assert text.broken() == b""
        told: dict[str, Any] = json.loads(json_.head().whole())
        assert json_.status == 503
    assert (told["outcome"], told["text"]) == ("failed", "stays-json begins")
    assert (told["error"]["code"], told["error"]["retryable"]) == ("shutdown", True)
    for prompt in ("stays-text", "stays-json"):
        assert lasting.results_of(prompt) == [["failed", f"{prompt} begins", "shutdown"]]
    answers_anew(lasting, old)


def test_a_run_that_is_stuck_in_a_write_does_not_wait_to_be_killed(
    lasting: Server, speaking: Provider
) -> None:
    """Killed, it would not save what was said: nothing of it would run any more."""
    old, flood = lasting.workers, Flood(1000)
    speaking.run(flood)
    with lasting.connect(receive_buffer=4096) as client:
        client.ask("POST", "/chat/stuck")
        flood.wait_until_stuck()
        lasting.send_signal(signal.SIGHUP)
        assert lasting.results_of("stuck") == [["failed", SAID, "shutdown"]]
        with pytest.raises((AssertionError, ConnectionResetError)):
            client.whole()  # what is left in the buffers has no end
    answers_anew(lasting, old)


def test_a_worker_that_is_killed_leaves_streams_that_look_cut(
    lasting: Server, speaking: Provider
) -> None:
    old, kinds = lasting.workers, MIXED[: len(rounds(lasting)[0])]
    with Streams(lasting, speaking, kinds, "killed") as streams:
        for pid in old:
            os.kill(pid, signal.SIGKILL)
        streams.are_cut()
    answers_anew(lasting, old)


# -- SIGTERM, with the default: the worker's graceful_timeout (5 s here) less 2 s --------------


@pytest.mark.parametrize("worker", WORKERS)
def test_a_server_that_is_stopped_lets_streams_finish_and_tells_the_others(
    worker: str, speaking: Provider, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with running(worker, speaking.base, tmp_path_factory.mktemp("stopped")) as server:
        kinds = MIXED if "sync" not in worker else ["stays"]
        with Streams(server, speaking, kinds, "stopped") as streams:
            server.send_signal(signal.SIGTERM)
            streams.end_well()
        server.process.wait(DEADLINE)
        assert "Traceback" not in server.log
        # Its worker has ended by itself, in time.
        assert "SIGKILL" not in server.log


@pytest.mark.parametrize("worker", matrix("gunicorn gthread"))
def test_a_view_that_still_waits_for_its_provider_is_given_no_more_time_than_others(
    worker: str, speaking: Provider, tmp_path: Path
) -> None:
    """Its stream would have SHUTDOWN from its first byte, which is longer than it lives."""
    asked, stopping = threading.Event(), threading.Event()

    def answer_late(exchange: Exchange) -> None:
        asked.set()
        stopping.wait(DEADLINE)
        exchange.gone(0.75 * SHUTDOWN)  # a while
        exchange.start()
        exchange.send(HEAD + word("late"))
        exchange.gone(2 * DEADLINE)

    speaking.run(answer_late)
    settings = {"STREAM_SHUTDOWN_SECONDS": SHUTDOWN}
    # The later of these arguments counts.
    arguments = [f"--graceful-timeout={round(1.5 * SHUTDOWN)}"]
    with running(worker, speaking.base, tmp_path, settings, arguments) as server:
        with server.connect() as client:
            answered = threading.Thread(target=client.ask, args=("POST", "/chat/late"))
            answered.start()
            assert asked.wait(DEADLINE)
            server.send_signal(signal.SIGTERM)
            stopping.set()
            answered.join(DEADLINE)
            events = events_of(client.whole(), comments=True)
        assert said(events) == "late"
        assert (events[-1][0], events[-1][1]["code"]) == ("failed", "shutdown")


# -- max_requests -----------------------------------------------------------------------------

MAX_REQUESTS = 40


@pytest.fixture(scope="module", params=WORKERS)
def counting(
    request: pytest.FixtureRequest, speaking: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server whose workers end with their fortieth request."""
    settings = {"STREAM_SHUTDOWN_SECONDS": SHUTDOWN}
    folder = tmp_path_factory.mktemp("counting")
    arguments = [f"--max-requests={MAX_REQUESTS}", "--preload"]
    with running(request.param, speaking.base, folder, settings, arguments) as server:
        yield server


@pytest.mark.parametrize("last", ["ends", "stays"])
def test_the_request_that_trips_max_requests_has_the_same_time_as_any_other(
    counting: Server, speaking: Provider, last: str
) -> None:
    """The worker is no longer alive when that request begins."""
    if "gevent" in counting.name and last == "stays":
        pytest.skip("gthread shows it, and gevent's worker takes seconds to end")
    kinds = [last] if "sync" in counting.name else [*MIXED[:-1], last]
    state = counting.state()
    for _ in range(MAX_REQUESTS - len(kinds) - state["requests"]):
        with counting.connect() as client:
            assert client.ask("GET", "/hello").whole() == b"hello"
    with Streams(counting, speaking, kinds, f"counted-{last}") as streams:
        streams.end_well()
    answers_anew(counting, [state["pid"]])
    assert "Traceback" not in counting.log
