"""`Channel`: what callbacks, threads and signal handlers push, and a view passes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from types import TracebackType
from typing import Any, Self

from .errors import ChannelClosed, FlaskStreamError, SourceError
from .event_loop import loop_thread
from .events import Event
from .providers.names import with_article
from .providers.plain import own
from .providers.under_way import current_relays
from .reading import Reader
from .told import logger
from .unrun import unrun

_UNREAD = (
    "A channel was made, and nobody has read it, so that it was closed, and whoever sends to it is "
    "told. Return it from the view, or write «yield from channel»."
)

_SILENT_SECONDS = 60.0
_SILENT = (
    "Nothing has been sent to a channel for %.0f s, and nothing runs that channel.start() has "
    "called. If its producer is done, it has to say so, by channel.close() or channel.fail(error): "
    "until then the answer does not end."
)


def channel(size: int = 64) -> Channel:
    """What callbacks, threads and signal handlers send to, and a view returns or reads.

    ``with stream.channel() as channel: start_something(on_token=channel.send); return channel``

    :param size: how many items may wait for the reader, before :meth:`Channel.send` does.
    :raises ValueError: it is no whole number above 0.
    """
    return Channel(size)


class Channel(Reader[str | Event]):
    """What :meth:`FlaskStream.channel` gives: many send, and one run reads.

    As context manager, it is closed where its block is left by an exception, or while it is being
    read. A view that returns it leaves it open, until its producer says :meth:`close` or
    :meth:`fail`, or all that it has started have ended.

    :param size: how many items may be there that the reader has not taken.
    :raises ValueError: `size` is no whole number above 0.
    """

    made_by = "stream.channel()"

    def __init__(self, size: int) -> None:
        if not isinstance(size, int) or size < 1:
            raise ValueError(f"size is {size!r}, but it must be a whole number above 0.")
        super().__init__(size)
        self._size = size
        self._own_thread = threading.get_ident()  # that of the view, and then of the reader
        self._is_read = self._is_in_block = False
        self._has_started = False
        self._is_silence_told = False
        self._running = 0
        self._lock = threading.Lock()
        self._among = current_relays.get()
        if self._among is not None:
            self._among.look_after(self)

    # -- for those who produce --------------------------------------------------------------

    def send(self, value: str | Event) -> None:
        """Have the reader get it: text, or an event. From any thread, and from a signal handler.

        It waits while the channel is full; but never in the thread that reads it, or that has made
        it before anybody reads, since that would wait for itself; nor on the event loop that
        `bridge` and async views have, where all others would wait for this one's reader.

        :raises ChannelClosed: the reader has left, or the channel was closed; also while it waits.
        :raises SourceError, TypeError: `value` cannot be streamed.
        :raises FlaskStreamError: it is full, and this is a thread that must not wait.
        """
        _check(value)
        if self._handover.offer(value):
            return
        if not self._handover.over:
            self._refuse_to_wait()
        if not self._handover.put(value):
            raise ChannelClosed

    def fail(self, error: Exception) -> None:
        """End the run: `error` is raised where the channel is read, once all was read before it.

        So it means what it means in a generator view: ``StreamFailed`` is shown, a
        ``ProviderError`` is the provider's, all others are ``internal``.

        :raises TypeError: `error` is no exception.
        """
        if not isinstance(error, Exception):
            raise TypeError(
                f"channel.fail() was given {error!r:.200}, but it is raised where the channel is "
                "read: give it an exception."
            )
        is_told = self._handover.end(_as_told(error)) and not self._handover.left
        if not is_told and not _is_of_closing(error):
            logger.warning(
                "A channel's producer failed when nobody read it any more", exc_info=error
            )

    def close(self) -> None:
        """Nothing more is sent. What was sent is still read. May be called again."""
        self._handover.end()

    def start(self, function: Callable[..., object], /, *args: Any, **kwargs: Any) -> None:
        """Call a function in a thread of its own, in which Flask's proxies work.

        The channel is closed once it, and all others that were started, have ended (but not before
        the view is done starting them), and fails with what one of them raises. Nothing is called
        where it has failed, or was closed, by then: its reader is told of that.

        :raises SourceError: `function` is none.
        """
        if not callable(function):
            raise SourceError(
                f"channel.start() was given {function!r:.80}, but it takes a function that it "
                "calls, and its arguments behind it: channel.start(model.generate, question, "
                "channel.send). Does the function stand there with parentheses?"
            )
        if self._handover.over:
            return
        with self._lock:
            self._has_started = True
            self._running += 1
        try:
            threading.Thread(
                target=copy_context().run,
                args=(self._produce, function, args, kwargs),
                name="flask-stream-channel",
                daemon=True,
            ).start()
        except BaseException:
            self._one_has_ended()
            raise

    # -- the block, and the reader ----------------------------------------------------------

    def __enter__(self) -> Self:
        self._is_in_block = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_in_block = False
        if kind is not None or self._is_read:
            self.close()
        else:
            self._close_if_all_have_ended()

    def release(self) -> None:
        """The run that looks after it is over: nobody reads it any more."""
        if not self._is_read and not self._handover.ended:
            logger.warning(_UNREAD)
        self.cancel()

    def _refuse_to_wait(self) -> None:
        """:raises FlaskStreamError: it would never end, or keep others waiting."""
        is_full = f"This channel is full ({self._size} items), and "
        if loop_thread().is_here:
            raise FlaskStreamError(
                f"{is_full}it is sent to on the event loop, where all other async streams would "
                "wait for this one's reader, too. Send in a thread: «await "
                "asyncio.to_thread(channel.send, word)»; or yield the words, in an async generator."
            )
        if threading.get_ident() == self._own_thread:
            raise FlaskStreamError(
                f"{is_full}its reader's own thread sends to it, which would wait for itself. Have "
                "a thread of its own produce: channel.start(function), or ask for more room: "
                "stream.channel(size=…)."
            )

    def _begin(self) -> None:
        self._own_thread = threading.get_ident()
        if self._is_read:
            return
        if loop_thread().is_here:
            raise FlaskStreamError(
                "A channel is read on the event loop, where all other async streams would wait "
                "with it for what is sent. Return it from the view, which may be async def; or "
                "make the view a plain def that reads it."
            )
        self._is_read = True
        among = current_relays.get()
        if among is not None and among is not self._among:
            self._among = among
            among.look_after(self)
        self._close_if_all_have_ended()

    def _take(self) -> list[str | Event]:
        if not self._running and not self._is_silence_told:
            if not self._handover.has_come_within(_SILENT_SECONDS):
                self._is_silence_told = True
                logger.warning(_SILENT, _SILENT_SECONDS)
        return super()._take()

    def _produce(
        self, function: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        try:
            _refuse_unrun(function, function(*args, **kwargs))
        except ChannelClosed:
            pass
        except Exception as error:
            self.fail(error)
        except BaseException as error:
            if not self._handover.over:  # else it is a relay, or a bridge, of the run that ends
                told = RuntimeError(f"What channel.start() has called raised {error!r:.200}.")
                told.__cause__ = error
                self.fail(told)
        finally:
            self._one_has_ended()

    def _one_has_ended(self) -> None:
        with self._lock:
            self._running -= 1
        self._close_if_all_have_ended()

    def _close_if_all_have_ended(self) -> None:
        may_start_more = self._is_in_block and not self._is_read
        if self._has_started and not self._running and not may_start_more:
            self.close()


def _as_told(error: Exception) -> Exception:
    """What its reader is told, for whom a StopIteration would be the channel's good end."""
    if not isinstance(error, StopIteration):
        return error
    told = RuntimeError(
        "A channel's producer failed with StopIteration: next() was called where nothing came any "
        "more. Give it what it is to return then: next(iterator, None)."
    )
    told.__cause__ = error
    return told


def _is_of_closing(error: BaseException) -> bool:
    """Whether it is a producer's way to stop, as its send has told it to."""
    each: BaseException | None = error
    for _ in range(20):
        if each is None or isinstance(each, ChannelClosed):
            break
        each = each.__cause__ or each.__context__
    return isinstance(each, ChannelClosed)


def _check(value: object) -> None:
    if isinstance(value, str):
        return
    if value is None:
        raise SourceError(
            "channel.send() was given None. Do not send where there is no text; where None means "
            "the end, call channel.close()."
        )
    if not isinstance(value, Event):
        kind = with_article(type(value).__name__)
        raise SourceError(
            f"channel.send() was given {value!r:.80}, {kind}. It takes str and events: send "
            "str(value) for its text, or Data(name, value)."
        )
    try:
        own(value)
    except SourceError as error:
        raise SourceError(f"channel.send() takes what a view may yield. {error}") from None
    except TypeError as error:
        raise TypeError(f"channel.send() takes what a view may yield. {error}") from None


def _refuse_unrun(function: object, given: object) -> None:
    """:raises SourceError: it has given what nobody runs."""
    if kind := unrun(given):
        raise SourceError(
            f"channel.start() called {function!r:.80}, which gave {kind}: nobody runs it. Give "
            "start() a plain function that calls channel.send(…). An async stream, or a generator, "
            "is returned by the view as it is."
        )
