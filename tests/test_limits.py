"""How many streams a process carries: one too many is refused before it costs anything."""

from __future__ import annotations

import logging
import os
import pickle
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Response, abort
from werkzeug.test import TestResponse

from flask_stream import StreamFailed, limits, server
from tests.conftest import Site, events_of, said
from tests.provider import TEXT, Provider, told
from tests.servers.client import DEADLINE
from tests.servers.running import until

pytestmark = pytest.mark.usefixtures("own_watcher")


def limit(site: Site, streams: object) -> None:
    site.app.config["STREAM_MAX_CONCURRENT"] = streams


def words() -> Iterator[str]:
    yield "one "
    yield "two"


def is_full(site: Site) -> bool:
    """Whether one more stream is refused; it ends at once where it is not."""
    with site.ask() as response:
        assert response.status_code in (200, 503)
        return response.status_code == 503


# -- the refusal ------------------------------------------------------------------------------


def test_one_stream_too_many_is_refused_before_its_view_is_called(
    site: Site, provider: Provider
) -> None:
    limit(site, 2)
    provider.play(told("anthropic"))
    site.view(lambda: provider.create("anthropic"))
    with site.ask() as first, site.ask() as second:
        refused = site.ask()
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) >= 1
        assert refused.mimetype == "application/json"
        assert set(refused.json) == {"code", "message", "retryable"}
        assert refused.json["code"] == "overloaded"
        assert refused.json["retryable"] is True
        assert "try again" in refused.json["message"]
        assert len(provider.requests) == 2
        assert [first.status_code, second.status_code] == [200, 200]
    assert said(site.events()) == TEXT


@pytest.mark.parametrize("accept", ["application/json", "text/plain", "text/html"])
def test_every_format_is_refused_the_same_way(site: Site, accept: str) -> None:
    limit(site, 1)
    site.view(words)
    with site.ask():
        refused = site.ask(headers={"Accept": accept})
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) >= 1
        is_page = accept == "text/html"
        assert refused.mimetype == ("text/html" if is_page else "application/json")


def test_the_app_may_shape_the_refusal(site: Site) -> None:
    limit(site, 1)
    site.view(words)

    @site.app.errorhandler(503)
    def shape(error: Any) -> tuple[str, int]:
        return f"{error.error_code}: come back in {error.retry_after} s", 503

    with site.ask():
        assert site.ask().text.startswith("overloaded: come back in ")


def test_the_app_knows_the_refusal_as_a_stream_failed(site: Site) -> None:
    limit(site, 1)
    site.view(words)
    seen: list[Any] = []

    @site.app.errorhandler(StreamFailed)
    def keep(error: Any) -> tuple[str, int]:
        seen.append(error)
        return "full", 503

    with site.ask():
        assert site.ask().text == "full"
    assert type(seen[0]).__name__ == "StreamFailed"
    assert type(pickle.loads(pickle.dumps(seen[0]))) is StreamFailed


def test_a_refused_request_costs_no_place(site: Site) -> None:
    limit(site, 1)
    site.view(words)
    with site.ask():
        for _ in range(3):
            assert is_full(site)
    assert not is_full(site)


# -- a flood of them --------------------------------------------------------------------------


Refusals = Callable[[], list[int]]


@pytest.fixture
def told_refusals(caplog: pytest.LogCaptureFixture) -> Refusals:
    """How many refusals each line told of; and there is no other warning."""

    def numbers() -> list[int]:
        records = [r for r in caplog.records if r.name == "flask_stream"]
        said = [r.getMessage() for r in records if r.levelno >= logging.WARNING]
        found = [re.match(r"Streams refused with 503: (\d+)\.", line) for line in said]
        assert all(found), said
        return [int(match[1]) for match in found if match]

    return numbers


def flood(site: Site, requests: int) -> None:
    with site.ask():
        for _ in range(requests):
            assert is_full(site)


def test_a_refusal_says_what_the_limit_is_and_what_to_do(
    site: Site, told_refusals: Refusals, caplog: pytest.LogCaptureFixture
) -> None:
    limit(site, 1)
    site.view(words)
    flood(site, 1)
    until(told_refusals, "nothing is told")
    assert "This process carries 1 at once (STREAM_MAX_CONCURRENT). More threads" in caplog.text


def test_a_flood_of_refusals_is_one_line_until_a_minute_has_passed(
    site: Site, told_refusals: Refusals, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(site, 1)
    site.view(words)
    flood(site, 1)
    assert until(told_refusals, "nothing is told") == [1]
    flood(site, 500)
    assert told_refusals() == [1]
    # However long ago the last of them was, and though no stream is left, they are told.
    monkeypatch.setattr(limits, "_BETWEEN_TELLING", 0.0)
    until(lambda: len(told_refusals()) > 1, "the others are not told")
    assert told_refusals() == [1, 500]


# -- giving the place back --------------------------------------------------------------------


def read_all(response: TestResponse) -> None:
    assert b"event: done" in response.get_data()


def leave(response: TestResponse) -> None:
    response.close()


def leave_after_the_first_text(response: TestResponse) -> None:
    for chunk in response.response:
        if b"event: text" in chunk:
            break
    response.close()


@pytest.mark.parametrize("end", [read_all, leave, leave_after_the_first_text])
def test_a_run_that_ends_gives_its_place_back(
    site: Site, end: Callable[[TestResponse], None]
) -> None:
    limit(site, 1)
    site.view(words)
    response = site.ask()
    assert is_full(site)
    end(response)
    assert not is_full(site)
    response.close()  # again: but the place is given back once
    with site.ask():
        assert is_full(site)


def test_a_run_whose_callback_raises_gives_its_place_back(site: Site) -> None:
    limit(site, 1)
    site.view(on_finish=lambda result: 1 // 0)(words)
    assert site.events()[-1][0] == "failed"
    assert not is_full(site)


def raising() -> Any:
    raise LookupError


def raising_at_its_first_item() -> Iterator[str]:
    raise LookupError
    yield "never"


def ending_on_purpose() -> Iterator[str]:
    raise StreamFailed("No more today.", error_code="quota")
    yield "never"


def aborting() -> Any:
    abort(403)


def returning_none() -> Any:
    return None


VIEWS: dict[Callable[[], Any], int] = {
    raising: 500,
    raising_at_its_first_item: 500,
    ending_on_purpose: 400,
    aborting: 403,
    returning_none: 500,
    lambda: {"code": "quota"}: 200,
    lambda: ({"code": "quota"}, 403): 403,
    lambda: Response("no stream"): 200,
    lambda: b"no stream": 200,
    lambda: [1]: 500,  # no words
}


@pytest.mark.filterwarnings("ignore:The view of endpoint 'view' returned something of type")
@pytest.mark.parametrize(("view", "status"), VIEWS.items())
@pytest.mark.parametrize("accept", ["text/event-stream", "application/json"])
def test_a_view_that_gives_no_stream_gives_its_place_back(
    site: Site, view: Callable[[], Any], status: int, accept: str
) -> None:
    limit(site, 1)
    site.view(view)
    for _ in range(3):
        assert site.ask(headers={"Accept": accept}).status_code == status


def test_a_provider_that_refuses_gives_the_place_back(site: Site, provider: Provider) -> None:
    limit(site, 1)
    provider.run(lambda exchange: exchange.answer(401, {"error": {"message": "no"}}))
    site.view(lambda: provider.create("anthropic"))
    for _ in range(3):
        assert site.ask().status_code == 502


@pytest.mark.parametrize("raises", [True, False], ids=["raises", "replaces it"])
def test_a_response_that_an_after_request_function_gives_up_gives_its_place_back(
    site: Site, raises: bool
) -> None:
    limit(site, 1)
    site.view(words)
    kept: list[Response] = []

    @site.app.after_request
    def give_up(response: Response) -> Response:
        kept.append(response)
        if raises:
            raise LookupError
        response.close()
        return Response("another", 500)

    for _ in range(3):
        assert site.ask().status_code == 500
    for response in kept:
        response.close()


# -- what counts ------------------------------------------------------------------------------


@pytest.mark.parametrize("accept", ["application/json", "text/html", "text/plain"])
def test_a_run_counts_in_every_format(site: Site, accept: str) -> None:
    limit(site, 1)
    begun, go_on = threading.Event(), threading.Event()

    @site.view
    def view() -> Iterator[str]:
        yield "one "
        begun.set()
        assert go_on.wait(DEADLINE)

    answers: list[bytes] = []
    asking = threading.Thread(
        target=lambda: answers.append(site.ask(headers={"Accept": accept}).get_data())
    )
    asking.start()
    assert begun.wait(DEADLINE)
    try:
        assert is_full(site)
    finally:
        go_on.set()
        asking.join(DEADLINE)
    assert b"one" in answers[0]
    assert not is_full(site)


def test_a_view_that_calls_another_counts_once(site: Site) -> None:
    limit(site, 1)
    inner = site.stream.response(words)
    site.view(lambda: inner())
    with site.ask() as response:
        assert response.status_code == 200
        assert is_full(site)
        assert b"event: done" in response.get_data()
    assert not is_full(site)


@pytest.mark.parametrize("inner", [aborting, raising, lambda: {"code": "quota"}])
def test_a_view_whose_inner_one_gives_no_stream_may_give_one_itself(
    site: Site, inner: Callable[[], Any]
) -> None:
    limit(site, 1)
    streaming = site.stream.response(inner)

    @site.view
    def view() -> Any:
        try:
            streaming()
        except Exception:
            pass
        return words()

    with site.ask() as response:
        assert is_full(site)
        assert said(events_of(response.response)) == "one two"
    assert not is_full(site)


def test_what_asks_nobody_needs_no_place(site: Site) -> None:
    limit(site, 1)
    site.view(words)
    with site.ask():
        assert site.ask(method="HEAD").status_code == 200
        assert site.ask(headers={"Last-Event-ID": "x"}).status_code == 204
        assert site.ask(headers={"Accept": "image/png"}).status_code == 406
        cross = site.ask(method="GET", headers={"Sec-Fetch-Site": "cross-site"})
        assert cross.status_code == 403
        assert is_full(site)
    for _ in range(3):
        assert site.ask(method="HEAD").status_code == 200
    assert not is_full(site)


# -- how many ---------------------------------------------------------------------------------


def carried(site: Site) -> int:
    """How many streams are carried at once, of thirty."""
    site.view(words)
    responses = [site.ask() for _ in range(30)]
    for response in reversed(responses):  # each has its context on top of the one before
        response.close()
    return [response.status_code for response in responses].count(200)


@pytest.mark.parametrize(("setting", "streams"), [(1, 1), (7, 7), (None, 30), ("auto", 30)])
def test_the_setting_is_the_number(site: Site, setting: object, streams: int) -> None:
    limit(site, setting)
    assert carried(site) == streams


@pytest.mark.parametrize(
    ("threads", "streams"), [(1, 1), (2, 1), (4, 3), (5, 4), (9, 8), (10, 8), (14, 12), (20, 16)]
)
def test_auto_keeps_a_fifth_of_gthreads_threads_free(
    site: Site, monkeypatch: pytest.MonkeyPatch, threads: int, streams: int
) -> None:
    worker_class = type("ThreadWorker", (), {"__module__": "gunicorn.workers.gthread"})
    as_under(monkeypatch, site, worker_class, threads)
    assert carried(site) == streams


def test_auto_is_no_limit_on_other_workers(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    worker_class = type("GeventWorker", (), {"__module__": "gunicorn.workers.ggevent"})
    as_under(monkeypatch, site, worker_class, 1)
    assert carried(site) == 30


def as_under(monkeypatch: pytest.MonkeyPatch, site: Site, worker_class: type, threads: int) -> None:
    """Answer as if this gunicorn worker had called the app."""
    worker: Any = worker_class()
    worker.alive = True
    worker.cfg = type("Config", (), {"threads": threads, "timeout": 30})
    monkeypatch.setitem(server._workers, os.getpid(), worker)
    wsgi_app = site.app.wsgi_app

    def behind_gunicorn(environ: Any, start_response: Any) -> Any:
        environ |= {"SERVER_SOFTWARE": "gunicorn/27.0.1", "wsgi.multithread": True}
        return wsgi_app(environ, start_response)

    monkeypatch.setattr(site.app, "wsgi_app", behind_gunicorn)


def test_each_process_has_places_of_its_own(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(site, 1)
    site.view(words)
    with site.ask():
        assert is_full(site)
        monkeypatch.setattr(os, "getpid", lambda: -1)  # a fork, right now
        assert not is_full(site)
        monkeypatch.undo()
