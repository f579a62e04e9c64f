"""`Log`: what each kind of log promises of the runs that it keeps.

A run is a list of rows. A row is one batch of events, which are counted on from 1:

    row    events   their numbers
    first  2        1, 2
    next   1        3

One process writes a run, and any number of processes read it. Who writes has a lease of the run,
and renews it. Once that has run out, another process may take the run over: from then on the first
one's token is an old one, and what it writes is refused (a *fencing token*), whenever it wakes up.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..errors import FlaskStreamError


class LogError(FlaskStreamError):
    """The log cannot be read or written now: what it is kept in is full, locked, away or broken."""


class BrokenRun(LogError):
    """What is kept of one run is not what was written; of others it may be."""


class Fenced(FlaskStreamError):
    """Who wanted to write a run may do so no more: it has ended, was taken over, or is expired."""


class OtherBody(FlaskStreamError):
    """A request has the `Idempotency-Key` of another one, and asks for something else."""


class TooMany(FlaskStreamError):
    """One owner has as many runs under way as one may have."""


@dataclass(frozen=True, slots=True)
class Row:
    """One batch of a run's events.

    :ivar last: the number of its last event.
    :ivar count: how many numbers it takes: as many as it has events, or more.
    :ivar data: what they are. No log looks into it.
    """

    last: int
    count: int
    data: bytes


class Claim(NamedTuple):
    """The right to write a run.

    :ivar token: it has been claimed so many times, this one counted.
    """

    id: str
    token: int


@dataclass(frozen=True, slots=True)
class Write:
    """Rows to be added to a run, and whether it ends with them."""

    claim: Claim
    rows: Sequence[Row] = ()
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Once:
    """What is to be answered once, however often it is asked for.

    :ivar key: the request's `Idempotency-Key`, with all that it counts for (its route).
    :ivar body: what tells one request's body from another's: a hash of it.
    """

    key: str
    body: str


@dataclass(frozen=True, slots=True)
class State:
    """What a log knows of a run, beside its rows.

    :ivar key: the app's own name for it, or None.
    :ivar last: the number of its last event; 0 where there is none yet.
    :ivar created: seconds since 1970.
    :ivar ended: its last row is there.
    :ivar lease: for how many seconds it is still claimed; below 0, whoever writes it is late.
    :ivar stopping: somebody has asked for its end.
    :ivar readers: how many read it, in all processes that have told.
    """

    id: str
    owner: str
    key: str | None
    last: int
    created: float
    ended: bool
    lease: float
    stopping: bool
    readers: int

    @property
    def leased(self) -> bool:
        """Whoever writes it has renewed the lease in time."""
        return self.lease > 0


class Log(ABC):
    """Keeps runs, for the processes that share it. All methods may be called from any thread.

    Each raises :exc:`LogError` where the log cannot be reached, within some seconds.
    """

    @abstractmethod
    def create(
        self,
        id: str,
        owner: str,
        lease: float,
        *,
        key: str | None = None,
        once: Once | None = None,
        most: int | None = None,
    ) -> Claim | str:
        """Begin a run.

        :param lease: for how many seconds it is claimed.
        :param most: how many runs that have not ended, and whose lease has not run out, the owner
            may have with this one.
        :returns: the claim; or the id of the run of that owner that has answered `once` already.
        :raises OtherBody: that one was asked for something else.
        :raises TooMany: there are so many already.
        """

    @abstractmethod
    def forget(self, claim: Claim) -> None:
        """It has come to nothing: there is no such run any more, unless the claim is an old one."""

    @abstractmethod
    def write(self, writes: Sequence[Write]) -> set[Claim]:
        """Add rows to runs: all of it is there when this returns, and none of it before.

        A row that is there already is passed over, so a write that may have failed may be made
        again.

        :returns: those that are fenced, of which nothing was written.
        :raises ValueError: a row does not go on where the one before it ended.
        """

    @abstractmethod
    def read(self, id: str, after: int, most: int) -> list[Row]:
        """The rows behind event number `after`, in order; the first one may begin before that.

        :param most: how many bytes are wanted; there may be one row more.
        """

    @abstractmethod
    def states(self, ids: Sequence[str]) -> Mapping[str, State]:
        """What is known of these runs. One that is not there, or not any more, is left out."""

    def state(self, id: str) -> State | None:
        """What is known of a run; None where there is none, or none any more."""
        return self.states([id]).get(id)

    @abstractmethod
    def newest(self, owner: str, key: str) -> str | None:
        """The id of the run that was begun last with this key of the app's."""

    @abstractmethod
    def answering(self, owner: str, once: str) -> str | None:
        """The id of the owner's run that answers what has this key of a :class:`Once`."""

    @abstractmethod
    def alive(self) -> list[State]:
        """All that have not ended, the oldest first."""

    @abstractmethod
    def renew(self, claims: Sequence[Claim], lease: float) -> Mapping[Claim, State]:
        """Keep what is claimed for some seconds more; those that are fenced are left out."""

    @abstractmethod
    def try_to_write(self) -> None:
        """Return once it could be written to. Nothing is."""

    @abstractmethod
    def attend(self, reader: str, counts: Mapping[str, int], seconds: float) -> None:
        """Tell how many read each of these runs in one process, for the next seconds.

        :param reader: names the process.
        :param counts: in the place of what it has told of them before. Of a run that is not there,
            nothing is kept.
        """

    @abstractmethod
    def take_over(self, id: str, lease: float) -> Claim | None:
        """Claim a run that nobody keeps; None where somebody does, or it has ended."""

    @abstractmethod
    def request_stop(self, id: str) -> bool:
        """Ask for its end. False where it has ended, or there is none."""

    @abstractmethod
    def wait(self, after: Mapping[str, int], seconds: float) -> set[str]:
        """Wait until there is more of one of these runs, or one is not there any more.

        One thread a process waits, for all that is followed there.

        :param after: of each, the number of the last event that is known.
        :returns: those; empty where the time is over, or :meth:`wake` was called.
        """

    @abstractmethod
    def wake(self) -> None:
        """Have this process's :meth:`wait` return at once; or the next one, where none is."""

    @abstractmethod
    def expire(self, seconds: float) -> int:
        """Forget runs that ended so long ago, and ones whose lease ran out so long ago.

        No more at once than leaves others their turn: who calls it calls again, a moment later,
        until there was none.

        :returns: how many.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of what is open. It may be used again, and opens it anew."""


def new_rows(write: Write, token: int, last: int, *, ended: bool) -> Sequence[Row]:
    """Those of a write that are not there yet.

    :param token: the run's, by now.
    :param last: the number of its last event.
    :raises Fenced: the write's claim is an old one, or the run has ended without these rows.
    :raises ValueError: a row is missing before one of them.
    """
    rows = [row for row in write.rows if row.last > last]
    if token != write.claim.token or (ended and rows):
        raise Fenced(write.claim.id)
    for row in rows:
        if row.last - row.count != last:
            raise ValueError(
                f"Run {write.claim.id}: a row of {row.count} events, up to number {row.last}, does "
                f"not go on where event number {last} was the last."
            )
        last = row.last
    return rows


def some(rows: Iterable[Row], most: int) -> list[Row]:
    """As many rows as have so many bytes, and one more where that is in the middle of it."""
    taken, size = [], 0
    for row in rows:
        taken.append(row)
        size += len(row.data)
        if size >= most:
            break
    return taken
