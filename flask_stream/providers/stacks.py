"""The stacks of this process's threads and greenlets, and which of them work for one that waits.

A library may have a pool of threads ask its provider, while the thread that reads its stream
waits for their futures: LangGraph's nodes run so. What a thread of a pool works at is in the
outermost frames of its stack.
"""

from __future__ import annotations

import gc
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

# How many of the innermost frames may be those of a wait; gevent's and TLS's are six.
INNERMOST = 10
_DEEPEST = 1000
_REST = 10  # times as long as looking for all greenlets has taken

# The innermost frame of a thread or greenlet, as it is when this is called; None: it has ended.
Look = Callable[[], FrameType | None]


def outwards(frame: FrameType, most: int = _DEEPEST) -> Iterator[FrameType]:
    """A frame, and those that have led to it."""
    each: FrameType | None = frame
    for _ in range(most):
        if each is None:
            return
        yield each
        each = each.f_back


def of_thread(ident: int) -> Look:
    return lambda: sys._current_frames().get(ident)


def of_greenlet(greenlet: Any) -> Look:
    """None also while it runs."""
    return lambda: getattr(greenlet, "gr_frame", None)


def working_for(frame: FrameType) -> Iterator[Look]:
    """Those that work at what `frame`'s thread waits for, in pools of `concurrent.futures`."""
    futures = {id(future) for inner in outwards(frame, INNERMOST) for future in _awaited(inner)}
    if futures:
        for look in _all():
            stack = look()
            if stack is not None and any(id(_future_of(f)) in futures for f in outwards(stack)):
                yield look


def _awaited(frame: FrameType) -> Iterator[Any]:
    """The futures that a frame of `concurrent.futures` waits for."""
    if frame.f_globals.get("__name__") == "concurrent.futures._base":
        name = frame.f_code.co_name
        if name == "result":
            yield frame.f_locals.get("self")
        elif name in ("wait", "as_completed"):
            yield from frame.f_locals.get("fs") or ()


def _future_of(frame: FrameType) -> Any:
    """The future of the work that a pool's thread does; None where this is not its frame."""
    is_work = frame.f_globals.get("__name__") == "concurrent.futures.thread"
    if not is_work or frame.f_code.co_name != "run":
        return None
    return getattr(frame.f_locals.get("self"), "future", None)


def _all() -> Iterator[Look]:
    for ident in list(sys._current_frames()):
        yield of_thread(ident)
    monkey: Any = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("threading"):
        # What is a thread to the pool is a greenlet.
        yield from map(of_greenlet, _greenlets.all())


class _Greenlets:
    """Those of this process. gevent itself finds them so, and only so: among all objects.

    That may take a tenth of a second, and 40 readers may leave at once. So what was found is kept
    until ten times as long has passed. (Who is not there yet, is found the next time.)
    """

    def __init__(self) -> None:
        self._found: list[weakref.ref[Any]] = []
        self._until = 0.0  # on the monotonic clock

    def all(self) -> list[Any]:
        if time.monotonic() >= self._until:
            self._look()
        return [greenlet for each in self._found if (greenlet := each()) is not None]

    def _look(self) -> None:
        began = time.monotonic()
        base: Any = sys.modules["greenlet"].greenlet
        self._found = [
            weakref.ref(obj)
            for obj in gc.get_objects()
            if issubclass(type(obj), base)  # isinstance would ask what lazy proxies stand for
        ]
        ended = time.monotonic()
        self._until = ended + _REST * (ended - began)


_greenlets = _Greenlets()
