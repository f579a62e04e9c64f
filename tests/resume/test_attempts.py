"""Retry of a resumable run: each attempt is answered anew, and what is sent twice is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_stream import FlaskStreamError, after_this_stream, sse
from tests.resume.conftest import ResumableSite, events_of, said, some_of
from tests.resume.serving import serving


def asked(key: str, attempt: int = 1) -> dict[str, str]:
    """The headers of a client's request for the one question of these tests."""
    said = {"Idempotency-Key": key, "Flask-Stream-Submission": "the-question"}
    return said if attempt == 1 else said | {"Flask-Stream-Attempt": str(attempt)}


def test_each_attempt_has_a_run_and_a_repeated_request_has_none(site: ResumableSite) -> None:
    seen: list[tuple[str, int]] = []

    def view() -> Iterator[str]:
        seen.append((site.stream.submission, site.stream.attempt))
        yield f"Answer {site.stream.attempt}."

    site.view(view)
    reader = site.reader()
    first, again = (events_of(reader.post("/", headers=asked("one"))) for _ in range(2))
    second, twice = (events_of(reader.post("/", headers=asked("two", 2))) for _ in range(2))
    assert seen == [("the-question", 1), ("the-question", 2)]
    assert first[0].run == again[0].run != second[0].run == twice[0].run
    assert (said(again), said(twice)) == ("Answer 1.", "Answer 2.")


def test_without_a_submission_each_key_is_one(site: ResumableSite) -> None:
    site.view(lambda: [site.stream.submission])
    reader = site.reader()
    for key in ("one", "two"):
        assert said(events_of(reader.post("/", headers={"Idempotency-Key": key}))) == key


def test_a_key_that_no_app_could_look_up_is_a_key_all_the_same(site: ResumableSite) -> None:
    seen: list[str] = []
    site.view(lambda: [seen.append(site.stream.submission) or "Because."])  # type: ignore[func-returns-value]
    reader = site.reader()
    for _ in range(2):
        assert said(events_of(reader.post("/", headers={"Idempotency-Key": "a b"}))) == "Because."
    assert len(seen) == 1


def test_a_callback_gets_what_the_view_took_along(site: ResumableSite) -> None:
    told: list[str] = []

    def view() -> list[str]:
        submission = site.stream.submission

        @after_this_stream
        def save(_: object) -> None:
            told.append(submission)
            with pytest.raises(FlaskStreamError, match="take along in a variable"):
                _ = site.stream.submission

        return ["Because."]

    site.view(view)
    events = events_of(site.reader().post("/", headers=asked("one")))
    assert (events[-1].kind, told) == ("done", ["the-question"])


def test_who_goes_on_with_a_run_is_not_asked_for_its_question(site: ResumableSite) -> None:
    site.view(lambda: ["One ", "two ", "three."])
    reader = site.reader()
    start = some_of(reader.post("/"), 1)[0]
    headers = {"Last-Event-ID": f"{start.run}.1", "Flask-Stream-Attempt": "none"}
    assert said(events_of(reader.post("/", headers=headers))) == "One two three."


def test_on_gunicorn_a_generator_knows_both_behind_its_request(tmp_path: Path) -> None:
    with serving(tmp_path / "server", f"sqlite:///{tmp_path / 'runs'}", workers=2) as server:
        for key, attempt in (("one", 1), ("one", 1), ("two", 2)):
            answer = server.request("POST", "/attempt", asked(key, attempt) | {"Reader": "ann"})
            text = "".join(e.data for e in sse.decode([answer.read()]) if e.type == "text")
            assert text.count(f"the-question {attempt}") == 2, text
        refused = server.request("POST", "/attempt", {"Flask-Stream-Attempt": "2nd"})
        assert (refused.status, b"bad_request" in refused.read()) == (400, True)
        assert server.asked() == [["the-question", 1], ["the-question", 2]]
