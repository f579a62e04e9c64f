"""A batch of events as the bytes that a log keeps, and back.

[["text",{"text":"Hello"}],["usage",{"output_tokens":2}]]
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from .. import sse
from ..batches import Batch
from ..events import Event, Words, from_wire


def to_bytes(batch: Iterable[Event]) -> bytes:
    """:raises TypeError, ValueError: JSON cannot carry an event, which was changed since it was
    made.
    """
    return sse.to_bytes(f"[{','.join(map(_stored, batch))}]")


def from_bytes(data: bytes) -> Batch:
    """:raises TypeError, ValueError: it is none of ours."""
    return [from_wire(kind, payload) for kind, payload in json.loads(data)]


def _stored(event: Event) -> str:
    # Nearly all that there is; an app's own class may have a payload of its own.
    if isinstance(event, Words) and type(event).payload is Words.payload:
        return f'["{event.kind}",{{"text":{sse.to_json(event.text)}}}]'
    return sse.to_json([event.kind, event.payload()])
