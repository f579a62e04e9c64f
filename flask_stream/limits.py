"""How many streams a process carries at once."""

from __future__ import annotations

import math
import threading
from typing import Literal

from . import advice, texts
from .errors import Refused
from .process import of_this_process
from .server import Environ, threads_of
from .told import logger

# Requests that are one stream too many may come by the thousand: each process tells their number
# once in so many seconds.
_BETWEEN_TELLING = 60.0

_STREAMS = (
    "Streams refused with 503: %d. This process carries %d at once (STREAM_MAX_CONCURRENT). More "
    "threads or more workers carry more."
)
_RUNS = (
    "Resumable runs refused with 503: %d. This process produces %d at once (STREAM_MAX_RUNS). More "
    "workers, or a shorter STREAM_LINGER, make room."
)


class Full(Refused):
    """One stream too many."""


class Places:
    """The places of one process: each response that streams takes one, and each view that may.

    Those of the runs that outlive their request are counted apart.

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

    def refused(self, now: float) -> tuple[int, int] | None:
        """How many were refused since that was last asked for, and by which limit; once a minute.

        None where there is nothing to tell yet.

        :param now: on the monotonic clock.
        """
        if not self.untold or now - self._told_at < _BETWEEN_TELLING:
            return None
        with self._lock:
            refused, self.untold = self.untold, 0
        self._told_at = now
        return refused, self._limit


def tell_refused(now: float) -> None:
    """Log how many were refused, if any were, and if it is time. Called by the watcher."""
    if (told := places().refused(now)) is not None:
        logger.warning(_STREAMS, *told)
    if (told := run_places().refused(now)) is not None:
        logger.warning(_RUNS, *told)


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
    return _take(places(), _auto(environ) if setting == "auto" else setting)


def take_run(most: int) -> Slot:
    """A place for one more run that may outlive its request.

    :param most: STREAM_MAX_RUNS.
    :raises StreamFailed: all are taken: 503, with Retry-After.
    """
    return _take(run_places(), most)


def _take(places: Places, limit: int | None) -> Slot:
    if not places.take(limit):
        raise Full(texts.TOO_MANY_HERE, error_code="overloaded", retryable=True)
    return Slot(places)


def _auto(environ: Environ) -> int | None:
    """On gthread, all but a fifth of the threads: a stream keeps one until it ends, and when
    none is left, not even a health check is answered."""
    threads = threads_of(environ)
    if threads is None:
        return None
    limit = max(1, threads - max(1, threads // 5))
    advice.of_threads(threads, limit)
    return limit


_streams: dict[int, Places] = {}
_runs: dict[int, Places] = {}


def places() -> Places:
    """This process's: a fork's child carries none of its parent's streams."""
    return of_this_process(_streams, Places)


def run_places() -> Places:
    """The same, for runs."""
    return of_this_process(_runs, Places)
