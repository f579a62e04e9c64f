"""What the log says, once a process, of what gets in a stream's way."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask, Response, session
from flask.testing import FlaskClient
from werkzeug.test import Client

from flask_stream import advice, server
from tests.conftest import Site
from tests.servers.client import Client as SocketClient

Records = Callable[[], list[tuple[int, str]]]


@pytest.fixture(autouse=True)
def only_the_socket_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has just begun, but that most of these tests have no server."""
    monkeypatch.setattr(advice, "_said", {(os.getpid(), "socket")})


@pytest.fixture
def nothing_said(only_the_socket_said: None) -> None:
    """As in a process that has just begun."""
    advice._said.clear()


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Records:
    """What was logged so far, but for the lines of runs: levels and words."""
    caplog.set_level(logging.INFO, "flask_stream")

    def records() -> list[tuple[int, str]]:
        found = [(r.levelno, r.getMessage()) for r in caplog.records if r.name == "flask_stream"]
        return [(level, said) for level, said in found if not said.startswith("Run ")]

    return records


def words() -> Iterator[str]:
    yield "one "
    yield "two"


def has(said: str, *parts: str) -> bool:
    return all(part in said for part in parts)


def test_each_thing_is_said_once_a_process(told: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        advice.once("tea", "The tea is %s.", "cold")
        advice.once("milk", "The milk is %s.", "warm", level=logging.INFO)
    expected = [(logging.WARNING, "The tea is cold."), (logging.INFO, "The milk is warm.")]
    assert told() == expected
    # A fork's child inherits what its parent has said, and has a log of its own.
    monkeypatch.setattr(os, "getpid", lambda: -1)
    advice.once("tea", "The tea is %s.", "cold")
    assert told() == [*expected, expected[0]]


def test_an_ordinary_stream_is_warned_of_nothing(
    site: Site, told: Records, nothing_said: None
) -> None:
    site.view(words)
    for accept in ("text/event-stream", "text/plain", "application/json"):
        assert site.ask(headers={"Accept": accept}).get_data()
    assert told() == []


def test_a_stream_on_the_development_server_is_warned_of_nothing(
    site: Site, told: Records, nothing_said: None, serve: Callable[[Flask], str]
) -> None:
    site.view(words)
    with SocketClient(int(serve(site.app).rsplit(":", 1)[1].strip("/"))) as client:
        assert b"event: done" in client.ask("POST", "/").whole()
    assert told() == []


# -- the server -------------------------------------------------------------------------------


def behind_gunicorn(
    monkeypatch: pytest.MonkeyPatch, *, timeout: float = 30, threads: bool = True
) -> dict[str, Any]:
    """The environ of a request that came through a gunicorn of this kind."""
    worker = SimpleNamespace(alive=True, cfg=SimpleNamespace(timeout=timeout), notify=lambda: None)
    monkeypatch.setitem(server._workers, os.getpid(), worker)
    return {"SERVER_SOFTWARE": "gunicorn/27.0.1", "wsgi.multithread": threads}


def ask_twice(site: Site, environ: dict[str, Any]) -> None:
    site.view(words)
    for _ in range(2):
        assert site.ask(environ_overrides=environ).get_data()


def test_the_sync_worker_is_warned_of_with_what_to_use_instead(
    site: Site, told: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_twice(site, behind_gunicorn(monkeypatch, threads=False))
    ((level, said),) = told()
    assert level == logging.WARNING
    assert has(said, "sync worker", "one request at a time", "gunicorn -k gthread --threads")


@pytest.mark.parametrize("timeout", [1, 14.9])
def test_a_timeout_below_the_heartbeat_is_warned_of(
    site: Site, told: Records, monkeypatch: pytest.MonkeyPatch, timeout: float
) -> None:
    ask_twice(site, behind_gunicorn(monkeypatch, timeout=timeout))
    ((level, said),) = told()
    assert level == logging.WARNING
    assert has(said, f"timeout is {timeout:g} s", "STREAM_HEARTBEAT (15 s)", "above")


@pytest.mark.parametrize("timeout", [0, 15, 30])  # 0 is gunicorn's «never»
def test_a_timeout_that_leaves_time_for_a_heartbeat_is_not(
    site: Site, told: Records, monkeypatch: pytest.MonkeyPatch, timeout: float
) -> None:
    ask_twice(site, behind_gunicorn(monkeypatch, timeout=timeout))
    assert told() == []


def ask_as_an_unknown_server(site: Site, **environ: Any) -> None:
    """Not by Flask's own test client, of which no user has to be warned."""
    site.view(words)
    environ = {"SERVER_SOFTWARE": "Cheese/1.0", **environ}
    for _ in range(2):
        response = Client(site.app).post("/", environ_overrides=environ)
        assert b"event: done" in response.get_data()


def test_a_server_that_names_no_socket_is_warned_of_by_its_name(
    site: Site, told: Records, nothing_said: None
) -> None:
    ask_as_an_unknown_server(site)
    ((level, said),) = told()
    assert level == logging.WARNING
    assert has(said, "Cheese/1.0", "does not name the client's socket", "no heartbeats")


@pytest.mark.parametrize("environ", [{"wsgi.multithread": True}, {"wsgi.multiprocess": True}])
def test_a_server_that_names_neither_a_socket_nor_itself_is_warned_of(
    site: Site, told: Records, nothing_said: None, environ: dict[str, Any]
) -> None:
    ask_as_an_unknown_server(site, SERVER_SOFTWARE="", **environ)
    ((level, said),) = told()
    assert level == logging.WARNING
    assert has(said, "does not say its name", "ASGI", "no heartbeats")


@pytest.mark.parametrize("client", [Client, FlaskClient])
def test_a_test_client_is_no_server(
    site: Site, told: Records, nothing_said: None, client: type[Client]
) -> None:
    site.view(words)
    for method in ("GET", "POST"):
        assert b"event: done" in client(site.app).open("/", method=method).get_data()
    assert told() == []


def test_http_2_is_no_servers_mistake(site: Site, told: Records, nothing_said: None) -> None:
    ask_as_an_unknown_server(site, SERVER_PROTOCOL="HTTP/2.0")
    assert told() == []


# -- what changes a response ------------------------------------------------------------------


def test_a_response_that_is_encoded_is_warned_of(site: Site, told: Records) -> None:
    @site.app.after_request
    def encode(response: Response) -> Response:
        response.headers["Content-Encoding"] = "GZip"
        return response

    site.view(words)
    for _ in range(2):
        site.events()
    ((level, said),) = told()
    assert level == logging.WARNING
    assert has(said, "Content-Encoding gzip", "holds the words back", "no heartbeats")


def test_a_body_that_was_replaced_is_warned_of(site: Site, told: Records) -> None:
    @site.app.after_request
    def shout(response: Response) -> Response:
        response.response = (chunk.upper() for chunk in response.iter_encoded())
        return response

    site.view(words)
    for _ in range(2):
        assert b"EVENT: DONE" in site.ask().get_data()
    ((level, said),) = told()
    assert level == logging.WARNING
    assert has(said, "put a body of its own", "after_request", "no heartbeats")


def test_a_body_that_is_only_looked_at_is_not(site: Site, told: Records) -> None:
    @site.app.after_request
    def look(response: Response) -> Response:
        assert response.is_streamed
        assert response.response is not None
        return response

    site.view(words)
    site.events()
    assert told() == []


# -- the session ------------------------------------------------------------------------------


def change_session(_: object = None) -> None:
    session["seen"] = session.get("seen", 0) + 1


def test_a_session_that_changes_after_the_first_byte_is_warned_of(
    site: Site, told: Records
) -> None:
    @site.view
    def view() -> Iterator[str]:
        yield "one "
        change_session()
        yield "two"

    for _ in range(2):
        site.events()
    ((level, said),) = told()
    assert level == logging.WARNING
    assert has(said, "session was changed after a stream's first byte", "the change is lost")


def test_a_session_that_a_callback_changes_is_warned_of(site: Site, told: Records) -> None:
    site.view(on_finish=change_session)(words)
    for _ in range(2):
        site.events()
    ((_, said),) = told()
    assert "session" in said


def test_a_session_that_had_changed_in_time_and_changes_again_is_warned_of(
    site: Site, told: Records
) -> None:
    @site.view(on_finish=change_session)
    def view() -> list[str]:
        change_session()
        return ["one "]

    site.events()
    ((_, said),) = told()
    assert "session" in said


def test_a_session_that_holds_what_cannot_be_compared_ends_no_stream(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Odd:
        def __eq__(self, other: object) -> bool:
            raise ValueError("neither true nor false")

    site.app.before_request(lambda: session.update(odd=Odd()))
    monkeypatch.setattr(site.app.session_interface, "save_session", lambda *_: None)

    @site.view
    def view() -> Iterator[str]:
        yield "one "
        session["odd"] = Odd()

    assert site.events()[-1][0] == "done"


def test_a_session_that_changes_in_time_is_not(site: Site, told: Records) -> None:
    @site.view
    def view() -> Iterator[str]:
        change_session()
        yield "one "

    client = site.app.test_client()
    for _ in range(2):
        client.post("/").get_data()
    with client.session_transaction() as kept:
        assert kept["seen"] == 2
    assert told() == []


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_a_whole_answer_may_change_the_session_in_its_callback(
    site: Site, told: Records, accept: str
) -> None:
    site.view(on_finish=change_session)(words)
    client = site.app.test_client()
    client.post("/", headers={"Accept": accept}).get_data()
    with client.session_transaction() as kept:
        assert kept["seen"] == 1
    assert told() == []


# -- the app's other extensions ---------------------------------------------------------------


class Registry:
    """As much of a scoped session's registry as is asked: it makes one where there is none."""

    def __init__(self, in_transaction: bool | None) -> None:
        self._in_transaction = in_transaction

    def has(self) -> bool:
        return self._in_transaction is not None

    def __call__(self) -> Any:
        assert self.has(), "advice made a session, which nobody would close"
        return SimpleNamespace(in_transaction=lambda: self._in_transaction)


def database(in_transaction: bool | None) -> Any:
    """As much of Flask-SQLAlchemy's extension object as is asked; None: there is no session."""
    return SimpleNamespace(session=SimpleNamespace(registry=Registry(in_transaction)))


def test_a_transaction_that_a_stream_keeps_open_is_warned_of(site: Site, told: Records) -> None:
    site.app.extensions["sqlalchemy"] = database(True)
    site.view(words)
    for _ in range(2):
        site.events()
    ((level, said),) = told()
    assert level == logging.WARNING
    assert has(said, "db.session is in a transaction", "empty the pool", "db.session.commit()")


@pytest.mark.parametrize("extension", [database(False), database(None), object(), None])
def test_a_database_that_is_at_rest_or_unknown_is_not(
    site: Site, told: Records, extension: object
) -> None:
    site.app.extensions["sqlalchemy"] = extension
    site.view(words)
    assert site.events()[-1][0] == "done"
    assert told() == []


# -- the limit (its refusals are test_limits.py's) --------------------------------------------


def test_the_threads_that_are_kept_free_are_told(told: Records) -> None:
    for _ in range(2):
        advice.of_threads(32, 26)
    ((level, said),) = told()
    assert level == logging.INFO
    assert has(said, "Of 32 threads at most 26 carry streams", "STREAM_MAX_CONCURRENT")


def test_a_single_thread_is_warned_of(told: Records) -> None:
    for _ in range(2):
        advice.of_threads(1, 1)
    ((level, said),) = told()
    assert level == logging.WARNING
    assert has(said, "one thread", "--threads")
