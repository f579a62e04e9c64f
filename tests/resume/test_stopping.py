"""A stop at any moment, from another worker; and runs that are not there for who asks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_stream.logs.memory import MemoryLog
from tests.resume.conftest import DEADLINE, Paced, ResumableSite, events_of, eventually, is_ending

WORDS = ["Three ", "short ", "words."]


@pytest.fixture
def workers(tmp_path: Path) -> list[ResumableSite]:
    """Two that share a file."""
    url = f"sqlite:///{tmp_path / 'runs.sqlite3'}"
    sites = [ResumableSite(url, STREAM_LEASE_SECONDS=2) for _ in range(2)]
    for site in sites:
        site.stream.owner(lambda: "ann")
    return sites


def asking(site: ResumableSite) -> tuple[threading.Thread, list[Any]]:
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(events_of(site.reader().post("/"))))
    thread.start()
    return thread, answers


def stopped(site: ResumableSite) -> str:
    """Its one run that is under way; its id."""
    log = site.app.extensions["flask_stream"].keeper(site.app).log
    [state] = eventually(log.alive)
    assert site.reader().post(f"/_stream/{state.id}/stop").status_code == 204
    assert site.reader().post(f"/_stream/{state.id}/stop").status_code == 204
    return str(state.id)


def test_a_stop_while_the_view_is_at_work_is_heard(workers: list[ResumableSite]) -> None:
    """There is nothing that could be stopped before it has returned."""
    producing, other = workers
    is_at_work, may_go = threading.Event(), threading.Event()

    def view() -> Any:
        is_at_work.set()
        assert may_go.wait(DEADLINE)
        return without_end()

    def without_end() -> Iterator[str]:
        yield "Well, "
        while not producing.finished:
            threading.Event().wait(0.01)
            yield "well, "

    producing.view(view)
    thread, answers = asking(producing)
    assert is_at_work.wait(DEADLINE)
    stopped(other)
    may_go.set()
    thread.join(DEADLINE)
    assert producing.outcome() == "stopped"
    assert answers[0][-1].data["stop_reason"] == "stopped"


def test_a_stop_before_the_first_word_is_heard(workers: list[ResumableSite]) -> None:
    """Its generator has not given any yet, so neither is there a response."""
    producing, other = workers
    words = Paced(*WORDS)
    producing.view(words)
    thread, answers = asking(producing)
    eventually(lambda: producing.asked)
    stopped(other)
    words.let(1)
    eventually(lambda: is_ending(producing))
    words.let(len(WORDS))
    thread.join(DEADLINE)
    assert answers[0][-1].data["stop_reason"] == "stopped"
    assert producing.outcome() == "stopped"


def test_a_stop_behind_the_end_changes_nothing(workers: list[ResumableSite]) -> None:
    producing, other = workers
    producing.view(lambda: iter(WORDS))
    end = events_of(producing.reader().post("/"))[-1]
    for site in workers:
        assert site.reader().post(f"/_stream/{end.run}/stop").status_code == 204
    assert events_of(other.reader().get(f"/_stream/{end.run}"))[-1] == end
    assert producing.outcome() == "complete"


def test_a_stop_of_what_nobody_produces_ends_as_interrupted(
    workers: list[ResumableSite],
) -> None:
    """Its worker has died, which nobody knows yet."""
    _, other = workers
    log = other.app.extensions["flask_stream"].keeper(other.app).log
    log.create("0" * 32, "ann", 1.0)
    run = stopped(other)
    events = events_of(other.reader().get(f"/_stream/{run}"))
    assert [event.kind for event in events] == ["start", "failed"]
    assert events[-1].data["code"] == "interrupted"


class Counting(MemoryLog):
    """Notes what it is asked, but for what its own threads do."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_") and name != "asked":
            if not threading.current_thread().name.startswith("flask-stream"):
                self.asked.append(name)
        return super().__getattribute__(name)


def test_all_that_is_not_there_is_looked_for_in_the_same_way() -> None:
    """So that the time it takes tells nobody whether there is one."""
    log = Counting()
    site = ResumableSite(log)  # type: ignore[arg-type]
    site.view(lambda: iter(WORDS))
    reader, other, nobody = site.reader(), site.reader(), site.reader()
    run, expired = (events_of(reader.post("/"))[0].run for _ in range(2))
    events_of(other.post("/"))
    eventually(lambda: log.state(run).ended)  # type: ignore[union-attr]
    del log._runs[expired]
    seen = set()
    for client in (other, nobody):
        for id in (run, expired, "0" * 32):
            for method, path in (("GET", ""), ("GET", "?after=3"), ("HEAD", ""), ("POST", "/stop")):
                log.asked.clear()
                answer = client.open(f"/_stream/{id}{path}", method=method)
                assert answer.status_code == 404
                headers = tuple(answer.headers.items())
                seen.add((method, answer.data.replace(id.encode(), b""), headers, *log.asked))
    assert len(seen) == 3  # by method: HEAD has no body, and stop its own headers
    assert {asked for *_, asked in seen} == {"states"}
