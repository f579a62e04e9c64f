"""`Reader`: the reading end of a handover, for the code of a run, which wakes it as it stops."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from typing import Generic, Self, TypeVar

from .errors import SourceError
from .handover import Handover
from .providers.under_way import Relays, current_relays

T = TypeVar("T")


class Reader(ABC, Generic[T]):
    """An iterator over what is handed over. One run reads it, and one thread at a time.

    :param size: how many items may be there that nobody has taken.
    :ivar made_by: what makes one.
    """

    made_by: str

    def __init__(self, size: int) -> None:
        self._handover: Handover[T] = Handover(size)
        self._run: Relays | None = None  # those of the run that has read it last
        self._thread = 0  # which has done that
        self._among: Relays | None = None  # those of the run that reads it
        self._taken: deque[T] = deque()
        self._is_over = False  # its reader has been told of the end

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        while True:
            if not self._taken or self._is_stopped:
                self._taken = deque(self.next_batch())
            try:
                return self._taken.popleft()
            except IndexError:  # its run has closed it since: it reads on in a thread of its own
                pass

    def next_batch(self) -> list[T]:
        """All items that are there, once there is one.

        :raises StopIteration: there are no more.
        :raises GeneratorExit: the run that reads it is to end.
        :raises SourceError: another run reads it.
        """
        self.refuse_other_runs()
        self._run, self._thread = current_relays.get() or self._run, threading.get_ident()
        self._begin()
        taken = [*self._taken]
        self._taken.clear()
        if not (taken or self._is_over or self._is_stopped):
            taken = self._take()
        if self._is_stopped and self._among is not None:
            self.close()
            self._among.stop_here()
        if taken:
            return taken
        is_first, self._is_over = not self._is_over, True
        error = self._handover.error
        if is_first and error is not None and not self._handover.left:
            raise error
        raise StopIteration

    def cancel(self) -> None:
        """Wake its reader, who sees its end; nothing more is taken. From any thread."""
        self._handover.leave()

    def refuse_other_runs(self) -> None:
        """Of two that read one, each would have half, and one would wait for ever.

        (A view that has begun one may call another view, in its own thread, which goes on with it.)

        :raises SourceError: it is another run that reads it, or has read it.
        """
        among, run = current_relays.get(), self._run
        if among is None or run is None or among is run:
            return
        if run.closed or self._thread != threading.get_ident():
            raise SourceError(
                f"One {type(self).__name__} was read by two runs, but it is for one: what one "
                f"takes, the other does not get. Call {self.made_by} in the view, so that each "
                "request has one of its own."
            )

    @abstractmethod
    def close(self) -> None:
        """Whoever gives is told that it is over. May be called again."""

    @abstractmethod
    def release(self) -> None:
        """The run that looks after it is over."""

    @abstractmethod
    def _begin(self) -> None:
        """Called before anything is taken, each time."""

    def _take(self) -> list[T]:
        return self._handover.take()

    @property
    def _is_stopped(self) -> bool:
        return self._among is not None and self._among.stopped
