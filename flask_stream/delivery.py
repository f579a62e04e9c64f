"""One response of a run: the bytes of its batches, and the connection that they go to.

The request's own thread writes, and while it is about something else, the watcher may: a
comment, so that no proxy takes a silent connection for dead. A lock keeps the two apart.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from copy import copy
from dataclasses import replace
from typing import Protocol

from .batches import Batch
from .events import TERMINAL, Failed, Start
from .formats import Streamed, Unterminated
from .run import ClientLeft, Ending
from .server import Connection
from .told import call_all

# How long an answer that is to end may still be in one write before its client is hung up on, in
# seconds: less than what is left between a shutdown's deadline and the worker's end.
_GRACE = 1.0


class Answer(Protocol):
    """What is delivered: a `Run`, or whoever follows one."""

    @property
    def id(self) -> str:
        """The run's."""

    @property
    def over(self) -> bool:
        """Nothing of it will come any more."""

    @property
    def ending(self) -> Ending | None:
        """Why it is to end, once it is."""

    deliver: Callable[[Callable[[], Batch]], bool] | None  # see `Delivery.deliver`

    @property
    def is_elsewhere(self) -> bool:
        """Another process produces it, and goes on without this one."""

    def batches(self) -> Generator[Batch, None, None]:
        """What is to be sent, in order; the last event of all is `done` or `failed`.

        An empty batch has the headers leave where nothing else can be sent yet. An exception that
        is thrown in, for an event that cannot be sent, ends it.

        :raises ClientLeft: it was ended by that.
        """

    def end(self, ending: Ending) -> None:
        """Have its batches end; from any thread."""

    def close(self) -> None:
        """Nobody reads it any more: by the thread that has read it. May be called again."""


class Delivery:
    """An answer on its way to one client.

    :param heartbeat: seconds of silence after which the watcher sends a comment, where it can.

    :ivar lock: held in every write, and for ever from the last one. Who has it may write to the
        client, once bytes have left, and knows that the connection is still this response's.
    :ivar at_end: called once nothing is sent any more.
    :ivar has_begun: bytes have left.
    :ivar telling: what makes of `failed` what this client is told; None where that is the same.
    """

    def __init__(self, answer: Answer, connection: Connection, heartbeat: float) -> None:
        self.answer = answer
        self.connection = connection
        self.heartbeat = heartbeat
        self.at_end: list[Callable[[], None]] = []
        self.telling: Callable[[Failed], Failed] | None = None
        # Looked up now: gevent may have put its own in its place since this was imported.
        self.lock = threading.Lock()
        self._format: Streamed
        self.has_begun = self._has_start = False
        # When they last did, on the monotonic clock; None while a write is under way.
        self._sent_at: float | None = time.monotonic()
        self._beaten_at = 0.0
        self._seen_ending_at: float | None = None

    # -- for the thread that has the request --------------------------------------------------

    def stream(self, format: Streamed) -> Iterator[bytes]:
        """The answer's bytes; those of each batch leave in one write.

        The first item is empty, and made before anything is encoded: the caller begins the
        generator with it, when it is not known yet what the response's headers will be.

        :raises Unterminated: the run failed, and the format has no word for that.
        """
        batches = self.answer.batches()
        has_lock = False
        try:
            self._format = format
            yield b""
            batch = next(batches, None)
            while batch is not None:
                error: Exception | None = None
                if not self._has_start:
                    batch = self._with_heartbeat(batch)
                if self.telling is not None:
                    batch = self._told(batch, self.telling)
                try:
                    data = format.encode(batch)
                    # It is in the first with anything in it.
                    self._has_start = self._has_start or bool(batch)
                except Exception as told:
                    # Of an app's own event, changed since it was made; or Unterminated, which cuts
                    # the body, and not before there is one: a client is told the status at least.
                    data, error = b"", told
                if data or not self.has_begun:  # the headers leave with the first bytes
                    has_lock = True
                    self.lock.acquire()
                    self._sent_at = None
                    self.connection.given += len(data)
                    yield data
                    self._sent_at = time.monotonic()
                    if not self.has_begun:
                        self.answer.deliver = self.deliver
                        # From here on a comment can ask a client that has closed its half, if
                        # any can be sent.
                        self.has_begun = self.connection.notices_fin = True
                    if not (batch and isinstance(batch[-1], TERMINAL)):  # behind those is nothing
                        self.lock.release()
                        has_lock = False
                if isinstance(error, Unterminated):
                    raise error
                batch = next(batches, None) if error is None else batches.throw(error)
        except ClientLeft:
            format.cut()
        except GeneratorExit:  # a write has failed, or another response goes out
            self.connection.release()
            raise
        finally:
            self._sent_at = time.monotonic()  # a write that failed is over, too
            try:
                batches.close()  # now, and not when it is collected
                self.answer.close()  # its batches may never have been asked for
            finally:
                if not has_lock:
                    self.lock.acquire()
                self.call_at_end()

    def read_to_end(self) -> None:
        """Have an answer whose format has nothing to send before its end come to that.

        :raises ClientLeft: the client has left.
        """
        try:
            for _ in self.answer.batches():
                pass
        finally:
            self.lock.acquire()
            self.call_at_end()

    def close(self) -> None:
        """The response is over, or given up. By its request's thread; may be called again."""
        try:
            self.answer.close()
        finally:
            self.call_at_end()
            self.connection.release()

    def call_at_end(self) -> None:
        """Nothing is sent any more: let those go who wait for that; once."""
        self.answer.deliver = None
        call_all(self.at_end, f"The response of run {self.answer.id}")

    def _with_heartbeat(self, batch: Batch) -> Batch:
        """What an answer begins with; and how long this connection may be silent."""
        if self.connection.beat is None:
            return batch
        told = copy(batch)
        for at, event in enumerate(batch):
            if isinstance(event, Start):
                told[at] = replace(event, heartbeat=self.heartbeat)
        return told

    @staticmethod
    def _told(batch: Batch, telling: Callable[[Failed], Failed]) -> Batch:
        """The batch, as this client is told it."""
        if not batch or not isinstance(batch[-1], Failed):
            return batch
        told = copy(batch)
        told[-1] = telling(batch[-1])
        return told

    # -- for a thread that has a batch while the request's own waits for it -------------------

    def deliver(self, batch: Callable[[], Batch]) -> bool:
        """Send a batch if that takes no waiting: no other thread need be woken for it.

        :param batch: makes it, once it is to be sent. It is not the last one.
        :returns: whether it was; else nothing was done.
        """
        write = self.connection.write
        # Never waiting for it: who has it may wait for who calls this.
        if write is None or not self._has_start or not self.lock.acquire(blocking=False):
            return False
        try:
            if not (self.connection.is_even and self.connection.can_take()):
                return False
            data = self._format.encode(batch())
            self._sent_at = None
            try:
                write(data)
            except OSError:
                self.answer.end(ClientLeft())
            finally:
                self._sent_at = time.monotonic()
            return True
        finally:
            self.lock.release()

    # -- for the watcher, who holds the lock ---------------------------------------------------

    @property
    def is_over(self) -> bool:
        """Nobody is to be told anything any more."""
        return self.answer.over or isinstance(self.answer.ending, ClientLeft)

    def end_if_client_left(self) -> bool:
        """Whether the client has left; then the answer is to end."""
        if self.answer.ending is not None or self._is_about_to_begin:
            return False
        if not self.connection.has_left():
            return False
        self.answer.end(ClientLeft())
        return True

    def beat(self, now: float) -> None:
        """Send a comment, if it is time.

        :raises OSError: the connection is lost.
        """
        send = self.connection.beat
        if send is None or self._is_about_to_begin:
            return
        due = max(self._sent_at or now, self._beaten_at) + self.heartbeat
        if now >= due and self.connection.can_take():
            send()
            # By the clock, so that comments do not drift, but never to catch up.
            self._beaten_at = max(due, now - self.heartbeat)

    @property
    def _is_about_to_begin(self) -> bool:
        """The server has the headers, but nobody has said yet that there is a body."""
        return self.connection.beat is not None and not self.has_begun

    # -- for the watcher, where it could not have the lock -------------------------------------

    def is_stuck(self, now: float) -> bool:
        """Whether it has been seen in a write for too long since its answer is to end."""
        if self.answer.ending is None:
            return False
        if self._seen_ending_at is None:
            self._seen_ending_at = now
        return now - self._seen_ending_at >= _GRACE

    def hang_up(self) -> None:
        """Wake the thread that is blocked in a write. While the connection is its own."""
        if self._sent_at is None:
            self.connection.hang_up()
