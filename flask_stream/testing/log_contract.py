"""`LogContract`: what each log has to do, as tests that a log's own test class inherits.

class TestMyLog(LogContract):
    def open(self, folder):
        return MyLog(folder / "runs")
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ..logs.log import Claim, Log, Once, OtherBody, Row, State, Write

LEASE = 60.0
_DEADLINE = 30.0  # seconds, for what takes a moment


def rows(*counts: int, after: int = 0) -> list[Row]:
    """Rows of so many events each, whose data says which they are."""
    made = []
    for count in counts:
        after += count
        made.append(Row(after, count, f"up to {after}".encode()))
    return made


def eventually(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + _DEADLINE
    while not holds():
        assert time.monotonic() < end, "It has not come to that."
        time.sleep(0.005)


class LogContract:
    """Inherited by the test class of a log, which says how that is opened."""

    def open(self, folder: Path) -> Log:
        """A log of what is kept in the folder; another one of the same, at each further call."""
        raise NotImplementedError

    @pytest.fixture
    def log(self, tmp_path: Path) -> Iterator[Log]:
        log = self.open(tmp_path)
        yield log
        log.close()

    @pytest.fixture
    def other(self, log: Log, tmp_path: Path) -> Iterator[Log]:
        """The same one, as another process has it."""
        other = self.open(tmp_path)
        yield other
        other.close()

    # -- to begin a run ---------------------------------------------------------------------

    def test_a_run_that_begins_is_known_and_empty(self, log: Log, other: Log) -> None:
        before = time.time()
        assert begun(log, "r", "ann", key="chat:42") == Claim("r", 1)
        state = known(other, "r")
        assert before - 1 <= state.created <= time.time() + 1
        expected = State("r", "ann", "chat:42", 0, state.created, False, True, False)
        assert state == expected
        assert other.read("r", 0, 1000) == []
        assert [each.id for each in other.states()] == ["r"]

    def test_what_never_was_is_not_known(self, log: Log) -> None:
        assert log.state("r") is None
        assert log.read("r", 0, 1000) == []
        assert log.newest("ann", "chat:42") is None
        assert log.states() == []
        assert not log.request_stop("r")
        assert log.take_over("r", LEASE) is None
        assert log.renew([Claim("r", 1)], LEASE) == {}
        assert log.write([Write(Claim("r", 1), rows(1))]) == {Claim("r", 1)}
        assert log.wait({"r": 0}, 0) == {"r"}

    def test_the_newest_with_a_key_is_found(self, log: Log, other: Log) -> None:
        for id, owner, key in [("a", "ann", "k"), ("b", "ann", "k"), ("c", "bob", "k")]:
            begun(log, id, owner, key=key)
        begun(log, "d", "ann", key="another")
        assert other.newest("ann", "k") == "b"
        assert other.newest("bob", "k") == "c"
        assert other.newest("cid", "k") is None

    # -- once -------------------------------------------------------------------------------

    def test_what_is_asked_for_twice_begins_once(self, log: Log, other: Log) -> None:
        once = Once("POST /chat key", "hash")
        assert begun(log, "first", "ann", once=once)
        assert other.create("second", "ann", LEASE, once=once) == "first"
        assert other.state("second") is None

    def test_the_same_key_of_another_owner_or_for_another_body(self, log: Log, other: Log) -> None:
        begun(log, "first", "ann", once=Once("key", "hash"))
        with pytest.raises(OtherBody):
            other.create("second", "ann", LEASE, once=Once("key", "other"))
        assert begun(other, "third", "bob", once=Once("key", "other"))
        assert begun(other, "fourth", "ann", once=Once("other", "hash"))

    def test_of_many_who_ask_at_once_one_begins(self, log: Log, other: Log) -> None:
        for turn in range(20):
            once = Once(f"key {turn}", "hash")
            answers: list[Claim | str] = []
            ready = threading.Barrier(4)

            def ask(
                at: Log,
                id: str,
                once: Once = once,
                ready: threading.Barrier = ready,
                answers: list[Claim | str] = answers,
            ) -> None:
                ready.wait(_DEADLINE)
                answers.append(at.create(id, "ann", LEASE, once=once))

            asking = [
                threading.Thread(target=ask, args=(at, f"{turn} {number}"))
                for number, at in enumerate([log, other, log, other])
            ]
            for thread in asking:
                thread.start()
            for thread in asking:
                thread.join(_DEADLINE)
            [claim] = [answer for answer in answers if isinstance(answer, Claim)]
            assert sorted(answers, key=str) == sorted([claim, *[claim.id] * 3], key=str)

    # -- to write and to read ---------------------------------------------------------------

    def test_what_is_written_is_read_in_order(self, log: Log, other: Log) -> None:
        claim, written = begun(log, "r"), rows(2, 1, 5)
        assert log.write([Write(claim, written[:1])]) == set()
        assert log.write([Write(claim, written[1:])]) == set()
        assert other.read("r", 0, 10**6) == written
        assert known(other, "r").last == 8

    @pytest.mark.parametrize(
        ("after", "first"), [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (7, 2), (8, 3), (9, 3)]
    )
    def test_it_is_read_from_any_event_on(self, log: Log, after: int, first: int) -> None:
        claim, written = begun(log, "r"), rows(2, 1, 5)
        log.write([Write(claim, written)])
        assert log.read("r", after, 10**6) == written[first:]

    def test_as_much_is_read_as_is_wanted(self, log: Log) -> None:
        claim, written = begun(log, "r"), rows(*[1] * 9)
        size = len(written[0].data)
        log.write([Write(claim, written)])
        assert log.read("r", 0, 1) == written[:1]
        assert log.read("r", 0, 3 * size) == written[:3]
        assert log.read("r", 3, 3 * size + 1) == written[3:7]

    def test_data_is_kept_as_it_is(self, log: Log, other: Log) -> None:
        every = [bytes(range(256)), b"", "ä €\U0001f600\0".encode(), b"x" * 1_000_000]
        written = [Row(number, 1, data) for number, data in enumerate(every, 1)]
        log.write([Write(begun(log, "r"), written)])
        assert other.read("r", 0, 10**7) == written

    def test_runs_are_apart(self, log: Log, other: Log) -> None:
        one, two = begun(log, "one"), begun(log, "two")
        log.write([Write(one, rows(1)), Write(two, rows(3)), Write(one, rows(2, after=1))])
        assert [row.last for row in other.read("one", 0, 1000)] == [1, 3]
        assert [row.last for row in other.read("two", 0, 1000)] == [3]

    def test_a_write_that_is_made_again_is_one(self, log: Log) -> None:
        claim, written = begun(log, "r"), rows(2, 1, 5)
        log.write([Write(claim, written[:2])])
        assert log.write([Write(claim, written[:2])]) == set()
        assert log.write([Write(claim, written, ends=True)]) == set()
        assert log.write([Write(claim, written, ends=True)]) == set()
        assert log.read("r", 0, 10**6) == written

    def test_a_row_that_is_missing_is_refused(self, log: Log) -> None:
        claim = begun(log, "r")
        log.write([Write(claim, rows(2))])
        for wrong in (Row(5, 2, b""), Row(4, 3, b""), Row(3, 2, b"")):
            with pytest.raises(ValueError, match=r"does not go on"):
                log.write([Write(claim, [wrong])])
        assert [row.last for row in log.read("r", 0, 1000)] == [2]

    # -- its end ----------------------------------------------------------------------------

    def test_behind_its_end_is_nothing(self, log: Log, other: Log) -> None:
        claim = begun(log, "r")
        log.write([Write(claim, rows(1), ends=True)])
        state = known(other, "r")
        assert (state.ended, state.last) == (True, 1)
        assert other.states() == []
        assert log.write([Write(claim, rows(1, after=1))]) == {claim}
        assert log.renew([claim], LEASE) == {}
        assert not other.request_stop("r")
        assert other.take_over("r", LEASE) is None
        assert [row.last for row in other.read("r", 0, 1000)] == [1]

    def test_a_stop_is_told_to_who_renews(self, log: Log, other: Log) -> None:
        claim, another = begun(log, "r"), begun(log, "another")
        assert other.request_stop("r")
        assert other.request_stop("r")
        told = log.renew([claim, another], LEASE)
        assert {claim.id: state.stopping for claim, state in told.items()} == {
            "r": True,
            "another": False,
        }

    # -- whose producer is dead -------------------------------------------------------------

    def test_a_run_that_is_kept_is_not_taken_over(self, log: Log, other: Log) -> None:
        claim = begun(log, "r", lease=0.01)
        assert log.renew([claim], LEASE)
        assert known(other, "r").leased
        assert other.take_over("r", LEASE) is None

    def test_one_takes_over_what_nobody_keeps(self, log: Log, other: Log) -> None:
        old = begun(log, "r", lease=0.01)
        log.write([Write(old, rows(1))])
        eventually(lambda: not known(other, "r").leased)
        new = other.take_over("r", LEASE)
        assert new == Claim("r", 2)
        assert log.take_over("r", LEASE) is None
        # Whoever was thought dead wakes up, and writes no more.
        assert log.write([Write(old, rows(1, after=1))]) == {old}
        assert log.renew([old], LEASE) == {}
        assert other.write([Write(new, rows(2, after=1), ends=True)]) == set()
        assert [row.last for row in log.read("r", 0, 1000)] == [1, 3]

    def test_a_lease_that_has_run_out_is_no_end(self, log: Log, other: Log) -> None:
        claim = begun(log, "r", lease=0.01)
        eventually(lambda: not known(other, "r").leased)
        assert log.write([Write(claim, rows(1))]) == set()  # nobody has noticed
        assert log.renew([claim], LEASE)
        assert known(other, "r").leased

    # -- to wait for more -------------------------------------------------------------------

    def test_what_is_there_is_not_waited_for(self, log: Log, other: Log) -> None:
        claim = begun(log, "r")
        begun(log, "silent")
        log.write([Write(claim, rows(2))])
        assert other.wait({"r": 0, "silent": 0}, _DEADLINE) == {"r"}
        assert other.wait({"r": 1, "silent": 0}, _DEADLINE) == {"r"}
        assert other.wait({"r": 2, "silent": 0}, 0.02) == set()

    @pytest.mark.parametrize("own", [True, False], ids=["of its own", "of another"])
    def test_a_write_ends_the_wait(self, log: Log, other: Log, own: bool) -> None:
        claim = begun(log, "r")
        writer = other if own else log
        writing = threading.Timer(0.05, lambda: writer.write([Write(claim, rows(1))]))
        writing.start()
        assert other.wait({"r": 0}, _DEADLINE) == {"r"}
        writing.join(_DEADLINE)

    def test_who_waits_is_woken(self, log: Log) -> None:
        begun(log, "r")
        waking = threading.Timer(0.05, log.wake)
        waking.start()
        assert log.wait({"r": 0}, _DEADLINE) == set()
        waking.join(_DEADLINE)
        log.wake()  # before it waits
        assert log.wait({"r": 0}, _DEADLINE) == set()

    def test_a_reader_sees_each_event_once(self, log: Log, other: Log) -> None:
        """One writes, and another process follows: what it reads is what was written."""
        claim, seen = begun(log, "r"), list[Row]()
        written = rows(*[1, 3, 2] * 100)

        def follow() -> None:
            last = 0
            while last < written[-1].last:
                other.wait({"r": last}, _DEADLINE)
                for row in other.read("r", last, 200):
                    seen.append(row)
                    last = row.last

        following = threading.Thread(target=follow)
        following.start()
        for at in range(0, len(written), 3):
            log.write([Write(claim, written[at : at + 3])])
        following.join(_DEADLINE)
        assert seen == written

    # -- to forget --------------------------------------------------------------------------

    def test_what_ended_long_ago_is_forgotten(self, log: Log, other: Log) -> None:
        once = Once("key", "hash")
        old = begun(log, "old", key="k", once=once)
        log.write([Write(old, rows(1), ends=True)])
        begun(log, "alive")
        assert log.expire(LEASE) == 0
        eventually(lambda: log.expire(0) == 1)
        assert log.state("old") is None
        assert other.read("old", 0, 1000) == []
        assert other.newest("ann", "k") is None
        assert other.wait({"old": 1}, _DEADLINE) == {"old"}
        assert known(other, "alive").leased
        assert begun(other, "again", once=once)

    def test_what_nobody_ended_is_forgotten_too(self, log: Log) -> None:
        claim = begun(log, "dead", lease=0.01)
        eventually(lambda: log.expire(0) == 1)
        assert log.write([Write(claim, rows(1))]) == {claim}

    def test_many_are_forgotten(self, log: Log) -> None:
        claims = [begun(log, f"r{number}") for number in range(250)]
        log.write([Write(claim, rows(1), ends=True) for claim in claims])
        forgotten = 0

        def all_are_forgotten() -> bool:
            nonlocal forgotten
            forgotten += log.expire(0)
            return forgotten == 250

        eventually(all_are_forgotten)
        assert log.states() == []

    def test_it_can_be_used_again(self, log: Log, tmp_path: Path) -> None:
        log.write([Write(begun(log, "r"), rows(1))])
        log.close()
        begun(log, "again")
        assert known(log, "again").leased


def begun(
    log: Log,
    id: str,
    owner: str = "ann",
    *,
    lease: float = LEASE,
    key: str | None = None,
    once: Once | None = None,
) -> Claim:
    """A run that begins."""
    claim = log.create(id, owner, lease, key=key, once=once)
    assert isinstance(claim, Claim)
    return claim


def known(log: Log, id: str) -> State:
    state = log.state(id)
    assert state is not None
    return state
