"""The words alone, as they come: for curl, and for programs that want no events."""

from __future__ import annotations

import errno

from ..events import Event, Failed, Text
from .base import Streamed


class Unterminated(ConnectionResetError):
    """Raised into the server when a run fails after its first byte.

    `text/plain` has no word for failure, so the chunked body stays without its end, and curl
    and browsers report an error instead of an answer that looks whole. The run has logged why
    it failed; a lost connection is what servers end without a traceback of their own.
    """


class PlainText(Streamed):
    """`text/plain`."""

    name = "text"
    mimetype = "text/plain"

    def encode(self, events: list[Event]) -> bytes:
        for event in events:
            if isinstance(event, Failed):
                told = f"The run failed: {event.code}: {event.message}"
                raise Unterminated(errno.ECONNRESET, told)
        return "".join([event.text for event in events if isinstance(event, Text)]).encode()

    def cut(self) -> None:
        raise Unterminated(errno.ECONNRESET, "The client has left.")
