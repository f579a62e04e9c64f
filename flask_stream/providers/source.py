"""One provider's stream: read by one thread, which any other may wake."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from contextlib import suppress
from typing import Any

from ..errors import ProviderError, SourceError
from ..events import JSON
from ..giving_way import give_way
from .errors import from_exception, is_misuse
from .not_streams import ANOTHER, CLOSED
from .turn import Turn

# What may still follow the provider's last word, in seconds: usually the end of the chunked
# body, which hands the connection back to the pool. Longer than that, it is closed instead.
_DRAIN_SECONDS = 0.2

# What an answer begins with, of those wires that have a last word.
_FIRST_WORDS = {"message_start", "response.created"}

MOST_EVENT_BYTES = 8 * 2**20  # unless the app says otherwise


class Source(ABC):
    """One provider's stream. `batches` and `close` belong to the thread that reads it.

    :ivar provider: "anthropic" or "openai", as far as it is known. (Another library's is told by
        its reading function.)
    :ivar wire: "anthropic", "openai_chat", "openai_responses" or "mistral_conversations", where it
        is known before the first dict; "events" where a library's own function reads.
    :ivar asked_at: since when its reader has waited for an event, on the monotonic clock; None
        while the reader has other things to do. What the provider sends that gives none, such as
        its pings, is no sign of life.
    :ivar most_event_bytes: one event of the provider's may have; see STREAM_MAX_EVENT_BYTES.
    :ivar begun: its relay is being read, or has been.
    :ivar watched: set by a consumer that calls `cancel` once `due` has passed: a run. Where
        there is none, a timer does.
    :ivar due: when what is read behind the provider's last word has to be over, on the
        monotonic clock; None while that word has not come.
    :ivar cancelled: woken by `cancel`, for a reason that is not the provider's.
    :ivar closed: its connection has been released.
    """

    def __init__(self) -> None:
        self.provider: str | None = None
        self.wire: str | None = None
        self.asked_at: float | None = None
        self.due: float | None = None
        self.most_event_bytes = MOST_EVENT_BYTES
        self.begun = self.watched = self.closed = False
        self._lock = threading.Lock()
        self._woken = False
        self._blamed: ProviderError | None = None
        self._rest: Generator[list[JSON], None, None] | None = None
        self._timer: threading.Timer | None = None

    @property
    def cancelled(self) -> bool:
        return self._woken and self._blamed is None

    def open(self) -> None:  # noqa: B027
        """Do what must come before the first dict, and may fail: enter a manager. Most need not."""

    def batches(self, turn: Turn) -> Iterator[list[JSON]]:
        """The wire dicts, as one network read brought them, until the turn has ended.

        At most a hundred at a time; none, where what has come says nothing.

        Where `wire` is "events", what a library's function has said, one at a time.

        A lost connection sets `turn.error`.
        """
        self._rest = self._read()
        while not turn.ended:
            give_way()  # what it says may come to nothing that is told
            if turn.error is not None and not self._may_read_on():
                return
            if self._woken:
                self._lost(None, turn)
                return
            try:
                dicts = next(self._rest)
            except StopIteration:
                self._lost(None, turn)
                return
            except SourceError:
                raise  # it was no provider's stream
            except Exception as error:
                if is_misuse(error) and not self._woken:
                    raise SourceError(CLOSED) from error
                self._lost(error, turn)
                return
            yield dicts
        if turn.complete and turn.error is None and not self._woken and self._is_the_apps():
            self._go_on(turn)

    def read_rest(self) -> None:
        """Read what is left, for a moment, so that the connection can be used again."""
        is_open = not (self.closed or self._woken)  # what was woken is read no further
        if self._rest is not None and is_open and self._may_read_on():
            try:
                for _ in self._rest:
                    give_way()
            except Exception:
                pass  # the answer is whole; only the connection is lost
        self.close()

    def cancel(self, error: ProviderError | None = None) -> None:
        """Wake a reader that is blocked, from any thread; it then sees the stream's end.

        Only shutting the socket down does that. A socket that is back in the pool belongs to
        somebody else by now, so it is looked up here, and its return waits for this lock
        (see `Lent`). Where that is not possible, the reader ends at the next dict. Whoever reads
        on below it, an SDK's helper or a library's function, meets an exception, and no end.

        :param error: where it is the provider that is to blame: what it did.
        """
        with self._lock:
            if self.closed:
                return
            if not self._woken:
                self._blamed = error
                self._woken = True
            with suppress(OSError):  # it is gone already
                self._wake()

    def close(self) -> None:
        """Release the connection. May be called again."""
        with self._lock:
            if self.closed:
                return
            self.closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None  # it holds this source
        self._close()
        if self._rest is not None:  # a tracer that wraps the reading sees its end now
            with suppress(Exception):
                self._rest.close()

    def _may_read_on(self) -> bool:
        """Whether what follows the last word can be read without waiting for it for long."""
        if self._leaves_the_rest():
            return False
        if self.due is not None:
            return True
        self.due = time.monotonic() + _DRAIN_SECONDS
        if not self.watched:
            self._timer = threading.Timer(_DRAIN_SECONDS, self.cancel)
            self._timer.daemon = True
            self._timer.start()
        return True

    def _is_the_apps(self) -> bool:
        """Whether it is code of the app's that passes the provider's items on."""
        return False

    def _go_on(self, turn: Turn) -> None:
        """Have that code go on to its end: behind its loop it may well save what was said.

        :raises SourceError: it passes another stream on, of which nothing would be told.
        """
        self.asked_at = None  # it is the app that is waited for, and no provider that is silent
        try:
            for dicts in self._rest or ():
                give_way()
                if self._woken:
                    turn.complete = False  # with what stands behind that code's loop
                    return
                if any(each.get("type") in _FIRST_WORDS for each in dicts):
                    raise SourceError(ANOTHER)
        except SourceError:
            raise
        except Exception as error:
            self._lost(error, turn)

    def _lost(self, error: Exception | None, turn: Turn) -> None:
        """The end of the dicts: the body's own (None), or an exception's."""
        if turn.error is not None or turn.complete:
            is_whole = turn.error is None and not self._woken
            if error is not None and is_whole and self._is_the_apps():
                if not _is_of_lost_connection(error):
                    raise error  # of the app's code behind its loop
            return  # a complete answer only lost its connection
        if self._woken:  # whatever the reader met then, it was we who cut the connection
            turn.error = self._blamed
            return
        if error is not None:
            turn.error = told = self._failure(error)
            if told is not error:
                told.__cause__ = error

    def _failure(self, error: Exception) -> ProviderError:
        """What an exception of the reading means.

        :raises Exception: where it is none of the provider's.
        """
        # Neither the SDK's nor its HTTP client's: the SDKs' own accumulation breaks on
        # some dialects with whatever it meets.
        return from_exception(error, begun=True) or ProviderError(
            detail=f"{type(error).__name__}: {error}"
        )

    def _in_turns(self, items: Iterator[Any]) -> Generator[Any, None, None]:
        """The items, for a reading function: it may pass over all of them, and say nothing.

        :raises GeneratorExit: this was woken. To end here would say that the stream is whole.
        """
        for item in items:
            give_way()
            if self._woken:
                raise GeneratorExit
            yield item
        if self._woken:
            raise GeneratorExit

    def _leaves_the_rest(self) -> bool:
        """Whether nothing is read behind the last word, since nobody could be woken there.

        So it is where the socket is not ours to shut, as others may be using it.
        """
        return False

    @abstractmethod
    def _read(self) -> Generator[list[JSON], None, None]:
        """Each time that something comes, the dicts that it completes, if any."""

    @abstractmethod
    def _wake(self) -> None:
        """Shut the socket down, where it is still this stream's. Under the lock."""

    @abstractmethod
    def _close(self) -> None:
        """Release the connection; once."""


def _is_of_lost_connection(error: Exception) -> bool:
    """Whether a stream may have met it behind its last word: no refusal, which is another's."""
    told = from_exception(error, begun=True)
    return told is not None and told is not error and told.error_code in ("truncated", "timeout")
