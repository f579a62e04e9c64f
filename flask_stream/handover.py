"""`Handover`: what many give, bounded, and one reader takes in order: all that is there at a time.

No lock is held while anything changes: each step is one that Python does whole. So a signal handler
may give something, though it has interrupted one who gives, or the reader.
"""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from typing import Generic, Protocol, TypeVar

from .waiting import Waiter, waiter

T = TypeVar("T")


class Wakeable(Protocol):
    """Whoever waits for room."""

    def wake(self) -> None:
        """From any thread."""


class Handover(Generic[T]):
    """Between those who give and the one who takes.

    :param size: how many items may be there that nobody has taken.
    :ivar ended: nothing more is given.
    :ivar left: the reader takes nothing more.
    :ivar error: what it has ended by, or None.
    """

    def __init__(self, size: int) -> None:
        self.ended = self.left = False
        self.error: BaseException | None = None
        self._items: deque[T] = deque()
        self._room: deque[None] = deque([None] * size)  # a place each
        self._may_end: deque[None] = deque([None])
        self._reader: Waiter | None = None
        self._givers: deque[Wakeable] = deque()
        self._closing: deque[Wakeable] = deque()  # who waits for the end, beside the reader

    @property
    def over(self) -> bool:
        """Nothing can be given any more."""
        return self.ended or self.left

    # -- for those who give -----------------------------------------------------------------

    def offer(self, item: T) -> bool:
        """Give it, if there is room, and it is not over."""
        if self.over:
            return False
        try:
            self._room.pop()
        except IndexError:
            return False
        self._items.append(item)
        self._wake_reader()
        return True

    def put(self, item: T) -> bool:
        """Give it, once there is room. False: it is over."""
        while not self.offer(item):
            if self.over:
                return False
            waiting = waiter()
            self.await_room(waiting)
            try:
                waiting.wait()
            except BaseException:
                self.forget(waiting)
                raise
        return True

    def await_room(self, giver: Wakeable) -> None:
        """Have it woken once there may be room, or it is over."""
        self._givers.append(giver)
        if self._room or self.over:  # since it was asked
            with suppress(ValueError):  # somebody has woken it
                self._givers.remove(giver)
            giver.wake()

    def forget(self, giver: Wakeable) -> None:
        """It waits no more, though it was not woken, or has nothing to give."""
        try:
            self._givers.remove(giver)
        except ValueError:
            self._wake_givers(1)  # another one, in its place

    def end(self, error: BaseException | None = None) -> bool:
        """Nothing more will be given; what is there can still be taken. The first one counts."""
        try:
            self._may_end.pop()
        except IndexError:
            return False
        self.error = error
        self.ended = True
        self._wake_reader()
        self._wake_givers(len(self._givers))
        for waiting in [*self._closing]:
            waiting.wake()
        return True

    # -- for the reader ---------------------------------------------------------------------

    def take(self) -> list[T]:
        """All that is there, once there is something; nothing where it has ended, or was left."""
        while True:
            ended = self.ended  # before it is looked for what came before
            taken = self._all()
            if self.left:
                return []
            if taken or ended:
                return taken
            self._wait()

    def has_come_within(self, seconds: float) -> bool:
        """Wait for something to take, or for the end, at most so long; as the reader."""
        deadline = time.monotonic() + seconds
        while not (self._items or self.over):
            if (rest := deadline - time.monotonic()) <= 0:
                return False
            self._wait(rest)
        return True

    def leave(self) -> None:
        """Take nothing more; from any thread, which wakes the reader."""
        self.left = True
        self._wake_reader()
        self._wake_givers(len(self._givers))

    def has_ended_within(self, seconds: float) -> bool:
        """Wait for the end, at most so long; in any thread, also while the reader waits."""
        deadline = time.monotonic() + seconds
        waiting = waiter()
        self._closing.append(waiting)
        try:
            while not self.ended and (rest := deadline - time.monotonic()) > 0:
                waiting.wait(rest)
        finally:
            self._closing.remove(waiting)
        return self.ended

    def _wait(self, seconds: float | None = None) -> None:
        """As the reader, until it is woken, be it for nothing; or so long."""
        self._reader = waiting = waiter()
        if not self._items and not self.over:
            waiting.wait(seconds)
        self._reader = None

    def _all(self) -> list[T]:
        taken: list[T] = []
        with suppress(IndexError):
            while self._items:
                taken.append(self._items.popleft())
        self._room.extend([None] * len(taken))
        self._wake_givers(len(taken))
        return taken

    def _wake_reader(self) -> None:
        reader = self._reader
        if reader is not None:
            reader.wake()

    def _wake_givers(self, count: int) -> None:
        with suppress(IndexError):
            for _ in range(count):
                self._givers.popleft().wake()
