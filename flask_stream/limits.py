"""How many streams a process carries at once."""

from __future__ import annotations

from typing import Literal

from . import advice
from .errors import StreamFailed
from .server import Environ, threads_of
from .watch import Watcher, watcher


class Full(StreamFailed):
    """One stream too many. The app knows it as what it stands for."""

    stands_for = StreamFailed


class Slot:
    """The place of one stream among those of its process; given back once."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher: Watcher | None = watcher

    def release(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.dismiss()


def take(environ: Environ, setting: int | Literal["auto"] | None) -> Slot:
    """A place for one more stream.

    :param setting: STREAM_MAX_CONCURRENT.
    :raises StreamFailed: all are taken: 503, with Retry-After.
    """
    limit = _auto(environ) if setting == "auto" else setting
    attending = watcher()
    if not attending.attend(environ, limit):
        raise Full(
            "Too many answers are being written right now. Please try again in a moment.",
            error_code="overloaded",
            retryable=True,
        )
    return Slot(attending)


def _auto(environ: Environ) -> int | None:
    """On gthread, all but a fifth of the threads: a stream keeps one until it ends, and when
    none is left, not even a health check is answered."""
    threads = threads_of(environ)
    if threads is None:
        return None
    limit = max(1, threads - max(1, threads // 5))
    advice.of_threads(threads, limit)
    return limit
