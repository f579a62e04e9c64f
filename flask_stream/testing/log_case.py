"""What the tests of all logs begin with."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ..logs.log import Claim, Log, Once, Row, State

LEASE = 60.0
DEADLINE = 30.0  # seconds, for what takes a moment
LONG = 10 * DEADLINE  # for a wait that is to end before its time


def rows(*counts: int, after: int = 0) -> list[Row]:
    """Rows of so many events each, whose data says which they are."""
    made = []
    for count in counts:
        after += count
        made.append(Row(after, count, f"up to {after}".encode()))
    return made


def eventually(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < end, "It has not come to that."
        time.sleep(0.005)


@contextmanager
def ends_early() -> Iterator[None]:
    """For a wait of `LONG`: by itself it would have the same result."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < DEADLINE, "It has waited for its whole time."


class LogCase:
    """Opens the log of a test, and the same one as another process has it."""

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


def begun(
    log: Log,
    id: str,
    owner: str = "ann",
    *,
    lease: float = LEASE,
    key: str | None = None,
    once: Once | None = None,
    most: int | None = None,
) -> Claim:
    """A run that begins."""
    claim = log.create(id, owner, lease, key=key, once=once, most=most)
    assert isinstance(claim, Claim)
    return claim


def known(log: Log, id: str) -> State:
    state = log.state(id)
    assert state is not None
    return state
