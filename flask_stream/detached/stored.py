"""A batch of events as the bytes that a log keeps, and back.

Four bytes that tell whether the rest is what was written, there, and behind that

[["text",{"text":"Hello"}],["usage",{"output_tokens":2}]]

SQLite's pages have no sums of their own, and half of a word may be a word.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from zlib import crc32

from .. import sse
from ..batches import Batch
from ..events import Event, Words, from_wire


def to_bytes(batch: Iterable[Event], last: int) -> bytes:
    """:param last: the number of its last event.
    :raises TypeError, ValueError: JSON cannot carry an event, which was changed since it was made.
    """
    data = sse.to_bytes(f"[{','.join(map(_stored, batch))}]")
    return _sum(data, last) + data


def from_bytes(data: bytes, last: int) -> Batch:
    """:raises TypeError, ValueError: it is none of ours."""
    if data[:4] != _sum(data[4:], last):
        raise ValueError("its bytes are not what was written")
    return [from_wire(kind, payload) for kind, payload in json.loads(data[4:])]


def _sum(data: bytes, last: int) -> bytes:
    return crc32(data, last & 0xFFFFFFFF).to_bytes(4)


def _stored(event: Event) -> str:
    # Nearly all that there is; an app's own class may have a payload of its own.
    if isinstance(event, Words) and type(event).payload is Words.payload:
        return f'["{event.kind}",{{"text":{sse.to_json(event.text)}}}]'
    return sse.to_json([event.kind, event.payload()])
