"""The one event loop of a process, on a real thread of its own, which the first bridge starts."""

from __future__ import annotations

import _thread
import atexit
import os
import threading
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from .process import of_this_process
from .told import logger
from .unheld import Unheld
from .waiting import unpatched

if TYPE_CHECKING:
    import asyncio

# Threads for what blocks (`asyncio.to_thread`, and looking up a host's address): more than a
# process carries streams, each of which may have one that waits for a reader who does not read.
# asyncio has as many as there are processors, and four.
_HELPERS = 256

# What is still under way as the process exits has so long for its clean-up.
_AT_EXIT_SECONDS = 1.0


class LoopThread:
    """Runs an event loop as long as its process lives: async clients keep their connections.

    :ivar is_ending: the process exits, and all that runs on the loop is cancelled for that.
    """

    def __init__(self) -> None:
        self._lock = unpatched("_thread", "allocate_lock")()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._id: int | None = None
        self._failure: BaseException | None = None
        self.is_ending = False

    @property
    def is_here(self) -> bool:
        """Whether it is the loop's own thread that asks."""
        return self._id == threading.get_ident()

    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop, started where it was not.

        :raises Exception: it could not be started.
        """
        with self._lock:
            if self._loop is None:
                self._start()
            assert self._loop is not None
            return self._loop

    def see_to(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Have it run, and wait for nothing."""
        import asyncio

        asyncio.run_coroutine_threadsafe(coroutine, self.loop())

    def _start(self) -> None:
        import asyncio  # noqa: F401  not before it is needed: it costs more than all the rest

        is_running = unpatched("_thread", "allocate_lock")()
        is_running.acquire()
        start = unpatched("_thread", "start_new_thread")
        if start is _thread.start_new_thread:
            name = "flask-stream-loop"
            threading.Thread(target=self._run, args=(is_running,), name=name, daemon=True).start()
        else:  # gevent's thread would be a greenlet of this one
            start(self._run, (is_running,))
        is_running.acquire()
        if self._failure is not None:
            raise self._failure
        atexit.register(self._end)

    def _end(self) -> None:
        """As the process exits: a daemon's tasks would be dropped where they are."""
        if _threads.get(os.getpid()) is not self:
            return  # it is the parent's, of which a fork's child has no thread
        if self._loop is None or self._loop.is_closed():
            return
        self.is_ending = True
        has_ended = unpatched("_thread", "allocate_lock")()
        has_ended.acquire()
        self.see_to(_cancel_all(has_ended.release))
        has_ended.acquire(timeout=2 * _AT_EXIT_SECONDS)

    def _run(self, is_running: Any) -> None:
        """Under gevent all that asyncio uses is gevent's, and the thread has a hub of its own.

        The loop waits in that hub, by gevent's selector. So it notices when a lock is free that a
        greenlet of another thread has had, and closes gevent's sockets: only a hub that runs does.
        """
        import asyncio

        self._id, self._failure = threading.get_ident(), None
        try:
            self._loop = loop = asyncio.new_event_loop()
        except BaseException as error:  # there are no descriptors left, say
            self._failure = error
            is_running.release()
            return
        if unpatched("_thread", "start_new_thread") is not _thread.start_new_thread:
            from .greenlet_executor import GreenletExecutor

            loop.set_default_executor(GreenletExecutor())
        else:
            from concurrent.futures import ThreadPoolExecutor

            loop.set_default_executor(ThreadPoolExecutor(_HELPERS, "flask-stream-helper"))
        unheld = Unheld(loop)
        loop.call_soon(is_running.release)
        while not loop.is_closed():
            ended_by: BaseException | None = None
            loop.call_soon(unheld.take_over)  # it begins with asyncio's own hooks
            try:
                loop.run_forever()  # until a stream calls its stop(), say
            except Exception:  # the loop's own, of its selector say: it would be raised for ever
                raise
            except BaseException as error:  # a SystemExit of a task that a stream has made
                ended_by = error
            logger.error(
                "The event loop of all async streams was ended by one of them, and goes on. Let "
                "none raise SystemExit or KeyboardInterrupt, nor call the loop's stop().",
                exc_info=ended_by,
            )


async def _cancel_all(at_end: Callable[[], None]) -> None:
    import asyncio

    try:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            if not task.cancelling():  # else that would cancel its clean-up
                task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_AT_EXIT_SECONDS)
    finally:
        at_end()


_threads: dict[int, LoopThread] = {}


def loop_thread() -> LoopThread:
    """This process's: a fork's child has none of its parent's threads."""
    return of_this_process(_threads, LoopThread)
