"""What stands in an event stream outside of its events, and says that something went wrong.

Seen from dialects: an SSE field of its own, `error: {…}`; and JSON that nobody has framed,
from a proxy or a server that met an error after it had begun to stream, on one line or over
several, at times with the next event's text right behind it.
"""

from __future__ import annotations

import re

from ..giving_way import give_way
from ..sse import ServerSentEvent
from .digits import raw_decode

# As much of a JSON text is kept, in characters: enough for an error.
_MOST = 65_536

# A JSON string, which may hold brackets of its own, or a bracket. Possessive: see `cut_json`.
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]')
_DEPTH = {"{": 1, "[": 1, "}": -1, "]": -1}


class Strays:
    """Called with each line whose field is not one of WHATWG's.

    :returns: an event in the place of what the line ends; None for most lines.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []  # of a JSON text that is still open
        self._size = self._depth = 0

    def __call__(self, line: str) -> ServerSentEvent | None:
        give_way()  # one read may bring thousands
        if not self._lines:
            name, _, value = line.partition(":")
            if name == "error":
                return _of_field(value.strip())
            if line.lstrip()[:1] not in ("{", "["):
                return None
        self._lines.append(line)
        self._size += len(line)
        if self._size < _MOST:  # what is longer is taken for whole: its brackets are not counted
            self._depth += sum(_DEPTH.get(found[0], 0) for found in _TOKEN.finditer(line))
            if self._depth > 0:
                return None
        text = "\n".join(self._lines).strip()
        self._lines, self._size, self._depth = [], 0, 0
        return _of_json(text)


def _of_field(value: str) -> ServerSentEvent | None:
    # A server that writes all its fields each time leaves this one empty.
    return ServerSentEvent("error", value, "") if value not in ("", "null") else None


def _of_json(text: str) -> ServerSentEvent | None:
    try:
        _, end = raw_decode(text)
    except (ValueError, RecursionError):
        return None
    # An error or a whole answer: its reader knows.
    return ServerSentEvent("message", text[:end], "")
