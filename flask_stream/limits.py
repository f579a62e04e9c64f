"""How many streams a process carries at once."""

from __future__ import annotations

import os
import threading
from typing import Literal

from . import advice
from .errors import StreamFailed
from .server import Environ, threads_of
from .watch import Watcher, watcher


class Slot:
    """The place of one stream among those of its process; given back once."""

    def __init__(self, slots: _Slots, watcher: Watcher, environ: Environ) -> None:
        self._slots: _Slots | None = slots
        self._watcher = watcher
        watcher.attend(environ)

    def release(self) -> None:
        slots, self._slots = self._slots, None
        if slots is not None:
            self._watcher.dismiss()
            slots.give_back()


class _Slots:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = 0

    def take(self, limit: int | None) -> bool:
        with self._lock:
            if limit is not None and self._taken >= limit:
                return False
            self._taken += 1
        return True

    def give_back(self) -> None:
        with self._lock:
            self._taken -= 1


_of_process: dict[int, _Slots] = {}


def take(environ: Environ, setting: int | Literal["auto"] | None) -> Slot:
    """A place for one more stream.

    :param setting: STREAM_MAX_CONCURRENT.
    :raises StreamFailed: all are taken: 503, with Retry-After.
    """
    limit = _auto(environ) if setting == "auto" else setting
    pid = os.getpid()
    if pid not in _of_process:
        _of_process.setdefault(pid, _Slots())
    slots = _of_process[pid]
    if not slots.take(limit):
        advice.of_refusal(limit, setting)
        raise StreamFailed(
            "Too many answers are being written right now. Please try again in a moment.",
            code="overloaded",
            retryable=True,
        )
    return Slot(slots, watcher(), environ)


def _auto(environ: Environ) -> int | None:
    """On gthread, all but a fifth of the threads: a stream keeps one until it ends, and when
    none is left, not even a health check is answered."""
    threads = threads_of(environ)
    if threads is None:
        return None
    limit = max(1, threads - max(1, threads // 5))
    advice.of_threads(threads, limit)
    return limit
