"""One response of a run: the bytes of its batches, and the connection that they go to.

The request's own thread writes, and while it is about something else, the watcher may: a
comment, so that no proxy takes a silent connection for dead. A lock keeps the two apart.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

from .events import Done, Event, Failed, Start
from .formats import Format, Unterminated
from .run import ClientLeft, Run
from .server import Connection

_TERMINAL = (Done, Failed)


class Delivery:
    """A run on its way to one client.

    :param heartbeat: seconds of silence after which the watcher sends a comment, where it can.

    :ivar lock: held from `begin` until the first bytes are out, in every write from then on, and
        for ever from the last one. Who has it may write to the client once the response has
        begun, and knows that the connection is still this response's.
    :ivar has_begun: bytes have left.
    :ivar sent_at: when bytes last left, on the monotonic clock; None while a write is under way.
    """

    def __init__(self, run: Run, connection: Connection, heartbeat: float) -> None:
        self.run = run
        self.connection = connection
        self.heartbeat = heartbeat
        # Looked up now: gevent may have put its own in its place since this was imported.
        self.lock = threading.Lock()
        self.sent_at: float | None = time.monotonic()
        self._has_lock = self.has_begun = False

    def begin(self) -> None:
        """The run has opened: from here on, the response is being made."""
        self._take_lock()
        self.sent_at = time.monotonic()

    def stream(self, format: Format) -> Iterator[bytes]:
        """The run in a format that has bytes for each batch; each leaves in one write.

        The first item is empty, and made before anything is encoded: the caller begins the
        generator with it, when it is not known yet what the response's headers will be.

        :raises Unterminated: the run failed, and the format has no word for that.
        """
        batches = self.run.batches()
        try:
            yield b""
            batch: list[Event] | None = [self._start(event) for event in next(batches)]
            while batch is not None:
                data, error = _encoded(format, batch)
                if data or not self.has_begun:  # the headers leave with the first bytes
                    if not self._has_lock:
                        self.lock.acquire()
                        self._has_lock = True
                    self.sent_at = None
                    yield data
                    self.sent_at = time.monotonic()
                    self.has_begun = True
                if isinstance(error, Unterminated):
                    raise error
                if self._has_lock and not isinstance(batch[-1], _TERMINAL):
                    self._has_lock = False  # behind those nothing may come
                    self.lock.release()
                batch = next(batches, None) if error is None else batches.throw(error)
        except ClientLeft:
            format.cut()
        finally:
            self.sent_at = time.monotonic()  # a write that failed is over, too
            batches.close()  # now, and not when it is collected
            self.run.close()  # its batches may never have been asked for
            self._take_lock()

    def _start(self, start: Event) -> Event:
        """What a run begins with; and how long this connection may be silent."""
        if isinstance(start, Start) and self.connection.beat is not None:
            return replace(start, heartbeat=self.heartbeat)
        return start

    def drain(self) -> None:
        """Read a run whose format has nothing to send before its end.

        :raises ClientLeft: the client has.
        """
        self._free_lock()
        try:
            for _ in self.run.batches():
                pass
        finally:
            self._take_lock()

    def _take_lock(self) -> None:
        if not self._has_lock:
            self.lock.acquire()
            self._has_lock = True

    def _free_lock(self) -> None:
        if self._has_lock:
            self._has_lock = False
            self.lock.release()


def _encoded(format: Format, batch: list[Event]) -> tuple[bytes, Exception | None]:
    """The bytes of a batch, up to an event that cannot be encoded, and why it cannot."""
    try:
        return format.encode(batch), None
    except Exception as error:  # of an app's own event, changed since it was made
        if len(batch) == 1:
            return b"", error
    whole = b""
    for event in batch:
        data, failed = _encoded(format, [event])
        whole += data
        if failed is not None:
            return whole, failed
    return whole, None
