"""Async generators that nobody holds any more: closed on their loop, as asyncio does it.

A client that leaves its own generators open where an answer fails, httpx say, leaves a chain of
them to the garbage collector. It finalizes one after the other, in whichever thread it runs.
asyncio begins to close the first at once: on the loop, which is another thread here. That may
resume the next one just as the collector comes to it, and CPython cannot finalize a generator
that is executing. So those that a collection finds are closed when it is over.
"""

from __future__ import annotations

import gc
import sys
from collections import deque
from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

# How long until it is asked again whether a collection is over, in seconds.
_PAUSE = 0.01

# References to a generator in a hook that it was given to as it was dropped: the one that CPython
# lends it for that, the hook's own, and that of the call which counts them.
_OF_DROPPED = 3


class Unheld:
    """What is to be closed on a loop, when the collection that found it is over.

    A ``__del__`` that waits for what such a generator frees waits in vain: it is of the collection.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._close: Callable[[AsyncGenerator[Any, Any]], object]
        # Each with the number of collections that were over as it was found.
        self._found: deque[tuple[AsyncGenerator[Any, Any], int]] = deque()
        self._is_waiting = False

    def take_over(self) -> None:
        """From asyncio, on its loop, which sets its hooks each time that it begins to run."""
        finalizer = sys.get_asyncgen_hooks().finalizer
        if finalizer is not None and finalizer != self._take:
            self._close = finalizer
            sys.set_asyncgen_hooks(finalizer=self._take)

    def _take(self, generator: AsyncGenerator[Any, Any]) -> None:
        """In whichever thread. What a collection finds is in the hands of other garbage, too."""
        if sys.getrefcount(generator) <= _OF_DROPPED:
            self._found.appendleft((generator, -1))  # it waits for none
        else:
            self._found.append((generator, _collections()))
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._close_found)

    def _close_found(self) -> None:
        over = _collections()
        while self._found and self._found[0][1] < over:
            self._close(self._found.popleft()[0])
        if self._found and not self._is_waiting:
            self._is_waiting = True
            self._loop.call_later(_PAUSE, self._look_again)

    def _look_again(self) -> None:
        self._is_waiting = False
        self._close_found()


def _collections() -> int:
    """How many are over. It needs no callback (``gc.callbacks``): a collection at the very end of
    the stack, as JSON of thousands of levels brings about, has no room to call one.
    """
    return sum(generation["collections"] for generation in gc.get_stats())
