"""A reader who asks for a run by its key, perhaps before the task that publishes it has begun."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Response, request
from werkzeug.test import TestResponse

from flask_stream import limits
from flask_stream.logs.log import LogError
from tests.resume.conftest import DEADLINE, ResumableSite, events_of, eventually, said

ANN = {"Reader": "ann"}
LONG = 600  # seconds to wait for what comes within a moment


@pytest.fixture(autouse=True)
def _view(site: ResumableSite) -> None:
    site.stream.owner(lambda: request.headers.get("Reader"))

    def view(key: str) -> Response:
        return site.stream.follow(key=key, wait=request.args.get("wait", 0.0, float))

    site.app.add_url_rule("/answers/<key>", "answers", view)


def publish(site: ResumableSite, *words: Any, key: str = "a", owner: str = "ann") -> Any:
    with site.app.app_context():
        return site.stream.publish(iter(words), owner=owner, key=key)


def ask(site: ResumableSite, wait: float = 0.0, **options: Any) -> TestResponse:
    return site.reader().get(f"/answers/a?wait={wait}", headers=ANN, **options)


def refusal(answer: TestResponse) -> tuple[int, str, bool]:
    body = answer.get_json()
    return answer.status_code, body["code"], body["retryable"]


def test_a_run_that_has_ended_is_found_too(site: ResumableSite) -> None:
    publish(site, "Hello ", "there.")
    assert said(events_of(ask(site))) == "Hello there."


def test_the_newest_one_is_followed(site: ResumableSite) -> None:
    publish(site, "First.")
    publish(site, "Second.")
    assert said(events_of(ask(site))) == "Second."


def test_who_asks_before_it_has_begun_waits_for_it(site: ResumableSite) -> None:
    answers: list[str] = []
    log = site.app.extensions["flask_stream"].keeper(site.app).log
    looked = threading.Event()
    newest = log.newest
    log.newest = lambda *asked: looked.set() or newest(*asked)
    asking = threading.Thread(target=lambda: answers.append(said(events_of(ask(site, LONG)))))
    asking.start()
    assert looked.wait(DEADLINE)
    publish(site, "Hello ", "there.")
    asking.join(DEADLINE)
    assert answers == ["Hello there."]


def test_what_does_not_begin_may_begin_yet(
    site: ResumableSite, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    answer = ask(site, 0.01)
    assert refusal(answer) == (503, "overloaded", True)
    assert int(answer.headers["Retry-After"]) > 0
    assert "not begun yet" in answer.get_json()["message"]
    assert caplog.messages == []  # anybody can have that, as often as he likes


def test_without_waiting_there_is_none(site: ResumableSite) -> None:
    assert refusal(ask(site)) == (404, "gone", False)


def test_another_owner_s_is_none(site: ResumableSite) -> None:
    publish(site, "Hello.", owner="bob")
    assert refusal(ask(site)) == (404, "gone", False)


def test_nobody_is_not_waited_for(site: ResumableSite) -> None:
    began = time.monotonic()
    answer = site.reader().get(f"/answers/a?wait={LONG}")
    assert refusal(answer) == (404, "gone", False)
    assert time.monotonic() - began < DEADLINE


def test_who_was_cut_off_goes_on_with_the_run_that_he_has(site: ResumableSite) -> None:
    first = publish(site, "One ", "two.")
    publish(site, "Another.")
    headers = {**ANN, "Last-Event-ID": f"{first.id}.2"}
    reader = site.reader()
    events = events_of(reader.get("/answers/a", headers=headers))
    assert (said(events), events[0].run) == ("two.", first.id)
    headers["Last-Event-ID"] = f"{first.id}.{events[-1].number}"
    assert reader.get("/answers/a", headers=headers).status_code == 204
    assert said(events_of(reader.get("/answers/a?after=2", headers=ANN))) == ""


def test_head_does_not_wait(site: ResumableSite) -> None:
    began = time.monotonic()
    reader = site.reader()
    assert reader.head(f"/answers/a?wait={LONG}", headers=ANN).status_code == 404
    publish(site, "Hello.")
    assert reader.head("/answers/a", headers=ANN).mimetype == "text/event-stream"
    assert time.monotonic() - began < DEADLINE


@pytest.mark.usefixtures("own_watcher")
def test_who_waits_has_a_place_and_gives_it_back(site: ResumableSite) -> None:
    site.app.config["STREAM_MAX_CONCURRENT"] = 1
    asking = threading.Thread(target=lambda: events_of(ask(site, LONG)))
    asking.start()
    eventually(lambda: limits.places().taken)
    assert refusal(ask(site)) == (503, "overloaded", True)
    publish(site, "Hello.")
    asking.join(DEADLINE)
    eventually(lambda: not limits.places().taken)
    site.app.config["STREAM_MAX_CONCURRENT"] = None
    ask(site, 0.01)
    assert not limits.places().taken


def test_a_log_that_cannot_be_used_is_told(
    site: ResumableSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise LogError("It is full.")

    monkeypatch.setattr(site.app.extensions["flask_stream"].keeper(site.app).log, "newest", fail)
    assert refusal(ask(site, LONG)) == (503, "internal", True)


@pytest.mark.parametrize("wait", [-1, True, "5", None])
def test_a_wait_that_is_none_is_told(site: ResumableSite, wait: Any) -> None:
    with site.app.test_request_context(headers=ANN), pytest.raises(ValueError, match="wait is"):
        site.stream.follow(key="a", wait=wait)


@pytest.mark.parametrize("given", [{}, {"run_id": "0" * 32, "key": "a"}])
def test_what_is_followed_is_an_id_or_a_key(site: ResumableSite, given: Any) -> None:
    with site.app.test_request_context(headers=ANN), pytest.raises(TypeError, match="id of a run"):
        site.stream.follow(**given)


def test_a_provider_that_refuses_is_told_to_who_follows(site: ResumableSite) -> None:
    """Where the source is a generator that asks, there is a run already, which fails."""

    def source() -> Iterator[str]:
        raise ConnectionError("No route to the provider")
        yield ""

    with site.app.app_context():
        assert site.stream.publish(source(), owner="ann", key="a").outcome == "failed"
    assert [event.kind for event in events_of(ask(site))] == ["start", "failed"]
