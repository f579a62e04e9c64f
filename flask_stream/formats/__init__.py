"""How a run becomes bytes in the format that its request asks for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Protocol

from ..events import FLUSH, Event
from ..run import ClientLeft, Run
from .html import Html
from .json import Json
from .negotiate import FORMATS, Format, choose, prefers_html
from .text import Unterminated

__all__ = [
    "FORMATS",
    "Format",
    "Html",
    "Json",
    "Streaming",
    "Unterminated",
    "body",
    "choose",
    "prefers_html",
]


class Streaming(Protocol):
    """A format that has bytes for each event.

    :ivar comment: bytes that mean nothing, to show that the connection lives; b"" for none.
    """

    name: str
    mimetype: str
    comment: bytes

    def encode(self, event: Event) -> bytes: ...

    def cut(self) -> None:
        """Called where a run ends without its terminal event, since its client has left.

        :raises OSError: nothing but a broken connection shows that the body is not whole.
        """


def body(run: Run, format: Streaming) -> Iterator[bytes]:
    """The run in a streaming format; what came in one network read leaves in one write."""
    events = run.events()
    held: list[bytes] = []
    run.sent_at = None
    try:
        yield format.encode(next(events))  # `start`, which waits for nobody; text: b""
        run.sent_at = time.monotonic()
        for event in events:
            if event is not FLUSH:
                held.append(format.encode(event))
            if not run.more and (written := b"".join(held)):
                held.clear()
                run.sent_at = None
                yield written
                run.sent_at = time.monotonic()
    except ClientLeft:
        format.cut()
    finally:
        events.close()  # type: ignore[attr-defined]  # now, and not when it is collected
