"""What a process writes for its runs: what befalls one of them befalls none of the others."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from flask_stream import sse
from flask_stream.detached import writing
from flask_stream.detached.writing import LogWriter
from flask_stream.errors import FlaskStreamError
from flask_stream.logs.log import Claim, LogError, State, Write
from flask_stream.logs.memory import MemoryLog
from flask_stream.testing.log_case import LEASE, begun, known, rows
from tests.resume.conftest import (
    DEADLINE,
    ResumableSite,
    events_of,
    eventually,
    numbered,
    said,
)


class Held(MemoryLog):
    """Whose next write waits until a test lets it go; and fails by what that says."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked, self._may_go = threading.Event(), threading.Event()
        self._is_to_hold = False
        self._error: Exception | None = None

    def hold(self) -> None:
        self.is_asked.clear()
        self._may_go.clear()
        self._is_to_hold = True

    def let(self, error: Exception | None = None) -> None:
        self._error = error
        self._may_go.set()

    def write(self, writes: Sequence[Write]) -> set[Claim]:
        if self._is_to_hold:
            self._is_to_hold = False
            self.is_asked.set()
            assert self._may_go.wait(DEADLINE)
            if self._error is not None:
                raise self._error
        return super().write(writes)


class Owner:
    """Has a claim, and notes what it is told."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.last = 0
        self.error: FlaskStreamError | None = None

    def written(self, last: int, *, ends: bool) -> None:
        self.last = last

    def lost(self, error: FlaskStreamError) -> None:
        self.error = error

    def told(self, state: State) -> None:
        pass


@pytest.fixture
def log() -> Held:
    return Held()


@pytest.fixture
def writer(log: Held) -> Iterator[LogWriter]:
    writer = LogWriter(log, LEASE, 0.01, dict)
    writer.start()
    yield writer
    for leased in list(writer._leased.values()):
        writer.drop(leased)
    writer.start()
    eventually(lambda: writer._thread is None)


def kept(writer: LogWriter, log: Held, id: str) -> Owner:
    owner = Owner(begun(log, id))
    writer.keep(owner)
    return owner


def test_a_run_that_lost_rows_takes_no_other_with_it(log: Held, writer: LogWriter) -> None:
    """A replica that has taken over may lack rows that were acknowledged."""
    torn, well = kept(writer, log, "torn"), kept(writer, log, "well")
    log.hold()
    writer.add(kept(writer, log, "first"), rows(1)[0], ends=False)
    assert log.is_asked.wait(DEADLINE)
    writer.add(torn, rows(1, after=5)[0], ends=False)
    writer.add(well, rows(1)[0], ends=False)
    log.let()
    eventually(lambda: torn.error)
    assert "does not go on where event number 0 was the last" in str(torn.error)
    eventually(lambda: well.last == 1)
    assert well.error is None


def test_what_comes_while_a_write_fails_is_not_written_behind_a_gap(
    log: Held, writer: LogWriter, caplog: pytest.LogCaptureFixture
) -> None:
    lost, well = kept(writer, log, "lost"), kept(writer, log, "well")
    first, second, third = rows(1, 1, 1)
    log.hold()
    writer.add(lost, first, ends=False)
    assert log.is_asked.wait(DEADLINE)
    writer.add(lost, second, ends=False)
    log.let(LogError("It is full."))
    eventually(lambda: lost.error)
    writer.add(lost, third, ends=True)
    writer.add(well, first, ends=False)
    eventually(lambda: well.last == 1)
    assert well.error is None
    assert "It is full." in str(lost.error)
    assert known(log, "lost").last == 0
    assert "Traceback" not in caplog.text


def test_while_much_is_forgotten_what_comes_is_written_and_leases_are_renewed(
    log: Held, writer: LogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that was down may find the runs of hours."""
    forgotten: list[float] = []
    renewed: list[int] = []
    renew = log.renew
    monkeypatch.setattr(log, "expire", lambda ttl: forgotten.append(ttl) or 1)
    monkeypatch.setattr(
        log, "renew", lambda claims, lease: renewed.append(len(claims)) or renew(claims, lease)
    )
    writer._expire_at = 0.0
    owner = kept(writer, log, "r")
    eventually(lambda: len(forgotten) > 2)
    for number in range(1, 4):
        steps = len(forgotten)
        writer.add(owner, rows(1, after=number - 1)[0], ends=False)
        eventually(lambda number=number: owner.last == number)
        eventually(lambda steps=steps: len(forgotten) > steps)
    eventually(lambda: sum(renewed) > 0)  # each half second, however much is forgotten
    assert known(log, "r").leased
    monkeypatch.undo()


def test_a_log_that_went_away_behind_its_readers_is_not_tried_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That nobody reads any more needs no telling once what was told has lapsed."""
    monkeypatch.setattr(writing, "_RENEWALS", 0.02)
    monkeypatch.setattr(writing, "_ATTENDANCE", 0.3)
    told: list[Any] = []

    class Away(MemoryLog):
        def attend(self, *args: Any) -> None:
            told.append(args)
            if len(told) > 1:
                raise LogError("It cannot be reached.")

    counts = {"r": 1}
    writer = LogWriter(Away(), LEASE, 0.01, lambda: counts)
    writer.start()
    eventually(lambda: told)
    counts.clear()
    eventually(lambda: writer._thread is None)
    assert len(told) > 1


def test_what_is_in_the_log_is_not_kept_for_who_takes_nothing(tmp_path: Path) -> None:
    site = ResumableSite(f"sqlite:///{tmp_path / 'runs.sqlite3'}")
    words = ["x" * 100_000 for _ in range(30)]
    site.view(lambda: iter(words))
    body = sse.decode(site.reader().post("/").response)
    run = numbered(next(body)).run
    assert site.outcome() == "complete"
    feed = site.app.extensions["flask_stream"].keeper(site.app)._reader._feeds[run]
    eventually(lambda: feed._size < 300_000)
    assert said([numbered(event) for event in body]) == "".join(words)


def test_a_run_is_forgotten_however_long_it_took(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process is the only one; what is to be forgotten is so by then, and no thread is left."""
    monkeypatch.setattr(writing, "_RENEWALS", 0.02)
    words = threading.Event()

    def view() -> Iterator[str]:
        yield "Well "
        assert words.wait(DEADLINE)
        yield "said."

    site = ResumableSite("memory:", STREAM_TTL=0.2)
    site.view(view)
    keeper = site.app.extensions["flask_stream"].keeper(site.app)
    reading = threading.Thread(target=lambda: answers.append(events_of(site.reader().post("/"))))
    answers: list[Any] = []
    reading.start()
    [state] = eventually(keeper.log.alive)
    threading.Event().wait(1)  # longer than it is kept
    words.set()
    reading.join(DEADLINE)
    assert answers[0][-1].kind == "done"
    eventually(lambda: keeper.log.state(state.id) is None)
    eventually(lambda: keeper._writer._thread is None)
