"""`LogWriter`: one thread a process, which writes what its producers have, and keeps their leases.

A commit costs the same for one row as for forty, so all of a process's rows go together, at most
every 20 ms. The watcher (see `watch`) does none of this: a log may make who asks it wait.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Protocol
from weakref import WeakValueDictionary

from .. import advice
from ..errors import FlaskStreamError
from ..logs.log import Claim, Fenced, Log, LogError, Row, State, Write
from ..told import logger

_TOGETHER = 0.02  # seconds from one write to the next
_RENEWALS = 0.5  # seconds: within 1 s a stop reaches who produces the run
_ATTENDANCE = 10.0  # seconds for which it is told how many read here
_EXPIRIES = 60.0  # seconds
TURN = 0.05  # seconds between two steps of one: all who write want their turn


class Leased(Protocol):
    """Who has the claim of a run. The writer's thread calls these, so none may take long."""

    claim: Claim

    def written(self, last: int, *, ends: bool) -> None:
        """All up to this number is in the log."""

    def lost(self, error: FlaskStreamError) -> None:
        """Nothing more will be written: `Fenced`, or the log cannot be used."""

    def told(self, state: State) -> None:
        """What the log knows of the run by now."""


class _Waiting:
    """What is to be written of one run."""

    def __init__(self, leased: Leased) -> None:
        self.leased = leased
        self.rows: list[Row] = []
        self.ends = False


class LogWriter:
    """Writes to one log.

    :param lease: seconds that a claim is worth.
    :param ttl: seconds from a run's end until it is forgotten.
    :param counts: of each run that is followed in this process, by how many.
    """

    def __init__(
        self, log: Log, lease: float, ttl: float, counts: Callable[[], Mapping[str, int]]
    ) -> None:
        self._log = log
        self._lease = lease
        self._ttl = ttl
        self._counts = counts
        self._name = secrets.token_hex(8)
        # Looked up now: gevent may have put its own in its place since this was imported.
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        # Weakly: a run that nobody will produce any more is not kept for ever.
        self._leased: WeakValueDictionary[Claim, Leased] = WeakValueDictionary()
        self._waiting: dict[Claim, _Waiting] = {}
        self._is_urgent = False  # one of them ends
        self._written_at = self._renew_at = self._expire_at = 0.0
        self._needed_until = 0.0  # by then, what has ended here is forgotten
        self._attending: Mapping[str, int] = {}  # as was told
        self._attended_at = 0.0  # when it was: a while later, the log drops it by itself

    def keep(self, leased: Leased) -> None:
        """Renew its claim from now on, as long as somebody has it."""
        with self._changed:
            self._leased[leased.claim] = leased
        self.start()

    def drop(self, leased: Leased) -> None:
        """Renew it no more, and write nothing more of it: it has ended, or is lost."""
        with self._changed:
            self._leased.pop(leased.claim, None)
            self._waiting.pop(leased.claim, None)
            self._needed_until = time.monotonic() + self._ttl + 2 * self._expiries

    def add(self, leased: Leased, row: Row, *, ends: bool) -> None:
        """Have a row written, and the run ended where it is the last one."""
        with self._changed:
            if leased.claim not in self._leased:
                return  # it is being told that it is lost
            is_first = not self._waiting  # the others are written with it
            waiting = self._waiting.get(leased.claim)
            if waiting is None:
                waiting = self._waiting[leased.claim] = _Waiting(leased)
            waiting.rows.append(row)
            if ends:
                waiting.ends = self._is_urgent = True
            if is_first or ends:
                self._changed.notify_all()

    def start(self) -> None:
        """There is something to do: see that the thread does it. It stays for a while."""
        with self._changed:
            self._stay()
            self._changed.notify_all()

    def close_when_idle(self) -> None:
        """Somebody else has used the log, which is to be closed once nothing is done with it."""
        with self._changed, suppress(RuntimeError):  # no thread can begin: then it stays open
            self._stay()

    def _stay(self) -> None:
        self._needed_until = max(self._needed_until, time.monotonic() + self._expiries)
        if self._thread is None:
            thread = threading.Thread(target=self._work, name="flask-stream-writer", daemon=True)
            thread.start()
            self._thread = thread

    def renew_now(self) -> None:
        """Something is known of a run that its producer here should be told."""
        with self._changed:
            self._renew_at = 0.0
            self._changed.notify_all()

    @property
    def _expiries(self) -> float:
        return min(_EXPIRIES, self._ttl / 2)

    def _work(self) -> None:
        while self._wait():
            try:
                with self._changed:
                    waiting, self._waiting = list(self._waiting.values()), {}
                    self._is_urgent = False
                if waiting:
                    self._write(waiting)
                self._do_what_is_due(time.monotonic())
            except LogError as error:
                advice.of_log(error)
            except Exception:  # the next time may go better, and without it nothing is written
                logger.exception("Flask-Stream's writer failed")
        self._log.close()

    def _wait(self) -> bool:
        """Wait for what is to be done. False where nothing will be: then the thread has ended."""
        with self._changed:
            while not self._waiting:
                due = self._due()
                if due is None:
                    self._thread = None
                    return False
                left = due - time.monotonic()
                if left <= 0:
                    return True
                self._changed.wait(left)
            while not self._is_urgent:
                left = self._written_at + _TOGETHER - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            return True

    def _due(self) -> float | None:
        """When something is to be done, on the monotonic clock; None: never."""
        if self._leased or self._attending or self._counts():
            return min(self._renew_at, self._expire_at)
        if time.monotonic() < self._needed_until:
            return self._expire_at
        return None

    def _write(self, waiting: list[_Waiting]) -> None:
        writes = [Write(each.leased.claim, each.rows, each.ends) for each in waiting]
        self._written_at = time.monotonic()
        try:
            fenced = self._log.write(writes)
        except Exception as error:
            if len(waiting) > 1 and not isinstance(error, LogError):
                for each in waiting:  # what is wrong with one of them is not with the others
                    self._write([each])
                return
            if not isinstance(error, LogError | ValueError):
                logger.exception("Flask-Stream's log failed")
            for each in waiting:
                self._lose(each.leased, LogError(f"The run could not be written: {error}"))
            return
        for each in waiting:
            leased, claim = each.leased, each.leased.claim
            if each.ends:
                self.drop(leased)
            if claim in fenced:
                self._lose(leased, Fenced(claim.id))
            else:
                leased.written(each.rows[-1].last, ends=each.ends)

    def _lose(self, leased: Leased, error: FlaskStreamError) -> None:
        self.drop(leased)
        try:
            leased.lost(error)
        except Exception:  # the others are to be told, too
            logger.exception("Run %s: telling that it is lost failed", leased.claim.id)

    def _do_what_is_due(self, now: float) -> None:
        if now >= self._renew_at:
            self._renew_at = now + min(_RENEWALS, self._lease / 4)
            self._renew()
            self._attend(now)
        if now >= self._expire_at:
            self._expire_at = now + self._expiries
            if self._log.expire(self._ttl):  # there may be more
                self._expire_at = time.monotonic() + TURN
                self._needed_until = max(self._needed_until, now + self._expiries)

    def _attend(self, now: float) -> None:
        counts = dict(self._counts())
        if not counts and now >= self._attended_at + _ATTENDANCE:
            self._attending = {}  # a log that is away for good is not tried for ever
        is_fresh = now < self._attended_at + _ATTENDANCE / 3
        if counts == self._attending and (not counts or is_fresh):
            return
        self._log.attend(self._name, dict.fromkeys(self._attending, 0) | counts, _ATTENDANCE)
        self._attending, self._attended_at = counts, time.monotonic()

    def _renew(self) -> None:
        with self._changed:
            leased = dict(self._leased.items())  # which keeps them alive meanwhile
        if not leased:
            return
        states = self._log.renew([*leased], self._lease)
        for claim, each in leased.items():
            state = states.get(claim)
            if state is not None:
                each.told(state)
            elif claim in self._leased:
                self._lose(each, Fenced(claim.id))
