"""`Waiter`: one who waits, whom any thread may wake, and a signal handler too.

A gevent worker's greenlets share one thread, whose hub switches between them; what wakes them may
be a real thread beside them. So a greenlet waits in its hub, and whoever has no hub waits in a lock
of Python's own, whatever gevent has put in its place.
"""

from __future__ import annotations

import _thread
import sys
from typing import Any, Protocol

from .errors import FlaskStreamError

_LONG = 3600.0  # seconds


class Waiter(Protocol):
    """One who waits. Woken before it waits, it does not wait; it may be woken for nothing."""

    def wait(self, seconds: float | None = None) -> None:
        """Until it is woken, or so long. Only for whoever has made it."""

    def wake(self) -> None:
        """From any thread, and from a signal handler, whatever that has interrupted."""


def waiter() -> Waiter:
    """One for whoever calls this.

    :raises FlaskStreamError: it is gevent's hub, which must not wait.
    """
    hub = hub_here()
    if hub is None:  # so there are no greenlets in this thread either
        return _Thread()
    if sys.modules["greenlet"].getcurrent() is hub:
        raise FlaskStreamError(
            "Something that waits was called in gevent's hub (by a signal handler, or a callback "
            "of its loop), which must not wait. Call it in a greenlet: gevent.spawn(…)."
        )
    return _Greenlet(hub)


def hub_here() -> Any:
    """gevent's hub of this thread; None: it has none."""
    local: Any = sys.modules.get("gevent._hub_local")
    if local is None:
        return None
    try:
        return local.get_hub_if_exists()
    except (AttributeError, NameError):  # another thread is importing it
        return None


def unpatched(module: str, name: str) -> Any:
    """What a module has of Python's own, where gevent has put something else in its place."""
    monkey: Any = sys.modules.get("gevent.monkey")
    if monkey is not None:
        return monkey.get_original(module, name)
    __import__(module)
    return getattr(sys.modules[module], name)


class _Thread:
    """A thread's: a lock that is free once somebody has woken it."""

    def __init__(self) -> None:
        allocate = unpatched("_thread", "allocate_lock") if _has_gevent() else _thread.allocate_lock
        self._lock: Any = allocate()
        self._lock.acquire()

    def wait(self, seconds: float | None = None) -> None:
        self._lock.acquire(timeout=-1 if seconds is None else max(seconds, 0))

    def wake(self) -> None:
        if self._lock.locked():
            try:
                self._lock.release()
            except RuntimeError:  # somebody else has, meanwhile
                pass


def _has_gevent() -> bool:
    return "gevent.monkey" in sys.modules


class _Greenlet:
    """A greenlet's: it switches to its hub, and is switched to by that."""

    def __init__(self, hub: Any) -> None:
        self._hub = hub
        self._is_woken = False
        self._sleeper: Any = None

    def wait(self, seconds: float | None = None) -> None:
        sleeper = self._sleeper = sys.modules["gevent.hub"].Waiter(self._hub)
        # It also keeps a hub that has nothing else to do from giving up.
        timer = self._hub.loop.timer(_LONG if seconds is None else max(seconds, 0))
        timer.start(sleeper.switch, None)
        try:
            if not self._is_woken:
                sleeper.get()
        finally:
            self._sleeper, self._is_woken = None, False
            timer.stop()
            timer.close()

    def wake(self) -> None:
        self._is_woken = True
        sleeper = self._sleeper
        if sleeper is not None:
            self._hub.loop.run_callback_threadsafe(sleeper.switch, None)
