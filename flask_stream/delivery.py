"""One response of a run: the bytes of its events, and the connection that they go to.

The request's own thread writes, and while it is about something else, the watcher may: a
comment, so that no proxy takes a silent connection for dead. A lock keeps the two apart.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

from .events import FLUSH, Done, Event, Failed, Start
from .formats import Streaming
from .formats.text import Unterminated
from .run import ClientLeft, Run
from .server import Connection

# Bytes: what came in one read leaves in one write, unless it comes to more.
_MOST_HELD = 65_536


class Delivery:
    """A run on its way to one client.

    :param heartbeat: seconds of silence after which the watcher sends a comment, where it can.

    :ivar lock: held from `begin` until the first bytes are out, in every write from then on, and
        for ever from the last one. Who has it may write to the client once the response has
        begun, and knows that the connection is still this response's.
    :ivar sent_at: when bytes last left, on the monotonic clock; None while a write is under way.
    """

    def __init__(self, run: Run, connection: Connection, heartbeat: float) -> None:
        self.run = run
        self.connection = connection
        self.heartbeat = heartbeat
        # Looked up now: gevent may have put its own in its place since this was imported.
        self.lock = threading.Lock()
        self.sent_at: float | None = time.monotonic()
        self._has_lock = False

    def begin(self) -> None:
        """The run has opened: from here on, the response is being made."""
        self._take_lock()
        self.sent_at = time.monotonic()

    def stream(self, format: Streaming) -> Iterator[bytes]:
        """The run in a streaming format; what came in one network read leaves in one write.

        The first item is empty, and made before anything is encoded: the caller begins the
        generator with it, when it is not known yet what the response's headers will be.

        :raises Unterminated: the run failed, and the format has no word for that.
        """
        run, events, held, size = self.run, self.run.events(), list[bytes](), 0
        try:
            yield b""
            event: Event | None = next(events)
            while event is not None:
                unterminated: Unterminated | None = None
                if isinstance(event, Start) and self.connection.beat is not None:
                    event = replace(event, heartbeat=self.heartbeat)
                if event is not FLUSH:
                    try:
                        encoded = format.encode(event)
                        size += len(encoded)
                        held.append(encoded)
                    except Unterminated as error:
                        unterminated = error  # what came with it is sent first
                    except Exception as error:  # of an app's own event, changed since it was made
                        event = events.throw(error)
                        continue
                if unterminated or size > _MOST_HELD or not run.more:
                    written = b"".join(held)
                    if written or isinstance(event, Start):
                        held.clear()
                        size = 0
                        self._take_lock()
                        self.sent_at = None
                        yield written
                        self.sent_at = time.monotonic()
                if unterminated is not None:
                    raise unterminated
                if not isinstance(event, Done | Failed):  # nothing may come behind those
                    self._free_lock()
                event = next(events, None)
        except ClientLeft:
            format.cut()
        finally:
            self.sent_at = time.monotonic()  # a write that failed is over, too
            events.close()  # now, and not when it is collected
            run.close()  # its events may never have been asked for
            self._take_lock()

    def drain(self) -> None:
        """Read a run whose format has nothing to send before its end.

        :raises ClientLeft: the client has.
        """
        self._free_lock()
        try:
            for _ in self.run.events():
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
