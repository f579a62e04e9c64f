"""`stream.submission` and `stream.attempt`: an app knows which question is asked again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from flask_stream import FlaskStream, FlaskStreamError, StreamFailed, after_this_stream
from tests.conftest import Site, said

SUBMISSION, ATTEMPT, KEY = "Flask-Stream-Submission", "Flask-Stream-Attempt", "Idempotency-Key"
UUID = "8e03978e-40d5-43dd-bc93-6894a57f9324"


@pytest.fixture
def seen(site: Site) -> list[tuple[str, int]]:
    """What the view of the site has seen of each request."""
    seen: list[tuple[str, int]] = []

    @site.view
    def view() -> Iterator[str]:
        seen.append((site.stream.submission, site.stream.attempt))
        yield "Because."

    return seen


def test_a_request_says_its_submission_and_its_attempt(site: Site, seen: list[Any]) -> None:
    site.events(headers={SUBMISSION: UUID})
    site.events(headers={SUBMISSION: UUID, ATTEMPT: "2"})
    site.events(headers={SUBMISSION: UUID, ATTEMPT: "1000000"})
    assert seen == [(UUID, 1), (UUID, 2), (UUID, 1_000_000)]


def test_without_the_header_the_submission_is_the_key(site: Site, seen: list[Any]) -> None:
    site.events(headers={KEY: UUID})
    site.events(headers={KEY: UUID, SUBMISSION: "another", ATTEMPT: "3"})
    assert seen == [(UUID, 1), ("another", 3)]


@pytest.mark.parametrize("key", ["", "two words", "schlüssel", "k" * 256])
def test_a_key_that_could_be_no_submission_is_none(site: Site, seen: list[Any], key: str) -> None:
    assert said(site.events(headers={KEY: key})) == "Because."
    [(submission, attempt)] = seen
    assert submission not in (key, "")
    assert submission.isascii()
    assert attempt == 1


def test_without_either_it_is_a_new_one_for_each_request_and_the_same_within(site: Site) -> None:
    seen: list[str] = []

    @site.view
    def view() -> Iterator[str]:
        seen.append(site.stream.submission)
        after_this_stream(lambda result: seen.append(site.stream.submission))
        yield "Because."
        seen.append(site.stream.submission)

    site.events()
    site.events()
    assert seen[:3] == [seen[0]] * 3
    assert seen[3:] == [seen[3]] * 3
    assert seen[0] != seen[3]
    assert len(seen[0]) >= 16


def test_the_callbacks_of_an_attached_run_see_both(site: Site) -> None:
    seen: list[tuple[str, int]] = []
    stream = site.stream
    site.view(
        lambda: ["One."], on_finish=lambda _: seen.append((stream.submission, stream.attempt))
    )
    site.events(headers={SUBMISSION: UUID, ATTEMPT: "2"})
    assert seen == [(UUID, 2)]


@pytest.mark.parametrize("id", ["!", "~", "a" * 255, "a,b", '"sf-string"'])
def test_a_submission_of_visible_ascii_is_one(site: Site, seen: list[Any], id: str) -> None:
    site.events(headers={SUBMISSION: id})
    assert seen == [(id, 1)]


@pytest.mark.parametrize("id", ["", "a" * 256, "two words", "tab\there", "ümlaut", "\x7f"])
def test_what_is_no_submission_is_refused_before_the_view(
    site: Site, seen: list[Any], id: str
) -> None:
    refused = site.ask(headers={SUBMISSION: id})
    assert (refused.status_code, refused.json["code"]) == (400, "bad_request")
    assert refused.json["message"] == (
        "Flask-Stream-Submission must have between 1 and 255 characters, all of them visible "
        f"ASCII, such as a UUID. It has {len(id)}."
    )
    assert seen == []


@pytest.mark.parametrize(
    "number", ["", "0", "-1", "01", "1.0", "two", "1,2", "1000001", "9" * 5000]
)
def test_what_is_no_attempt_is_refused_before_the_view(
    site: Site, seen: list[Any], number: str
) -> None:
    refused = site.ask(headers={SUBMISSION: UUID, ATTEMPT: number})
    assert (refused.status_code, refused.json["code"]) == (400, "bad_request")
    assert refused.json["message"] == (
        "Flask-Stream-Attempt must be a whole number from 1 to 1000000: 1 for the first request of "
        "a question, 2 for the next one."
    )
    assert seen == []


def test_another_route_does_not_look_at_them_before_it_is_asked_to(site: Site) -> None:
    site.app.add_url_rule("/plain", view_func=lambda: "plain", endpoint="plain")
    site.app.add_url_rule("/reads", view_func=lambda: site.stream.submission, endpoint="reads")
    asked = {"headers": {SUBMISSION: "two words"}}
    assert site.app.test_client().get("/plain", **asked).text == "plain"
    assert site.app.test_client().get("/reads", **asked).status_code == 400
    assert site.app.test_client().get("/reads", headers={SUBMISSION: UUID}).text == UUID


@pytest.mark.parametrize(
    "read", [lambda stream: stream.submission, lambda stream: stream.attempt], ids=["id", "number"]
)
def test_outside_of_a_request_there_is_advice(read: Callable[[FlaskStream], Any]) -> None:
    app = Flask("site")
    stream = FlaskStream(app)
    with pytest.raises(FlaskStreamError, match=r"Read it in the view"):
        read(stream)
    with app.app_context(), pytest.raises(FlaskStreamError, match=r"Read it in the view"):
        read(stream)


def test_a_view_that_refuses_by_them_says_so_in_its_own_words(site: Site) -> None:
    @site.view
    def view() -> list[str]:
        if site.stream.attempt > 2:
            raise StreamFailed("No third answer.", error_code="enough")
        return ["Because."]

    assert said(site.events(headers={ATTEMPT: "2"})) == "Because."
    assert site.ask(headers={ATTEMPT: "3"}).json["message"] == "No third answer."
