"""`Flask-Stream: find` and `stop`: a run before its answer has begun, by what asked for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask import request

from flask_stream import StreamFailed
from tests.resume.conftest import DEADLINE, ResumableSite, events_of, eventually, said, some_of

KEY = {"Idempotency-Key": "k"}
FIND, STOP = {**KEY, "Flask-Stream": "find"}, {**KEY, "Flask-Stream": "stop"}


class SlowView:
    """A view that is at work until it may go on, and says three words."""

    def __init__(self, refuses: bool = False) -> None:
        self.is_at_work, self.may_go = threading.Event(), threading.Event()
        self.called = 0
        self._refuses = refuses

    def __call__(self) -> Iterator[str]:
        self.called += 1
        self.is_at_work.set()
        assert self.may_go.wait(DEADLINE)
        if self._refuses:
            raise StreamFailed("Not now.", error_code="quota", status=402)
        return iter(["Three ", "short ", "words."])


def asked(site: ResumableSite, reader: Any, view: SlowView) -> tuple[threading.Thread, list[Any]]:
    """Its view is at work, for another thread."""
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(reader.post("/", headers=KEY)))
    thread.start()
    assert view.is_at_work.wait(DEADLINE)
    return thread, answers


@pytest.fixture
def reader(site: ResumableSite) -> Any:
    """With a key of its own in its session, as a page with the client's tag gives it."""
    site.stream.owner(lambda: "ann")
    return site.reader()


def test_a_run_is_found_and_followed_before_its_view_returns(
    site: ResumableSite, reader: Any
) -> None:
    view = SlowView()
    site.view(view)
    thread, answers = asked(site, reader, view)
    found = reader.post("/", headers=FIND)
    assert found.status_code == 200
    assert found.headers["Cache-Control"] == "no-store"
    assert found.json["url"] == f"/_stream/{found.json['id']}"
    view.may_go.set()
    assert said(events_of(reader.get(found.json["url"]))) == "Three short words."
    thread.join(DEADLINE)
    assert said(events_of(answers[0])) == "Three short words."
    assert view.called == 1


def test_a_stop_while_the_view_is_at_work_lets_no_word_through(
    site: ResumableSite, reader: Any
) -> None:
    view = SlowView()
    site.view(view)
    thread, answers = asked(site, reader, view)
    assert reader.post("/", headers=STOP).status_code == 204
    assert reader.post("/", headers=STOP).status_code == 204
    [producer] = site.app.extensions["flask_stream"].keeper(site.app)._writer._leased.values()
    eventually(lambda: producer._is_stopped)
    view.may_go.set()
    thread.join(DEADLINE)
    events = events_of(answers[0])
    assert [event.kind for event in events if event.kind != "meta"] == ["start", "done"]
    assert events[-1].data["stop_reason"] == "stopped"
    assert site.outcome() == "stopped"
    assert site.finished[0].text == ""


@pytest.mark.parametrize("want", [FIND, STOP])
@pytest.mark.parametrize("case", ["another reader", "another key", "no key", "GET"])
def test_what_is_not_there_or_not_ones_own_is_gone(
    site: ResumableSite, want: dict[str, str], case: str
) -> None:
    site.stream.owner(lambda: request.headers.get("Reader", "ann"))
    view = SlowView()
    site.view(view)
    reader = site.reader()
    thread, _ = asked(site, reader, view)
    headers = {
        "another reader": {**want, "Reader": "bob"},
        "another key": {**want, "Idempotency-Key": "other"},
        "no key": {"Flask-Stream": want["Flask-Stream"]},
        "GET": want,
    }[case]
    answer = reader.open("/", method="GET" if case == "GET" else "POST", headers=headers)
    assert (answer.status_code, answer.json["code"]) == (404, "gone")
    view.may_go.set()
    thread.join(DEADLINE)
    assert site.outcome() == "complete"
    assert view.called == 1


def test_a_run_that_was_refused_is_gone(site: ResumableSite, reader: Any) -> None:
    view = SlowView(refuses=True)
    site.view(view)
    view.may_go.set()
    assert reader.post("/", headers=KEY).status_code == 402
    assert reader.post("/", headers=FIND).status_code == 404
    assert view.called == 1


@pytest.mark.parametrize("want", ["find", "stop"])
def test_a_route_that_keeps_no_runs_is_asked_nothing(site: ResumableSite, want: str) -> None:
    called: list[int] = []

    def view() -> Iterator[str]:
        called.append(1)
        yield "word"

    site.app.add_url_rule("/plain", "plain", site.stream.response(view), methods=["POST"])
    answer = site.reader().post("/plain", headers={**KEY, "Flask-Stream": want})
    assert (answer.status_code, called) == (204, [])


def test_something_else_is_a_mistake(site: ResumableSite, reader: Any) -> None:
    site.view(SlowView())
    answer = reader.post("/", headers={**KEY, "Flask-Stream": "pause"})
    assert (answer.status_code, answer.json["code"]) == (400, "bad_request")
    assert "find or stop" in answer.json["message"]


def test_it_works_at_the_address_of_a_run_and_of_a_view_that_follows_one(
    site: ResumableSite, reader: Any
) -> None:
    """So that a page which knows no more than that address can stop what is there."""
    go_on = threading.Event()

    def view() -> Iterator[str]:
        yield "word"
        while not site.finished:
            go_on.wait(0.01)
            yield "more"

    site.view(view, key="k")
    site.app.add_url_rule("/own", "own", lambda: site.stream.follow(key="k", wait=DEADLINE))
    site.app.add_url_rule("/now", "now", lambda: site.stream.follow(key="k"))
    assert reader.get("/now", headers={"Flask-Stream": "stop"}).status_code == 404
    early = reader.get("/own", headers={"Flask-Stream": "stop"})
    assert (early.status_code, early.json["code"]) == (503, "overloaded")
    start = some_of(reader.post("/"), 2)[0]
    assert reader.get("/own", headers={"Flask-Stream": "find"}).json == {
        "id": start.run,
        "url": start.data["url"],
    }
    assert reader.get(start.data["url"], headers={"Flask-Stream": "find"}).json["id"] == start.run
    assert reader.get("/own", headers={"Flask-Stream": "stop"}).status_code == 204
    assert site.outcome() == "stopped"
