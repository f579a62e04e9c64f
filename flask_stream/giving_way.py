"""`give_way`: what always has something to do takes turns with all else, where greenlets do.

On gevent, a socket that has bytes never hands over by itself. So a provider that sends without end
would stop all other requests of its worker, and whoever looks after the time.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

from .waiting import hub_here

# In seconds. A round of the hub, in which it looks once which sockets are ready, may take as long
# as Python lets one thread run on beside others; what has had the least may still have that.
ROUND = 0.005
_LEAST = 0.001
_AT_ONCE = 1e-6

_looked_at = 0.0  # on the monotonic clock


def give_way() -> None:
    """Let other greenlets have the thread, if this one has had it for some milliseconds.

    Called between any two steps of what may go on without waiting. It is nothing without gevent.
    """
    global _looked_at
    if "gevent" not in sys.modules:
        return
    now = time.monotonic()
    if 0 <= now - _looked_at < _LEAST:  # it may be a word of each of a thousand streams
        return
    hub = hub_here()
    if hub is None:  # a thread of Python's, which has nothing to say of a hub's greenlets
        return
    _looked_at = now
    me = sys.modules["greenlet"].getcurrent()
    if me is hub:
        return
    turns = _turns.get(hub)
    if turns is None:
        turns = _turns.setdefault(hub, _Turns(hub.loop))
    turns.give_way(hub, id(me), now)


class _Turns:
    """Of one hub's greenlets: those that have had theirs stand in a line, of which one is let go
    a round. So however many there are, nobody else waits for more than one of them."""

    def __init__(self, loop: Any) -> None:
        self._line: deque[Any] = deque()
        # gevent.sleep(0) would not do: of those the hub does 50 before it looks whether a socket is
        # ready (gevent 26.9, CALLBACK_CHECK_COUNT).
        self._timer = loop.timer(_AT_ONCE)
        self._round = -1
        self._round_began = 0.0  # on the monotonic clock
        self._last = 0  # who has called, and since when without anybody else
        self._last_began = 0.0

    def give_way(self, hub: Any, me: int, now: float) -> None:
        number = hub.loop.iteration
        if number != self._round:
            self._round, self._round_began, self._last = number, now, 0
        if me != self._last:
            self._last, self._last_began = me, now
        elif now - self._last_began >= _LEAST and now - self._round_began >= ROUND:
            self._wait(hub)
            self._round, self._last = hub.loop.iteration, me
            self._round_began = self._last_began = time.monotonic()

    def _wait(self, hub: Any) -> None:
        waiter = sys.modules["gevent.hub"].Waiter(hub)
        self._line.append(waiter)
        if not self._timer.active:
            self._timer.start(self._let_go)
        try:
            waiter.get()
        except BaseException:
            with suppress(ValueError):
                self._line.remove(waiter)
            raise

    def _let_go(self) -> None:
        """In the hub."""
        if not self._line:
            return
        waiter = self._line.popleft()
        if self._line:
            self._timer.start(self._let_go)  # for the next round
        waiter.switch(None)


_turns: WeakKeyDictionary[Any, _Turns] = WeakKeyDictionary()
