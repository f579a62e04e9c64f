"""What a log has to do with the rows of a run: keep them, and give them to who waits."""

from __future__ import annotations

import threading

import pytest

from ..logs.log import Log, Row, Write
from .log_case import DEADLINE, LONG, LogCase, begun, ends_early, known, rows


class RowsContract(LogCase):
    """A part of `LogContract`."""

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

    # -- to wait for more -------------------------------------------------------------------

    def test_what_is_there_is_not_waited_for(self, log: Log, other: Log) -> None:
        claim = begun(log, "r")
        begun(log, "silent")
        log.write([Write(claim, rows(2))])
        assert other.wait({"r": 0, "silent": 0}, DEADLINE) == {"r"}
        assert other.wait({"r": 1, "silent": 0}, DEADLINE) == {"r"}
        assert other.wait({"r": 2, "silent": 0}, 0.02) == set()

    @pytest.mark.parametrize("own", [True, False], ids=["of its own", "of another"])
    def test_a_write_ends_the_wait(self, log: Log, other: Log, own: bool) -> None:
        claim = begun(log, "r")
        writer = other if own else log
        writing = threading.Timer(0.05, lambda: writer.write([Write(claim, rows(1))]))
        writing.start()
        with ends_early():
            assert other.wait({"r": 0}, LONG) == {"r"}
        writing.join(DEADLINE)

    def test_who_waits_is_woken(self, log: Log) -> None:
        begun(log, "r")
        waking = threading.Timer(0.05, log.wake)
        waking.start()
        with ends_early():
            assert log.wait({"r": 0}, LONG) == set()
        waking.join(DEADLINE)
        log.wake()  # before it waits
        with ends_early():
            assert log.wait({"r": 0}, LONG) == set()

    def test_a_reader_sees_each_event_once(self, log: Log, other: Log) -> None:
        """One writes, and another process follows: what it reads is what was written."""
        claim, seen = begun(log, "r"), list[Row]()
        written = rows(*[1, 3, 2] * 100)

        def follow() -> None:
            last = 0
            while last < written[-1].last:
                other.wait({"r": last}, DEADLINE)
                for row in other.read("r", last, 200):
                    seen.append(row)
                    last = row.last

        following = threading.Thread(target=follow)
        following.start()
        for at in range(0, len(written), 3):
            log.write([Write(claim, written[at : at + 3])])
        following.join(DEADLINE)
        assert seen == written
