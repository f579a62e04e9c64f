"""`bridge`: an async stream, read by sync code.

One task on the process's event loop reads the whole of the stream, and a bounded handover is
between that and the reader's thread. The task has a copy of the reader's context variables, so that
Flask's proxies work in the stream.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any

from .async_streams import close_at_end, given_by, is_async, name_of
from .errors import SAFE_MESSAGES, FlaskStreamError, RunError, SourceError
from .event_loop import loop_thread
from .handover import Handover
from .providers.names import with_article
from .providers.not_streams import discard
from .providers.under_way import current_relays
from .reading import Reader
from .told import logger

if TYPE_CHECKING:
    import asyncio

_AHEAD = 64  # items that may wait for the reader, who takes all of them at a time

# Items that are read without a wait, once the reader has left: what a queue has, say.
_UNHEARD = 10_000

# Within which a task that is cancelled has to end.
_GRACE_SECONDS = 1.0


def bridge(stream: Any) -> Bridge:
    """Read an async stream in sync code, item by item.

    ``for token in bridge(agent.stream(question)): …``, in a view, its generator, a task or a
    script. It runs on one event loop, which the first bridge of a process starts, and is at most
    some items ahead of its reader. Request, session and ``current_app`` work in it. What it raises
    comes out here. It is cancelled once its reader leaves, closes this, or lets go of it.

    (A view may return an async stream as it is, and may be ``async def``.)

    :param stream: an async iterable, an async context manager that gives one, or a coroutine that
        gives one of those.
    :raises SourceError: it is none of these.
    """
    if not is_async(stream):
        raise SourceError(
            f"bridge() was given {with_article(type(stream).__name__)}, which is no async stream. "
            "It takes an async iterable (an async generator, say), an async context manager that "
            "gives one, or a coroutine that does. What is not async needs no bridge."
        )
    return Bridge(stream)


class Bridge(Reader[Any]):
    """A sync iterator over an async stream. It belongs to the one thread that reads it.

    :param name: what the log calls it; its own, unless told.
    """

    made_by = "bridge(…)"

    def __init__(self, stream: Any, name: str | None = None) -> None:
        super().__init__(_AHEAD)
        self._name = name or name_of(stream)
        self._pump: _Pump | None = None
        self._stream = stream
        self._is_closed = False

    def leave_run(self) -> None:
        """Its reader is a source's: that is woken by whoever cancels the source."""
        self._among = None

    def cancel(self) -> None:
        """Cancel the stream, and wake its reader, who sees its end; from any thread."""
        super().cancel()
        if self._pump is not None:
            self._pump.cancel()

    def close(self) -> None:
        """Cancel the stream, and wait a moment until it has ended. May be called again."""
        if self._is_closed:
            return
        self._is_closed = self._is_over = True
        self._taken.clear()
        handover, pump = self._handover, self._pump
        if pump is None:
            discard(self._stream)
            self._stream = None
            return
        if handover.ended:
            return
        self.cancel()
        if loop_thread().is_here:
            return
        if not handover.has_ended_within(_GRACE_SECONDS):
            logger.warning(
                "%s was cancelled, and has not ended within %g s. It goes on until it does: let it "
                "not catch asyncio.CancelledError, nor block the event loop.",
                pump.name,
                _GRACE_SECONDS,
            )
        elif handover.error is not None:
            logger.error("%s failed as it was cancelled", pump.name, exc_info=handover.error)

    def release(self) -> None:
        self.close()

    def __del__(self) -> None:
        with suppress(Exception):  # as the interpreter ends
            if self._pump is None:
                discard(self._stream)
            elif not self._handover.ended:
                self.cancel()

    def _begin(self) -> None:
        if self._pump is not None or self._is_over:
            return
        thread = loop_thread()
        if thread.is_here:
            self.close()
            raise FlaskStreamError(
                "A bridge, or a relay, is read in the event loop's own thread, which would wait "
                "for itself. In async code, read the stream as it is: «async for item in stream». "
                "For relay and what it gives back, make the view a plain def."
            )
        among = self._among = current_relays.get()
        if among is not None:
            among.look_after(self)
            if among.stopped:
                return
        pump = _Pump(self._stream, self._handover, self._name)
        self._stream = None
        self._pump = pump
        pump.start(thread.loop())


class _Pump:
    """The loop's side of a bridge. It keeps no bridge, which may be dropped while it runs."""

    def __init__(self, stream: Any, handover: Handover[Any], name: str) -> None:
        self.name = f"The async stream {name}"
        self._stream = stream
        self._handover = handover
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._exit: BaseException | None = None
        self._is_cancelled = False
        self._has_item = False  # of the stream's, which is not at work meanwhile
        self._has_heard = False  # it was cancelled where it waited, and need not be again

    # -- for the reader's thread ------------------------------------------------------------

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin, with a copy of the caller's context variables."""
        self._loop = loop
        loop.call_soon_threadsafe(self._begin)

    def cancel(self) -> None:
        """From any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._cancel)

    # -- for the loop's ---------------------------------------------------------------------

    def _begin(self) -> None:
        assert self._loop is not None
        if self._handover.left:  # before it had begun
            self._cancel()
            return
        self._task = self._loop.create_task(self._run(), name="flask-stream-bridge")
        self._task.add_done_callback(self._end)

    def _cancel(self) -> None:
        if self._is_cancelled:
            return  # a second time would cancel its clean-up
        self._is_cancelled = True
        if self._task is None:
            self._discard()
            self._handover.end()
        elif not self._has_item:  # else it sees that its reader has left
            self._has_heard = True
            self._task.cancel()

    async def _run(self) -> None:
        try:
            await self._pass_on()
        except (KeyboardInterrupt, SystemExit) as error:
            self._exit = error  # it would end the loop

    async def _pass_on(self) -> None:
        from asyncio import CancelledError, sleep

        stream, self._stream = self._stream, None
        async with AsyncExitStack() as stack:
            while not hasattr(stream, "__aiter__"):
                stream = await given_by(stream, stack)
            iterator = aiter(stream)
            close_at_end(stream, stack)
            if iterator is not stream:
                close_at_end(iterator, stack)
            unheard = 0
            async for item in iterator:
                self._has_item = True
                if not self._handover.offer(item) and not await self._put(item):
                    if self._has_heard or unheard == _UNHEARD:
                        break
                    if not unheard:
                        self._cancel_in_stream()
                    unheard += 1
                self._has_item = False
            if unheard and not self._has_heard:
                with suppress(CancelledError):  # which would come in its clean-up
                    await sleep(0)

    def _cancel_in_stream(self) -> None:
        """Cancel it where it waits next, as one that is silent.

        To be closed is not the same to all: LangGraph's streams wait for their nodes then.
        """
        assert self._loop is not None
        assert self._task is not None
        self._is_cancelled = True  # who leaves cancels it, too, which is on its way
        self._task.cancel()
        self._loop.call_soon(self._note_heard)

    def _note_heard(self) -> None:
        self._has_heard = True

    async def _put(self, item: Any) -> bool:
        """Give it once there is room; False: the reader has left."""
        assert self._loop is not None
        while not self._handover.offer(item):
            if self._handover.over:
                return False
            room = _Room(self._loop)
            self._handover.await_room(room)
            try:
                await room.made
            except BaseException:
                self._handover.forget(room)
                raise
        return True

    def _end(self, task: asyncio.Task[None]) -> None:
        self._discard()  # where it was cancelled before its first step
        error: BaseException | None = self._exit
        if task.cancelled():
            if not self._handover.left:
                error = self._cancelled_by_others()
        elif error is None:
            error = task.exception()
            if self._handover.left and _is_of_leaving(error):
                error = None
        self._handover.end(None if error is None else _as_told(error, self.name))

    def _cancelled_by_others(self) -> BaseException:
        if loop_thread().is_ending:
            return RunError(SAFE_MESSAGES["shutdown"], error_code="shutdown", retryable=True)
        return RuntimeError(f"{self.name} was cancelled, and not by its reader.")

    def _discard(self) -> None:
        stream, self._stream = self._stream, None
        discard(stream)


class _Room:
    """The loop's side waits for room."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.made: asyncio.Future[None] = loop.create_future()
        self._loop = loop

    def wake(self) -> None:
        self._loop.call_soon_threadsafe(self._make)

    def _make(self) -> None:
        if not self.made.done():
            self.made.set_result(None)


def _is_of_leaving(error: BaseException | None) -> bool:
    """Whether it is a task group's word for having been closed, or cancelled, and nothing else."""
    from asyncio import CancelledError

    if not isinstance(error, BaseExceptionGroup):
        return False
    return error.split((GeneratorExit, CancelledError))[1] is None


def _as_told(error: BaseException, name: str) -> BaseException:
    """What its reader is told of what has ended a stream."""
    is_group = isinstance(error, BaseExceptionGroup) and not isinstance(error, Exception)
    # The one would end the reader's process; the others would be taken for the stream's end.
    if is_group or isinstance(error, StopIteration | GeneratorExit):
        told: BaseException = RuntimeError(f"{name} raised {type(error).__name__}.")
    elif isinstance(error, RuntimeError) and any(words in str(error) for words in _OTHER_LOOP):
        told = SourceError(
            f"{name} belongs to another event loop, which runs no more or elsewhere (asyncio.run "
            "closes its own). Return the coroutine as it is, un-awaited (Flask-Stream awaits it), "
            "or make the view async def; and let no other loop use the same async client."
        )
    else:
        return error
    told.__cause__ = error
    return told


# Of what asyncio says then.
_OTHER_LOOP = ("Event loop is closed", "attached to a different loop", "bound to a different event")


async def _once(coroutine: Any, given: list[Any]) -> AsyncIterator[Any]:
    given.append(await coroutine)
    yield given[0]


def result_of(coroutine: Any) -> Any:
    """What a coroutine of the app's comes to, run on the loop while this thread waits.

    :raises GeneratorExit: the run that waits for it is to end; it is cancelled.
    """
    given: list[Any] = []
    bridge = Bridge(_once(coroutine, given), name_of(coroutine))
    try:
        result = next(bridge)
        given.clear()
        return result
    finally:
        bridge.close()
        discard(coroutine)  # where it was cancelled before its first step
        for each in given:  # a stream, say, that came as its reader left
            discard(each)
