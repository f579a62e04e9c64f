"""A resumable route: its run goes on without its reader, who goes on where he was."""

from __future__ import annotations

import time

import pytest

from flask_stream import Data, Reasoning, StreamFailed, sse
from tests.resume.conftest import (
    Paced,
    ResumableSite,
    events_of,
    eventually,
    is_ending,
    numbered,
    said,
    some_of,
)

WORDS = ["Three ", "short ", "words."]


def kinds(events: list[object]) -> list[str]:
    return [event.kind for event in events]  # type: ignore[attr-defined]


def test_each_event_has_a_number_and_start_says_where(site: ResumableSite) -> None:
    site.view(lambda: iter(WORDS))
    events = events_of(site.reader().post("/"))
    run = events[0].data["id"]
    assert events[0].data == {"id": run, "url": f"/_stream/{run}"}
    assert [(event.run, event.number) for event in events] == [(run, n) for n in range(1, 6)]
    assert said(events) == "".join(WORDS)
    assert events[-1].kind == "done"
    assert site.outcome() == "complete"


@pytest.mark.parametrize("left_after", [1, 2, 3, 4])
def test_a_reader_who_was_cut_off_goes_on_behind_the_last_event(
    site: ResumableSite, left_after: int
) -> None:
    words = Paced(*WORDS)
    site.view(words)
    words.let(max(1, left_after - 1))
    reader = site.reader()
    before = some_of(reader.post("/"), left_after)
    words.let(len(WORDS))
    last = before[-1]
    id = f"{last.run}.{last.number}"
    after = events_of(reader.post("/", headers={"Last-Event-ID": id}))
    assert [event.number for event in before + after] == [1, 2, 3, 4, 5]
    assert said(before + after) == "".join(WORDS)
    assert events_of(reader.get(f"/_stream/{last.run}?after={last.number}")) == after
    assert events_of(reader.get(f"/_stream/{last.run}", headers={"Last-Event-ID": id})) == after
    assert site.asked == 1
    assert len(site.finished) == 1


def test_a_replay_is_one_paint(site: ResumableSite) -> None:
    site.view(lambda: iter([Reasoning("So "), Reasoning("many."), *WORDS, Data("d", 1), "More."]))
    reader = site.reader()
    events = events_of(reader.post("/"))
    replay = events_of(reader.get(events[0].data["url"]))
    assert [(event.kind, event.number) for event in replay] == [
        ("start", 1),
        ("reasoning", 3),
        ("text", 6),
        ("d", 7),
        ("text", 8),
        ("done", 9),
    ]
    assert replay[1].data == {"text": "So many."}
    assert said(replay) == said(events)
    assert replay[-1] == events[-1]


def test_what_comes_behind_a_replay_comes_as_it_came(site: ResumableSite) -> None:
    words = Paced("one ", "two ", "three ", "four")
    site.view(words)
    words.let(2)
    reader = site.reader()
    [start, *_] = some_of(reader.post("/"), 3)
    replay = map(numbered, sse.decode(reader.get(start.data["url"]).response))
    assert [next(replay).kind, next(replay).data] == ["start", {"text": "one two "}]
    words.let(2)
    assert [event.data.get("text") for event in replay] == ["three ", "four", None]


def test_who_has_read_all_of_it_is_told_so(site: ResumableSite) -> None:
    site.view(lambda: iter(WORDS))
    reader = site.reader()
    last = events_of(reader.post("/"))[-1]
    answers = [
        reader.get(f"/_stream/{last.run}?after={last.number}"),
        reader.get(f"/_stream/{last.run}", headers={"Last-Event-ID": f"{last.run}.{last.number}"}),
        reader.post("/", headers={"Last-Event-ID": f"{last.run}.{last.number}"}),
    ]
    assert [answer.status_code for answer in answers] == [204] * 3
    assert all("no-store" in answer.headers["Cache-Control"] for answer in answers)
    assert site.asked == 1


@pytest.mark.parametrize(
    "id", ["", "nonsense", "0" * 32, "0" * 32 + ".1", "0" * 32 + ".x", "0" * 40 + ".1", "é" * 32]
)
def test_an_id_of_no_run_begins_none(site: ResumableSite, id: str) -> None:
    site.view(lambda: iter(WORDS))
    reader = site.reader()
    header = id.encode().decode("latin-1")
    for answer in (
        reader.post("/", headers={"Last-Event-ID": header}),
        reader.get("/", headers={"Last-Event-ID": header}),
    ):
        assert answer.status_code == 404
        assert answer.get_json()["code"] == "gone"
    assert site.asked == 0


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "9" * 30])
def test_after_that_is_no_number_is_told(site: ResumableSite, after: str) -> None:
    answer = site.reader().get(f"/_stream/{'0' * 32}?after={after}")
    assert answer.status_code == 400
    assert "after=" in answer.get_json()["message"]


def test_two_readers_see_the_same(site: ResumableSite) -> None:
    words = Paced(*WORDS)
    site.view(words)
    words.let(3)
    reader = site.reader()
    first = reader.post("/")
    start = some_of(first, 1)[0]
    second = events_of(reader.get(f"{start.data['url']}?after=1"))
    third = events_of(reader.get(f"{start.data['url']}?after=1"))
    assert second == third
    assert said(second) == "".join(WORDS)


def test_a_failure_is_the_same_for_all(site: ResumableSite) -> None:
    def view():  # type: ignore[no-untyped-def]
        yield "Some "
        raise StreamFailed("Quota used up", error_code="quota")

    site.view(view)
    reader = site.reader()
    events = events_of(reader.post("/"))
    assert events[-1].kind == "failed"
    assert events[-1].data["code"] == "quota"
    assert events_of(reader.get(events[0].data["url"]))[-1] == events[-1]
    assert site.outcome() == "failed"


def test_a_refusal_is_an_http_error_as_ever_and_leaves_nothing(site: ResumableSite) -> None:
    def view():  # type: ignore[no-untyped-def]
        raise StreamFailed("Quota used up", error_code="quota", status=402)

    site.view(view)
    for headers in ({}, {"Idempotency-Key": "k"}):
        answer = site.reader().post("/", headers=headers)
        assert answer.status_code == 402
        assert answer.get_json()["code"] == "quota"
    keeper = site.app.extensions["flask_stream"].keeper(site.app)
    assert keeper.log.alive() == []


def test_what_is_no_stream_goes_through(site: ResumableSite) -> None:
    site.view(lambda: {"a": 1})
    answer = site.reader().post("/", headers={"Idempotency-Key": "k"})
    assert answer.get_json() == {"a": 1}
    assert site.app.extensions["flask_stream"].keeper(site.app).log.alive() == []


def test_other_formats_follow_too(site: ResumableSite) -> None:
    site.view(lambda: iter(WORDS))
    reader = site.reader()
    headers = {"Idempotency-Key": "k"}
    first = reader.post("/", headers={**headers, "Accept": "application/json"})
    again = reader.post("/", headers={**headers, "Accept": "application/json"})
    assert first.get_json()["text"] == "".join(WORDS)
    assert again.get_json() == first.get_json()
    text = reader.post("/", headers={**headers, "Accept": "text/plain"})
    assert text.get_data(as_text=True) == "".join(WORDS)
    assert site.asked == 1


def test_a_run_that_nobody_reads_lingers_and_is_ended(site: ResumableSite) -> None:
    words = Paced(*WORDS)
    site.view(words, linger=0.2)
    words.let(1)
    reader = site.reader()
    seen = some_of(reader.post("/"), 2)
    eventually(lambda: is_ending(site))
    words.let(1)  # which nobody is told any more: it has come too late
    assert site.outcome() == "disconnected"
    eventually(lambda: words.left)
    assert site.finished[0].text == WORDS[0]
    events = events_of(reader.get(f"{seen[0].data['url']}?after=2"))
    assert [(event.kind, event.data["code"]) for event in events] == [("failed", "interrupted")]


def test_a_run_that_is_read_again_goes_on(site: ResumableSite) -> None:
    words = Paced(*WORDS)
    site.view(words, linger=600)
    words.let(1)
    reader = site.reader()
    seen = some_of(reader.post("/"), 2)
    response = reader.get(f"{seen[0].data['url']}?after=2")
    [producer] = site.app.extensions["flask_stream"].keeper(site.app)._writer._leased.values()
    producer._read_at = long_ago = time.monotonic() - 1000
    eventually(lambda: producer._read_at > long_ago)  # it has looked who reads
    assert not is_ending(site)
    words.let(2)
    assert said(events_of(response)) == "short words."
    assert site.outcome() == "complete"


def test_without_an_end_a_run_that_nobody_reads_goes_on(site: ResumableSite) -> None:
    words = Paced(*WORDS)
    site.view(words, linger=None)
    words.let(1)
    some_of(site.reader().post("/"), 2)
    words.let(2)
    assert site.outcome() == "complete"
    assert site.finished[0].text == "".join(WORDS)
