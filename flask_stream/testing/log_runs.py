"""What a log has to know of its runs: how they begin, are kept, end and are forgotten."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from ..logs.log import Claim, Log, Once, OtherBody, State, TooMany, Write
from .log_case import DEADLINE, LEASE, LogCase, begun, eventually, known, rows


class RunsContract(LogCase):
    """A part of `LogContract`."""

    # -- to begin a run ---------------------------------------------------------------------

    def test_a_run_that_begins_is_known_and_empty(self, log: Log, other: Log) -> None:
        before = time.time()
        assert begun(log, "r", "ann", key="chat:42") == Claim("r", 1)
        state = known(other, "r")
        assert before - 1 <= state.created <= time.time() + 1
        assert LEASE - DEADLINE < state.lease <= LEASE
        assert state.leased
        assert state == State(
            "r", "ann", "chat:42", 0, state.created, False, state.lease, False, readers=0
        )
        assert other.read("r", 0, 1000) == []
        assert [each.id for each in other.alive()] == ["r"]

    def test_what_never_was_is_not_known(self, log: Log) -> None:
        assert log.state("r") is None
        assert log.read("r", 0, 1000) == []
        assert log.newest("ann", "chat:42") is None
        assert log.alive() == []
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
        assert other.answering("ann", once.key) == "first"
        assert other.answering("bob", once.key) is None

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
                ready.wait(DEADLINE)
                answers.append(at.create(id, "ann", LEASE, once=once))

            asking = [
                threading.Thread(target=ask, args=(at, f"{turn} {number}"))
                for number, at in enumerate([log, other, log, other])
            ]
            for thread in asking:
                thread.start()
            for thread in asking:
                thread.join(DEADLINE)
            [claim] = [answer for answer in answers if isinstance(answer, Claim)]
            assert sorted(answers, key=str) == sorted([claim, *[claim.id] * 3], key=str)

    def test_what_came_to_nothing_never_was(self, log: Log, other: Log) -> None:
        once = Once("key", "hash")
        claim = begun(log, "r", key="k", once=once)
        other.attend("here", {"r": 1}, LEASE)
        log.forget(claim)
        assert other.state("r") is None
        assert other.newest("ann", "k") is None
        assert other.wait({"r": 0}, DEADLINE) == {"r"}
        assert log.write([Write(claim, rows(1))]) == {claim}
        again = begun(other, "again", once=once)
        log.forget(claim)  # a second time
        log.forget(Claim("again", again.token + 1))  # not this one's
        assert known(log, "again").leased

    def test_an_owner_has_only_so_many_under_way(self, log: Log, other: Log) -> None:
        once = Once("key", "hash")
        first = begun(log, "first", once=once, most=2)
        begun(other, "second", most=2)
        with pytest.raises(TooMany):
            log.create("third", "ann", LEASE, most=2)
        assert other.state("third") is None
        assert other.create("again", "ann", LEASE, once=once, most=2) == "first"
        assert begun(log, "of bob", "bob", most=2)
        log.write([Write(first, rows(1), ends=True)])
        assert begun(other, "third", most=2, lease=0.01)
        eventually(lambda: not known(log, "third").leased)
        assert begun(log, "fourth", most=2)

    # -- its end ----------------------------------------------------------------------------

    def test_behind_its_end_is_nothing(self, log: Log, other: Log) -> None:
        claim = begun(log, "r")
        log.write([Write(claim, rows(1), ends=True)])
        state = known(other, "r")
        assert (state.ended, state.last) == (True, 1)
        assert other.alive() == []
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

    def test_who_reads_is_counted(self, log: Log, other: Log) -> None:
        claim = begun(log, "r")
        begun(log, "another")
        other.attend("here", {"r": 2, "another": 1, "unknown": 7}, LEASE)
        other.attend("there", {"r": 3}, LEASE)
        assert [known(log, "r").readers, known(log, "another").readers] == [5, 1]
        log.attend("here", {"r": 1}, LEASE)
        log.attend("there", {"r": 0}, LEASE)
        assert log.renew([claim], LEASE)[claim].readers == 1
        assert {each.id: each.readers for each in log.alive()} == {"r": 1, "another": 1}
        assert log.state("unknown") is None
        assert log.states(["unknown"]) == {}
        assert log.answering("ann", "unknown") is None
        log.attend("here", {"r": 4}, 0.01)
        eventually(lambda: known(other, "r").readers == 0)

    # -- whose producer is dead -------------------------------------------------------------

    def test_a_run_that_is_kept_is_not_taken_over(self, log: Log, other: Log) -> None:
        claim = begun(log, "r", lease=0.01)
        assert log.renew([claim], LEASE)
        assert known(other, "r").leased
        assert other.take_over("r", LEASE) is None

    def test_it_can_be_written_to(self, log: Log) -> None:
        log.try_to_write()
        begun(log, "r")
        log.try_to_write()
        assert [state.id for state in log.alive()] == ["r"]

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
        assert other.wait({"old": 1}, DEADLINE) == {"old"}
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
        assert log.alive() == []

    def test_it_can_be_used_again(self, log: Log, tmp_path: Path) -> None:
        log.write([Write(begun(log, "r"), rows(1))])
        log.close()
        begun(log, "again")
        assert known(log, "again").leased
