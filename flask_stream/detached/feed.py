"""`Feed`: what this process knows of one run, for all who follow it here.

A producer of this process gives it each batch at once, and else `reading` what has come to the
log. It keeps the latest ones; who is further behind reads the log.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from ..events import Event

_KEPT = 131_072  # bytes of a feed's latest pieces, beside those that are not in the log yet


@dataclass(frozen=True, slots=True)
class Piece:
    """One row of a run, as its events.

    :ivar last: the number of its last event. Those before it are numbered backwards from there.
    :ivar count: how many numbers it takes: more than it has events where some were lost.
    :ivar size: of its row, in bytes.
    """

    last: int
    count: int
    events: tuple[Event, ...]
    size: int


class Waiting(Protocol):
    """Who waits for more of a run.

    :ivar number: of the last event that it knows.
    """

    number: int

    @property
    def is_to_end(self) -> bool:
        """It waits no more; see `Feed.wake`."""

    def push(self, piece: Piece) -> bool:
        """Take a piece in the thread that has it, without waiting. False: it is to be woken."""


class Feed:
    """One run's latest pieces.

    :ivar last: the number of the last event that is known here.
    :ivar over: nothing comes any more: its last event is known, or `is_gone`.
    :ivar is_gone: the log has no such run any more, or cannot be read.
    :ivar is_local: it is produced in this process.
    :ivar followers: how many follow it here.
    """

    def __init__(self, id: str, last: int = 0) -> None:
        self.id = id
        self.last = last
        self.over = self.is_gone = False
        self.is_local = False
        self.followers = 0
        self._pieces: deque[Piece] = deque()
        self._size = 0
        self._in_log = last
        self._waiting: dict[Waiting, None] = {}  # in their order
        # Looked up now: gevent may have put its own in its place since this was imported.
        self._changed = threading.Condition()

    def add(self, piece: Piece, *, over: bool = False) -> None:
        """It goes on, and ends with that where it is over. What is known already is passed over."""
        with self._changed:
            if piece.last <= self.last:
                return
            self._pieces.append(piece)
            self._size += piece.size
            self.last, self.over = piece.last, over
            self._trim()
            # To wake a thread costs more than what it does with a word, so most are not woken.
            if over or [each for each in self._waiting if not each.push(piece)]:
                self._changed.notify_all()

    def note_in_log(self, last: int) -> None:
        """All up to this number can be read in the log."""
        self._in_log = max(self._in_log, last)
        if self._size > _KEPT:
            with self._changed:
                self._trim()

    def lose(self) -> None:
        """There is no such run any more."""
        with self._changed:
            self.over = self.is_gone = True
            self._changed.notify_all()

    def wake(self) -> None:
        """Have those who wait look again at what they wait for."""
        with self._changed:
            self._changed.notify_all()

    def more_for(self, waiting: Waiting) -> list[Piece] | None:
        """What comes behind the last event that it knows, once there is more.

        :returns: nothing where it is over, or is to end; None where it is in the log alone.
        """
        with self._changed:
            self._waiting[waiting] = None
            try:
                while self.last <= waiting.number and not self.over and not waiting.is_to_end:
                    self._changed.wait()
            finally:
                del self._waiting[waiting]
            number = waiting.number
            if self.last <= number or waiting.is_to_end:
                return []
            if not self._pieces or self._pieces[0].last - self._pieces[0].count > number:
                return None
            newer: list[Piece] = []
            for piece in reversed(self._pieces):  # mostly it is the latest one
                if piece.last <= number:
                    break
                newer.append(piece)
            return newer[::-1]

    def _trim(self) -> None:
        while self._size > _KEPT and self._pieces[0].last <= self._in_log:
            self._size -= self._pieces.popleft().size
