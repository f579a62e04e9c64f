"""Runs whose producer is dead, or only could not tell that it is not."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from flask_stream import watch
from flask_stream.detached import dying
from flask_stream.detached.dying import Deaths
from flask_stream.detached.following import Follower
from flask_stream.detached.keeper import Keeper
from flask_stream.detached.stored import to_bytes
from flask_stream.events import Start, Text
from flask_stream.logs.log import Claim, LogError, Row, State, Write
from flask_stream.logs.memory import MemoryLog
from flask_stream.run import ClientLeft
from flask_stream.testing.log_case import LEASE, begun, known
from tests.resume.conftest import (
    DEADLINE,
    Paced,
    ResumableSite,
    events_of,
    eventually,
    said,
    some_of,
)


class Locked(MemoryLog):
    """To which nobody can write for some time."""

    def __init__(self) -> None:
        super().__init__()
        self._free = threading.Event()
        self._free.set()

    def lock(self) -> None:
        self._free.clear()

    def unlock(self) -> None:
        self._free.set()

    def try_to_write(self) -> None:
        assert self._free.wait(DEADLINE)

    def renew(self, claims: Sequence[Claim], lease: float) -> Mapping[Claim, State]:
        assert self._free.wait(DEADLINE)
        return super().renew(claims, lease)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dying, "LOOKS", 0.1)
    monkeypatch.setattr(dying, "_CHANCE", 0.2)


def looked_at(deaths: Deaths, log: MemoryLog, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        deaths.look_at(known(log, "r"))
        time.sleep(0.02)


@pytest.mark.usefixtures("quick")
def test_a_run_whose_producer_could_not_renew_goes_on() -> None:
    log = Locked()
    claim = begun(log, "r", lease=0.01)
    deaths = Deaths(log, 0.01)
    eventually(lambda: not known(log, "r").leased)
    deaths.look_at(known(log, "r"))
    log.lock()
    looking = threading.Thread(target=looked_at, args=(deaths, log, 0.3))
    looking.start()
    threading.Event().wait(0.4)  # longer than a chance is: but nobody had it
    log.unlock()
    looking.join(DEADLINE)
    assert log.renew([claim], LEASE)
    assert log.write([Write(claim, [], ends=True)]) == set()


@pytest.mark.usefixtures("quick")
def test_who_was_asleep_himself_ends_nothing_at_once() -> None:
    log = MemoryLog()
    claim = begun(log, "r", lease=0.01)
    deaths = Deaths(log, 0.01)
    looked_at(deaths, log, 0.05)
    threading.Event().wait(0.5)  # the whole machine is
    deaths.look_at(known(log, "r"))
    assert log.renew([claim], LEASE)


@pytest.mark.usefixtures("quick")
def test_what_cannot_be_ended_can_perhaps_not_be_kept_either() -> None:
    class Full(MemoryLog):
        is_full = True

        def take_over(self, id: str, lease: float) -> Claim | None:
            if self.is_full:
                raise LogError("Full.")
            return super().take_over(id, lease)

    log = Full()
    claim = begun(log, "r", lease=0.01)
    deaths = Deaths(log, 0.01)
    with pytest.raises(LogError):
        looked_at(deaths, log, DEADLINE)
    log.is_full = False
    deaths.look_at(known(log, "r"))
    assert log.renew([claim], LEASE)


class WrittenLate(MemoryLog):
    """Whose run is written to until the moment when somebody else takes it over."""

    def take_over(self, id: str, lease: float) -> Claim | None:
        claim, last = Claim(id, 1), known(self, id).last
        assert self.write([Write(claim, [row(last + 1, Text("late "))])]) == set()
        return super().take_over(id, lease)


def row(last: int, *events: Any) -> Row:
    return Row(last, len(events), to_bytes(events, last))


def test_what_was_written_up_to_the_last_moment_counts() -> None:
    log = WrittenLate()
    claim = begun(log, "r", lease=0.01)
    log.write([Write(claim, [row(2, Start("r"), Text("Some "))])])
    keeper = Keeper(log, lease=2, ttl=5, most=1)
    batches = keeper.follow("r", 2).batches()
    events = [event for batch in batches for event in batch]
    assert [event.kind for event in events] == ["start", "text", "text", "failed"]
    assert events[-1].code == "interrupted"
    assert known(log, "r").ended


def test_who_reads_beside_a_fenced_producer_need_not_wait_for_its_source() -> None:
    """It may be stuck in a tool of the app's for as long as that takes."""
    words = Paced("Some ", "never said")
    site = ResumableSite("memory:", STREAM_LEASE_SECONDS=2)
    site.view(words)
    words.let(1)
    keeper = site.app.extensions["flask_stream"].keeper(site.app)
    answers: list[Any] = []
    reading = threading.Thread(target=lambda: answers.append(events_of(site.reader().post("/"))))
    reading.start()
    [state] = eventually(lambda: [each for each in keeper.log.alive() if each.last >= 2])
    keeper.log._runs[state.id].leased_until = 0.0
    dying.end_interrupted(keeper.log, state.id, 1.0)
    reading.join(DEADLINE / 3)  # its source, which waits for a word, does so for longer
    assert said(answers[0]) == "Some "
    assert answers[0][-1].data["code"] == "interrupted"
    words.let(1)
    assert site.outcome() == "failed"
    assert site.finished[0].text == "Some "


def test_a_reader_that_is_slow_keeps_nobody_from_a_log_that_is_there_again() -> None:
    """The one that the log failed has not left yet, as another one asks anew."""

    class Failing(MemoryLog):
        fails = False

        def wait(self, after: Mapping[str, int], seconds: float) -> set[str]:
            if self.fails:
                raise LogError("It is away.")
            return super().wait(after, seconds)

    log = Failing()
    claim = begun(log, "r")
    keeper = Keeper(log, lease=LEASE, ttl=0.01, most=1)
    slow = keeper.follow("r", 0)
    log.fails = True
    eventually(lambda: slow._feed is None or slow._feed.over)
    log.fails = False
    batches = keeper.follow("r", 0).batches()
    log.write([Write(claim, [row(2, Start("r"), Text("There."))])])
    kinds: list[str] = []
    while len(kinds) < 2:
        kinds += [event.kind for event in next(batches)]
    assert kinds == ["start", "text"]
    batches.close()
    slow.close()


def test_a_refusal_is_told_though_its_run_cannot_be_forgotten() -> None:
    from flask import abort

    class Stuck(MemoryLog):
        def forget(self, claim: Claim) -> None:
            raise LogError("It is away.")

    def view() -> Iterator[str]:
        abort(403)
        yield ""

    site = ResumableSite(Stuck())  # type: ignore[arg-type]
    site.view(view)
    assert site.reader().post("/").status_code == 403


def test_who_waits_for_another_ones_answer_as_the_worker_stops_is_told_so() -> None:
    """The same request, sent twice, to a worker that has not begun to answer the first."""
    words = Paced("Some ", "words.")
    site = ResumableSite("memory:")
    site.view(words)
    site.stream.owner(lambda: "ann")
    answers: list[Any] = []

    def ask() -> None:
        response = site.reader().post("/", headers={"Idempotency-Key": "k"})
        answers.append((response.status_code, response.get_data(as_text=True)))

    first, second = (threading.Thread(target=ask) for _ in range(2))
    first.start()
    eventually(lambda: site.asked)
    second.start()
    deliveries = watch.watcher()._deliveries
    [follower] = eventually(
        lambda: [each.answer for each in list(deliveries) if isinstance(each.answer, Follower)]
    )
    follower.end(ClientLeft())  # as the watcher does
    second.join(DEADLINE)
    [(status, body)] = answers
    assert (status, '"shutdown"' in body) == (503, True)
    words.let(2)
    first.join(DEADLINE)
    assert answers[1][0] == 200


def test_behind_the_last_number_is_nothing() -> None:
    """A log that lost a run's end, or a client that makes up a number: it would ask for ever."""
    site = ResumableSite("memory:")
    site.view(lambda: iter(["Some ", "words."]))
    reader = site.reader()
    last = events_of(reader.post("/"))[-1]
    answer = reader.get(f"/_stream/{last.run}?after={last.number + 1}")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "gone")


def test_a_number_that_is_ahead_of_a_run_is_told_once_it_has_ended() -> None:
    words = Paced("Some ", "words.")
    site = ResumableSite("memory:")
    site.view(words)
    words.let(1)
    reader = site.reader()
    start = some_of(reader.post("/"), 2)[0]
    ahead = reader.get(f"/_stream/{start.run}?after=100")
    words.let(1)
    assert events_of(ahead) == []
    assert reader.get(f"/_stream/{start.run}?after=100").status_code == 404
