"""The watcher: clients that leave are noticed, last words are followed up, and it is there."""

from __future__ import annotations

import itertools
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Response
from werkzeug.serving import make_server

from flask_stream import ProviderError, Result, Text, relay, watch
from tests.conftest import Site, events_of, said
from tests.overdue import LONG, Overdue, the_run
from tests.provider import TEXT, WIRES, WORDS, Exchange, Provider, told
from tests.servers.client import DEADLINE, Client, close_all
from tests.servers.running import until
from tests.stalling import Stalling, Way, each_case_of_a_view, relayed

SHORT = 0.3  # seconds: three times the watcher's pace


@contextmanager
def serving(site: Site) -> Iterator[int]:
    """The port of Werkzeug's development server, with the site."""
    site.app.config["STREAM_HEARTBEAT"] = 1000  # a comment would find out who has left, too
    server = make_server("127.0.0.1", 0, site.app, threaded=True)
    # Half a second, the default, is what each test would wait for at its end.
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server.server_port
    close_all()
    server.shutdown()
    server.server_close()


@pytest.fixture
def connect(site: Site) -> Iterator[Callable[[], Client]]:
    """Ask the site over a real connection."""
    with serving(site) as port:
        yield lambda: Client(port).ask("POST", "/")


# -- clients that close their half -------------------------------------------------------------


@pytest.mark.parametrize("waits", ["an after_request function", "a view behind another one"])
def test_a_client_that_has_closed_its_half_gets_its_answer_however_late_that_begins(
    site: Site, monkeypatch: pytest.MonkeyPatch, waits: str
) -> None:
    ticks: list[int] = []
    hints = watch._hints

    def counting(deliveries: Any) -> Any:
        ticks.append(len(deliveries))
        return hints(deliveries)

    def wait() -> None:
        """Until the watcher has looked at the client's end often enough to take it for gone."""
        seen = len(ticks)
        until(lambda: len(ticks) > seen + 2, "nobody looks at the client")

    monkeypatch.setattr(watch, "_hints", counting)
    inner = site.stream.response(lambda: iter(["one ", "two"]))

    @site.view
    def view() -> Any:
        answer = inner()
        if waits == "a view behind another one":
            wait()
        return answer

    if waits == "an after_request function":

        @site.app.after_request
        def after(response: Response) -> Response:
            wait()
            return response

    with serving(site) as port, Client(port) as client:
        client.send("POST", "/").half_close()
        events = events_of([client.head().whole()])
    assert (said(events), events[-1][0]) == ("one two", "done")


# -- clients that leave -----------------------------------------------------------------------


@each_case_of_a_view
def test_a_client_that_leaves_a_silent_stream_is_nobodys_error(
    site: Site,
    provider: Provider,
    connect: Callable[[], Client],
    caplog: pytest.LogCaptureFixture,
    wire: str,
    way: Way,
) -> None:
    """Whatever the source raises once its socket is shut, it was cancelled."""
    results: list[Result] = []
    script = Stalling(wire)
    provider.run(script)
    site.view(on_finish=results.append)(lambda: way(provider, wire))
    client = connect()
    client.until(WORDS[0].encode())
    client.leave()
    until(lambda: results, "the run has not ended")
    (result,) = results
    assert (result.outcome, result.error, result.text) == ("disconnected", None, WORDS[0])
    assert script.gone.wait(DEADLINE)
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []


def test_a_generator_is_told_by_generator_exit(
    site: Site, provider: Provider, connect: Callable[[], Client]
) -> None:
    seen: list[str] = []
    provider.run(Stalling())

    @site.view(on_finish=lambda result: seen.append(str(result.outcome)))
    def view() -> Iterator[Any]:
        try:
            yield from relay(provider.create("anthropic"))
        except ProviderError:
            seen.append("fallback")
        except GeneratorExit:
            seen.append("told")
            raise
        finally:
            seen.append("finally")

    client = connect()
    client.until(WORDS[0].encode())
    client.leave()
    until(lambda: seen[-1:] == ["disconnected"], "the run has not ended")
    assert seen == ["told", "finally", "disconnected"]
    assert len(provider.requests) == 1


FILTERS: dict[str, Callable[[Iterator[Any]], Iterator[Any]]] = {
    "keeps texts only": lambda events: (e for e in events if isinstance(e, Text)),
    "gives strings": lambda events: (e.text for e in events if isinstance(e, Text)),
    "keeps nothing": lambda events: (e for e in events if e is None),
}


@pytest.mark.parametrize("error", [ProviderError, Exception])
@pytest.mark.parametrize("filtered", FILTERS.values(), ids=FILTERS)
def test_a_reader_who_leaves_a_filtered_relay_buys_no_fallback(
    site: Site,
    provider: Provider,
    connect: Callable[[], Client],
    filtered: Callable[[Iterator[Any]], Iterator[Any]],
    error: type[Exception],
) -> None:
    results: list[Result] = []
    left_by: list[str] = []
    script = Stalling()
    provider.run(script)

    @site.view(on_finish=results.append)
    def view() -> Iterator[Any]:
        yield "Well, "
        try:
            yield from filtered(relay(provider.create("anthropic")))
        except error:
            yield from relay(provider.create("anthropic"))
        except BaseException as exit:
            left_by.append(type(exit).__name__)
            raise

    client = connect()
    client.until(b"Well")
    script.said.wait(DEADLINE)
    client.leave()
    until(lambda: results, "the run has not ended")
    assert [result.outcome for result in results] == ["disconnected"]
    assert left_by == ["GeneratorExit"]
    assert script.gone.wait(DEADLINE)
    assert len(provider.requests) == 1


def test_a_relay_that_begins_once_its_reader_has_left_reads_nothing(
    site: Site, provider: Provider, connect: Callable[[], Client]
) -> None:
    results: list[Result] = []
    left = threading.Event()
    script = Stalling()
    provider.run(script)

    @site.view(on_finish=results.append)
    def view() -> Iterator[Any]:
        yield "I ask a tool. "
        left.wait(DEADLINE)
        yield from relay(provider.create("anthropic"))

    client = connect()
    client.until(b"tool")
    client.leave()
    run = the_run()
    until(lambda: run.ending is not None, "it was not noticed")
    left.set()
    until(lambda: results, "the run has not ended")
    (result,) = results
    assert (result.outcome, result.text) == ("disconnected", "I ask a tool. ")
    assert script.gone.wait(DEADLINE)


def nothing_for_ever(closed: threading.Event) -> Iterator[str]:
    """The commonest loop there is, over deltas without content."""
    try:
        yield "It begins. "
        while True:
            threading.Event().wait(0.001)
            yield ""
    finally:
        closed.set()


def test_a_generator_of_empty_strings_notices_that_its_reader_has_left(
    site: Site, connect: Callable[[], Client]
) -> None:
    closed = threading.Event()
    results: list[Result] = []
    site.view(on_finish=results.append)(lambda: nothing_for_ever(closed))
    client = connect()
    client.until(b"begins")
    client.leave()
    assert closed.wait(DEADLINE)
    until(lambda: results, "the run has not ended")
    assert [result.outcome for result in results] == ["disconnected"]


def test_a_generator_of_empty_strings_ends_at_its_time(site: Site) -> None:
    closed = threading.Event()

    def in_time() -> Iterator[str]:
        items = nothing_for_ever(closed)
        yield next(items)
        the_run().began -= LONG
        yield from items

    site.view(max_seconds=LONG)(in_time)
    events = site.events()
    assert (events[-1][0], events[-1][1].get("code")) == ("failed", "timeout")
    assert closed.is_set()


@pytest.mark.parametrize("way", ["returned", "yielded from"])
def test_a_relay_that_the_view_begins_is_let_go_when_its_reader_leaves(
    site: Site, provider: Provider, connect: Callable[[], Client], way: str
) -> None:
    results: list[Result] = []
    script = Stalling()
    provider.run(script)

    @site.view(on_finish=results.append)
    def view() -> Iterator[Any]:
        events = relay(provider.create("anthropic"))
        first = next(events)

        def rest() -> Iterator[Any]:
            yield first
            yield from events

        return itertools.chain([first], events) if way == "returned" else rest()

    client = connect()
    client.until(WORDS[0].encode())
    client.leave()
    assert script.gone.wait(DEADLINE)
    until(lambda: results, "the run has not ended")
    (result,) = results
    assert (result.outcome, result.text, len(result.steps)) == ("disconnected", WORDS[0], 1)


# -- the provider's last word -----------------------------------------------------------------


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("way", [Provider.create, Provider.post, relayed])
def test_a_body_that_does_not_end_behind_the_last_word_is_given_up(
    site: Site, provider: Provider, connect: Callable[[], Client], wire: str, way: Way
) -> None:
    gone = threading.Event()

    def never_end(exchange: Exchange) -> None:
        exchange.start()
        exchange.send(told(wire))
        if exchange.gone(DEADLINE):
            gone.set()

    provider.run(never_end)
    site.view(lambda: way(provider, wire))
    before = {thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)}
    with connect() as client:
        events = events_of(client.chunks())
    assert (said(events), events[-1][0]) == (TEXT, "done")
    assert gone.wait(DEADLINE)
    # The watcher does it: a timer would be a thread for each run.
    assert not {t for t in threading.enumerate() if isinstance(t, threading.Timer)} - before


# -- the watcher itself -----------------------------------------------------------------------


def watchers() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "flask-stream-watcher"}


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many watchers there are, in a process that has had none yet."""
    monkeypatch.setattr(watch, "_watchers", {})
    earlier = watchers()
    return lambda: len(watchers() - earlier)


def test_one_watcher_comes_with_the_first_run_and_goes_after_the_last(
    site: Site, provider: Provider, connect: Callable[[], Client], count: Callable[[], int]
) -> None:
    provider.run(Stalling())
    site.view(lambda: provider.create("anthropic"))
    assert count() == 0
    for _ in range(2):
        clients = [connect() for _ in range(5)]
        for client in clients:
            client.until(WORDS[0].encode())
            assert count() == 1
        for client in clients:
            client.leave()
        until(lambda: count() == 0, "the watcher is still there")


@pytest.mark.parametrize("view", [lambda: {"code": "quota"}, lambda: 1 // 0])
def test_what_is_no_run_keeps_no_watcher(
    site: Site, count: Callable[[], int], view: Callable[[], Any]
) -> None:
    site.view(view)
    site.ask(method="HEAD")
    assert count() == 0
    site.ask()
    until(lambda: count() == 0, "the watcher is still there")


def test_a_tick_that_fails_is_logged_and_the_next_one_watches(
    site: Site,
    provider: Provider,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    failed: list[int] = []
    hints = watch._hints

    def fail_once(runs: Any) -> Any:
        if not failed:
            failed.append(len(runs))
            raise OSError("too many open files")
        return hints(runs)

    monkeypatch.setattr(watch, "_hints", fail_once)
    provider.run(Overdue())
    site.view(max_seconds=LONG)(lambda: provider.create("anthropic"))
    assert site.events()[-1][1].get("code") == "timeout"
    assert failed
    until(lambda: "watcher failed" in caplog.text, "that it failed is not logged")


FORKING = """
import os, threading, time
from flask import Flask
from flask_stream import FlaskStream

app = Flask(__name__)
app.config["STREAM_MAX_SECONDS"] = 0.3
pid = os.getpid()

@app.get("/")
@FlaskStream(app).response
def view():
    yield "first"
    if os.getpid() == pid:
        child = os.fork()
        if child:
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        else:
            ask()
            os._exit(0)
    while True:
        time.sleep(0.01)
        yield "and "

def ask():
    assert '"timeout"' in app.test_client().get("/").text
    names = [thread.name for thread in threading.enumerate()]
    assert names.count("flask-stream-watcher") == 1, names

ask()
"""


def test_a_fork_has_a_watcher_of_its_own() -> None:
    """Of its parent's it has the memory, and no thread."""
    done = subprocess.run(
        [sys.executable, "-c", FORKING], capture_output=True, text=True, timeout=DEADLINE
    )
    assert done.returncode == 0, done.stderr


def test_a_watcher_that_cannot_be_started_has_nothing_to_look_after(
    site: Site, own_watcher: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread")

    site.view(lambda: iter(["one"]))
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        assert site.ask().status_code == 500
    assert not watch.watcher()._runs
    assert not watch.watcher()._deliveries
    assert said(site.events()) == "one"
