"""How many streams a process carries at once."""

from __future__ import annotations

import math
import threading
from typing import Literal

from . import advice
from .errors import StreamFailed
from .process import of_this_process
from .server import Environ, threads_of
from .told import logger

# Requests that are one stream too many may come by the thousand: each process tells their number
# once in so many seconds.
_BETWEEN_TELLING = 60.0


class Full(StreamFailed):
    """One stream too many. The app knows it as what it stands for."""

    stands_for = StreamFailed


class Places:
    """The places of one process: each run takes one, and each view that may give a run.

    :ivar taken: how many are.
    :ivar untold: how many streams were refused since that was last told.
    """

    def __init__(self) -> None:
        # From the module as it is now: gevent may have put its own in its place.
        self._lock = threading.Lock()
        self._limit = 0  # by which a stream was last refused
        self._told_at = -math.inf
        self.taken = self.untold = 0

    def take(self, limit: int | None) -> bool:
        """Take one; or nothing is done but counting, where `limit` are taken already."""
        with self._lock:
            if limit is not None and self.taken >= limit:
                self.untold, self._limit = self.untold + 1, limit
                return False
            self.taken += 1
        return True

    def give_back(self) -> None:
        with self._lock:
            self.taken -= 1

    def tell_refused(self, now: float) -> None:
        """Log how many were refused, if any were, and if it is time. Called by the watcher.

        :param now: on the monotonic clock.
        """
        if not self.untold or now - self._told_at < _BETWEEN_TELLING:
            return
        with self._lock:
            refused, self.untold = self.untold, 0
        self._told_at = now
        logger.warning(
            "Streams refused with 503: %d. This process carries %d at once "
            "(STREAM_MAX_CONCURRENT). More threads or more workers carry more.",
            refused,
            self._limit,
        )


class Slot:
    """The place of one stream; given back once."""

    def __init__(self, places: Places) -> None:
        self._places: Places | None = places

    def release(self) -> None:
        places, self._places = self._places, None
        if places is not None:
            places.give_back()


def take(environ: Environ, setting: int | Literal["auto"] | None) -> Slot:
    """A place for one more stream.

    :param setting: STREAM_MAX_CONCURRENT.
    :raises StreamFailed: all are taken: 503, with Retry-After.
    """
    limit = _auto(environ) if setting == "auto" else setting
    if not places().take(limit):
        raise Full(
            "Too many answers are being written right now. Please try again in a moment.",
            error_code="overloaded",
            retryable=True,
        )
    return Slot(places())


def _auto(environ: Environ) -> int | None:
    """On gthread, all but a fifth of the threads: a stream keeps one until it ends, and when
    none is left, not even a health check is answered."""
    threads = threads_of(environ)
    if threads is None:
        return None
    limit = max(1, threads - max(1, threads // 5))
    advice.of_threads(threads, limit)
    return limit


_by_process: dict[int, Places] = {}


def places() -> Places:
    """This process's: a fork's child carries none of its parent's streams."""
    return of_this_process(_by_process, Places)
