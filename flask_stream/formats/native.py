"""The native wire: every Event one server-sent event, see the table in the README."""

from __future__ import annotations

from .. import sse
from ..batches import Numbered
from ..events import Event, Start, Step, Words
from .base import Streamed


class Native(Streamed):
    """`text/event-stream` in Flask-Stream's own vocabulary."""

    name = "native"
    mimetype = "text/event-stream"
    comment = b": \n\n"

    def encode(self, events: list[Event]) -> bytes:
        if isinstance(events, Numbered):
            ids = [f"{events.run}.{number}" for number in events.numbers]
            return sse.to_bytes("".join(map(_frame, events, ids)))
        return sse.to_bytes("".join(map(_frame, events)))


def _frame(event: Event, id: str | None = None) -> str:
    # Nearly all that there is; an app's own class may have a payload of its own.
    if isinstance(event, Words) and type(event).payload is Words.payload:
        framed = f'event: {event.kind}\ndata: {{"text":{sse.to_json(event.text)}}}\n\n'
        return framed if id is None else f"id: {id}\n{framed}"
    if isinstance(event, Step):
        return ""
    # Of a run that is in no log, the run's id on `start` alone: EventSource sends it back as
    # Last-Event-ID when it reconnects by itself, and the route then knows not to run the prompt
    # again.
    if id is None and isinstance(event, Start):
        id = event.id
    return sse.frame(event.kind, event.payload(), id)
