"""The native wire: every Event one server-sent event, see the table in the README."""

from __future__ import annotations

from .. import sse
from ..events import Event, Start


class Native:
    """`text/event-stream` in Flask-Stream's own vocabulary."""

    name = "native"
    mimetype = "text/event-stream"
    comment = b": \n\n"

    def encode(self, event: Event) -> bytes:
        # The run's id on `start` alone: EventSource sends it back as Last-Event-ID when it
        # reconnects by itself, and the route then knows not to run the prompt again.
        id = event.id if isinstance(event, Start) else None
        return sse.encode(event.kind, event.payload(), id)

    def cut(self) -> None:
        pass  # a stream without its terminal event is known to be cut
