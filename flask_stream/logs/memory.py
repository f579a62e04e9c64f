"""A log in this process's memory: for tests, and for one process that may forget."""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from .log import (
    Claim,
    Fenced,
    Log,
    Once,
    OtherBody,
    Row,
    State,
    TooMany,
    Write,
    new_rows,
    some,
)

_last = attrgetter("last")


@dataclass(slots=True)
class _Run:
    id: str
    owner: str
    key: str | None
    once: Once | None
    created: float
    leased_until: float
    token: int = 1
    rows: list[Row] = field(default_factory=list)
    ended_at: float | None = None
    stopping: bool = False
    readers: dict[str, tuple[int, float]] = field(default_factory=dict)  # how many, until when

    @property
    def last(self) -> int:
        return self.rows[-1].last if self.rows else 0

    @property
    def state(self) -> State:
        now = time.time()
        return State(
            id=self.id,
            owner=self.owner,
            key=self.key,
            last=self.last,
            created=self.created,
            ended=self.ended_at is not None,
            lease=self.leased_until - now,
            stopping=self.stopping,
            readers=sum(count for count, until in self.readers.values() if until > now),
        )


class MemoryLog(Log):
    """Keeps runs as long as the process lives."""

    def __init__(self) -> None:
        self._runs: dict[str, _Run] = {}  # the oldest first
        self._changed = threading.Condition()
        self._is_woken = False

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
        with self._changed:
            found = self._answering(owner, once.key) if once else None
            if once and found is not None:
                if found.once != once:
                    raise OtherBody(once.key)
                return found.id
            now = time.time()
            if most is not None and most <= sum(
                run.owner == owner and run.ended_at is None and run.leased_until > now
                for run in self._runs.values()
            ):
                raise TooMany(owner)
            self._runs[id] = _Run(id, owner, key, once, now, now + lease)
            return Claim(id, 1)

    def forget(self, claim: Claim) -> None:
        with self._changed:
            run = self._runs.get(claim.id)
            if run is not None and run.token == claim.token:
                del self._runs[claim.id]
            self._changed.notify_all()

    def write(self, writes: Sequence[Write]) -> set[Claim]:
        fenced = set()
        with self._changed:
            for write in writes:
                try:
                    self._write(write)
                except Fenced:
                    fenced.add(write.claim)
            self._changed.notify_all()
        return fenced

    def _write(self, write: Write) -> None:
        """:raises Fenced: its claim is no claim any more."""
        run = self._runs.get(write.claim.id)
        if run is None:
            raise Fenced(write.claim.id)
        run.rows += new_rows(write, run.token, run.last, ended=run.ended_at is not None)
        if write.ends and run.ended_at is None:
            run.ended_at = time.time()

    def read(self, id: str, after: int, most: int) -> list[Row]:
        with self._changed:
            run = self._runs.get(id)
            if run is None:
                return []
            first = bisect_right(run.rows, after, key=_last)
            return some((run.rows[at] for at in range(first, len(run.rows))), most)

    def states(self, ids: Sequence[str]) -> Mapping[str, State]:
        with self._changed:
            return {id: run.state for id in ids if (run := self._runs.get(id))}

    def newest(self, owner: str, key: str) -> str | None:
        with self._changed:
            for run in reversed(self._runs.values()):
                if (run.owner, run.key) == (owner, key):
                    return run.id
            return None

    def answering(self, owner: str, once: str) -> str | None:
        with self._changed:
            run = self._answering(owner, once)
            return run.id if run else None

    def _answering(self, owner: str, once: str) -> _Run | None:
        for run in self._runs.values():
            if run.owner == owner and run.once and run.once.key == once:
                return run
        return None

    def alive(self) -> list[State]:
        with self._changed:
            return [run.state for run in self._runs.values() if run.ended_at is None]

    def renew(self, claims: Sequence[Claim], lease: float) -> Mapping[Claim, State]:
        kept = {}
        with self._changed:
            for claim in claims:
                run = self._runs.get(claim.id)
                if run is not None and run.token == claim.token and run.ended_at is None:
                    run.leased_until = time.time() + lease
                    kept[claim] = run.state
        return kept

    def try_to_write(self) -> None:
        """It always can."""

    def attend(self, reader: str, counts: Mapping[str, int], seconds: float) -> None:
        with self._changed:
            for id, count in counts.items():
                if id in self._runs:
                    self._runs[id].readers[reader] = count, time.time() + seconds

    def take_over(self, id: str, lease: float) -> Claim | None:
        with self._changed:
            run = self._runs.get(id)
            if run is None or run.ended_at is not None or run.state.leased:
                return None
            run.token += 1
            run.leased_until = time.time() + lease
            return Claim(id, run.token)

    def request_stop(self, id: str) -> bool:
        with self._changed:
            run = self._runs.get(id)
            if run is None or run.ended_at is not None:
                return False
            run.stopping = True
            return True

    def wait(self, after: Mapping[str, int], seconds: float) -> set[str]:
        end = time.monotonic() + seconds
        with self._changed:
            while True:
                runs = {id: self._runs.get(id) for id in after}
                more = {id for id, run in runs.items() if run is None or run.last > after[id]}
                left = end - time.monotonic()
                if more or left <= 0 or self._is_woken:
                    self._is_woken = False
                    return more
                self._changed.wait(left)

    def wake(self) -> None:
        with self._changed:
            self._is_woken = True
            self._changed.notify_all()

    def expire(self, seconds: float) -> int:
        before = time.time() - seconds
        with self._changed:
            old = [
                run.id
                for run in self._runs.values()
                if (run.leased_until if run.ended_at is None else run.ended_at) <= before
            ]
            for id in old:
                del self._runs[id]
            self._changed.notify_all()
        return len(old)

    def close(self) -> None:
        self.wake()
