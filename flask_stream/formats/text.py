"""The words alone, as they come: for curl, and for programs that want no events."""

from __future__ import annotations

import errno

from ..errors import FlaskStreamError
from ..events import Event, Failed, Text


class Unterminated(FlaskStreamError):
    """Raised into the server when a run fails after its first byte.

    `text/plain` has no word for failure, so the chunked body stays without its end, and curl
    and browsers report an error instead of an answer that looks whole.
    """


class PlainText:
    """`text/plain`."""

    name = "text"
    mimetype = "text/plain"
    comment = b""

    def encode(self, event: Event) -> bytes:
        if isinstance(event, Failed):
            raise Unterminated(f"The run failed: {event.code}: {event.message}")
        return event.text.encode() if isinstance(event, Text) else b""

    def cut(self) -> None:
        # What servers take for the client's doing, which it is, and do not log.
        raise ConnectionResetError(errno.ECONNRESET, "The client has left.")
