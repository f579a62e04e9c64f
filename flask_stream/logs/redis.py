"""A log in Redis, or Valkey, which all processes of many machines share."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .log import BrokenRun, Claim, Log, Once, OtherBody, Row, State, TooMany, Write, new_rows
from .redis_scripts import (
    ALIVE,
    ANSWERING,
    ATTEND,
    CREATE,
    EXPIRE,
    FORGET,
    LASTS,
    NEWEST,
    READ,
    RENEW,
    STATES,
    STOP,
    TAKE_OVER,
    WAKE,
    WRITE,
    rows_of,
    wake_of,
)
from .redis_server import RedisServer

_NOTHING = "flask-stream:nothing"  # a key that is never there
# Seconds: a blocked read hears of new rows at once, but not of a run that was forgotten.
_LOOKS_ANYWAY = 1.0
_WOKEN = 10_000  # milliseconds: for what nobody has waited for after all
_AT_ONCE = 100  # runs in one step; while it is taken, Redis does nothing else


class RedisLog(Log):
    """Keeps runs in the database of a Redis 6.0 or later, or of a Valkey.

    What is written is as safe as that Redis keeps it: with `appendonly yes` and `appendfsync
    always` a crash loses nothing of it, and with what Redis does unless told, all that has come
    since the last snapshot. A replica that takes over lacks what had not reached it. What a full
    memory evicts is gone, so the `maxmemory-policy` must be `noeviction`, or a `volatile-…` one.

    A Redis Cluster is not supported.

    :param url: as redis-py has it: `redis://`, `rediss://` for TLS, or `unix://`, with a user and a
        password. An app has a database, or a Redis, of its own: `redis://HOST/1`.
    :raises FlaskStreamError: redis-py is missing, or the URL cannot be used.
    """

    def __init__(self, url: str) -> None:
        self._server = RedisServer(url)
        self._name = uuid.uuid4().hex
        self._is_waiting = self._is_woken = False

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
        given: list[str] = []
        if key is not None:
            given += "key", key
        if once is not None:
            given += "once", once.key, "body", once.body
        by = uuid.uuid4().hex
        limit = "" if most is None else most
        answer, *other = self._server.run(CREATE, id, owner, _micro(lease), by, limit, *given)
        if answer == b"answered":
            return str(other[0], "utf-8")
        if answer == b"other body":
            raise OtherBody(once and once.key)
        if answer == b"too many":
            raise TooMany(owner)
        return Claim(id, 1)

    def forget(self, claim: Claim) -> None:
        self._server.run(FORGET, claim.id, claim.token)

    def write(self, writes: Sequence[Write]) -> set[Claim]:
        arguments: list[str | int | bytes] = []
        for write in writes:
            arguments += write.claim.id, write.claim.token, int(write.ends), len(write.rows)
            for row in write.rows:
                arguments += row.last, row.count, row.data
        fenced = set()
        for write, outcome in zip(writes, self._server.run(WRITE, *arguments), strict=True):
            if isinstance(outcome, list):
                new_rows(write, write.claim.token, int(outcome[0]), ended=False)
            elif not outcome:
                fenced.add(write.claim)
        return fenced

    def read(self, id: str, after: int, most: int) -> list[Row]:
        last, *found = self._server.run(READ, id, after, most) or [after]
        fields = zip(found[::3], found[1::3], found[2::3], strict=True)
        rows = [Row(int(last), int(count), data) for last, count, data in fields]
        begins = rows[0].last - rows[0].count if rows else int(last)
        if begins > after:
            raise BrokenRun(
                f"Run {id}: of its {int(last)} events those behind number {after} are gone, though "
                "nobody has forgotten them. Redis evicts what it has no room for unless its "
                "maxmemory-policy is noeviction, or a volatile- one."
            )
        return rows

    def states(self, ids: Sequence[str]) -> Mapping[str, State]:
        found = (each for some in _in_steps(ids) for each in self._server.run(STATES, *some))
        return {state.id: state for state in (_state(*each) for each in found if each)}

    def newest(self, owner: str, key: str) -> str | None:
        found = self._server.run(NEWEST, owner, key)
        return None if found is None else str(found, "utf-8")

    def answering(self, owner: str, once: str) -> str | None:
        found = self._server.run(ANSWERING, owner, once)
        return None if found is None else str(found, "utf-8")

    def alive(self) -> list[State]:
        ids = [str(id, "utf-8") for id in self._server.run(ALIVE)]
        return [state for state in self.states(ids).values() if not state.ended]

    def renew(self, claims: Sequence[Claim], lease: float) -> Mapping[Claim, State]:
        kept: dict[Claim, State] = {}
        for some in _in_steps(claims):
            arguments = [each for claim in some for each in (claim.id, claim.token)]
            states = self._server.run(RENEW, _micro(lease), *arguments)
            for claim, found in zip(some, states, strict=True):
                if found:
                    kept[claim] = _state(*found)
        return kept

    def try_to_write(self) -> None:
        self._server.run(LASTS, _NOTHING)  # it deletes that key, which no replica can

    def attend(self, reader: str, counts: Mapping[str, int], seconds: float) -> None:
        for some in _in_steps([*counts.items()]):
            arguments = [each for count in some for each in count]
            self._server.run(ATTEND, reader, _micro(seconds), *arguments)

    def take_over(self, id: str, lease: float) -> Claim | None:
        token = self._server.run(TAKE_OVER, id, _micro(lease), uuid.uuid4().hex)
        return None if token is None else Claim(id, int(token))

    def request_stop(self, id: str) -> bool:
        return bool(self._server.run(STOP, id))

    def wait(self, after: Mapping[str, int], seconds: float) -> set[str]:
        end = time.monotonic() + seconds
        self._is_waiting = True
        try:
            while not self._is_woken:
                lasts = zip(after, self._server.run(LASTS, self._wake, *after), strict=True)
                more = {id for id, last in lasts if last is None or int(last) > after[id]}
                left = end - time.monotonic()
                if more or left <= 0:
                    return more
                if not self._is_woken:  # the look may have taken the row that tells
                    self._block(after, min(left, _LOOKS_ANYWAY))
            self._is_woken = False
            return set()
        finally:
            self._is_waiting = False

    def _block(self, after: Mapping[str, int], seconds: float) -> None:
        """Until there is a row of one of them, or this process is woken; at most so long."""
        milliseconds = max(1, round(seconds * 1000))  # 0 would be for ever
        runs = [rows_of(id) for id in after]
        places = [f"{last}-0" for last in after.values()]
        begin = ("XREAD", "COUNT", 1, "BLOCK", milliseconds, "STREAMS")
        self._server.ask(*begin, self._wake, *runs, "0-0", *places)

    @property
    def _wake(self) -> str:
        return wake_of(f"{self._name}:{os.getpid()}")  # a fork's child has a stream of its own

    def wake(self) -> None:
        self._is_woken = True
        if self._is_waiting:  # where Redis does not hear of it, that wait ends by itself
            self._server.tell(WAKE, self._wake, _WOKEN)

    def expire(self, seconds: float) -> int:
        return int(self._server.run(EXPIRE, _micro(seconds), _AT_ONCE))

    def close(self) -> None:
        self.wake()
        self._server.close()


def _in_steps(all: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (all[at : at + _AT_ONCE] for at in range(0, len(all), _AT_ONCE))


def _micro(seconds: float) -> int:
    return round(seconds * 1_000_000)


def _state(
    id: bytes,
    owner: bytes,
    key: bytes | None,
    last: bytes,
    created: bytes,
    ended: int,
    lease: int,
    stopping: int,
    readers: int,
) -> State:
    return State(
        id=str(id, "utf-8"),
        owner=str(owner, "utf-8"),
        key=None if key is None else str(key, "utf-8"),
        last=int(last),
        created=int(created) / 1_000_000,
        ended=bool(ended),
        lease=lease / 1_000_000,
        stopping=bool(stopping),
        readers=readers,
    )
