"""Server-sent events, as WHATWG HTML section 9.2 has them: encode and decode."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

_LINE_END = re.compile("\r\n|\n|\r")
# The names of fields that the spec knows; that of a comment is empty.
FIELDS = frozenset(("", "data", "event", "id", "retry"))

#: A value as one line of compact JSON, in Unicode as it is.
to_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class ServerSentEvent(NamedTuple):
    """One dispatched event (section 9.2.6)."""

    type: str
    data: str
    last_event_id: str


def frame(event: str, data: Any, id: str | None = None) -> str:
    """One frame: the event's name, and its data as one line of compact JSON.

    :param event: without CR and LF; the event classes see to that.
    :param data: anything that JSON can carry.
    :param id: for `Last-Event-ID`, without CR, LF and NUL.
    :raises TypeError, ValueError: JSON cannot carry the data.
    """
    framed = f"event: {event}\ndata: {to_json(data)}\n\n"
    return framed if id is None else f"id: {id}\n{framed}"


def mend(text: str) -> str:
    """`text` with its surrogate halves joined; lone ones, which UTF-8 cannot carry, as U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def to_bytes(frames: str) -> bytes:
    """In UTF-8; see `mend` for what it cannot carry."""
    try:
        return frames.encode()
    except UnicodeEncodeError:
        return mend(frames).encode()


def encode(event: str, data: Any, id: str | None = None) -> bytes:
    """One whole frame, in bytes; see `frame` and `to_bytes`."""
    return to_bytes(frame(event, data, id))


class Lines:
    """Bytes in, in pieces of any size; the lines that they complete out.

    :ivar rest: the bytes of a line that has not ended yet.
    """

    def __init__(self) -> None:
        self.rest = bytearray()  # of bytes, so that pieces of one byte each cost no more memory
        self._begun = False
        self._after_cr = False

    def feed(self, chunk: bytes) -> list[str]:
        """The lines that `chunk` completes."""
        if self._after_cr and chunk:
            chunk = chunk.removeprefix(b"\n")  # the second half of a CRLF
            self._after_cr = False
        end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r")) + 1
        if not end:
            self.rest += chunk
            return []
        self._after_cr = end == len(chunk) and chunk.endswith(b"\r")
        whole: bytes | bytearray = chunk[:end]
        if self.rest:
            whole = self.rest + whole
            self.rest = bytearray()
        self.rest += chunk[end:]
        # «decode» in the spec: malformed UTF-8 becomes U+FFFD, one leading BOM goes.
        text = whole.decode("utf-8", "replace")
        if not self._begun:
            text = text.removeprefix("\ufeff")
            self._begun = True
        lines = _LINE_END.split(text) if "\r" in text else text.split("\n")
        lines.pop()  # behind the last line's end
        return lines

    def end(self) -> str:
        """The line that the stream's end has cut off."""
        return "".join(self.feed(b"\n"))


class Decoder:
    """Bytes in, in pieces of any size; events out, each as soon as its blank line is there.

    :param other: called with each line that has another field than the spec's, which is to be
        ignored; an event that it returns takes the line's place all the same.
    :param most: how many bytes an event may have, and a line.
    :ivar last_event_id: as it stands after the last blank line.
    :ivar retry: the last reconnection time in milliseconds that the stream set, or None.
    :ivar too_long: an event or a line has more than `most` bytes: nothing is to be read any more.
    """

    def __init__(
        self,
        other: Callable[[str], ServerSentEvent | None] | None = None,
        most: float = math.inf,
    ) -> None:
        self.last_event_id = ""
        self.retry: int | None = None
        self.too_long = False
        self._lines = Lines()
        self._other = other
        self._most = most
        self._id = ""
        self._type = ""
        self._data: list[str] = []
        self._size = 0  # of the data, in bytes

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """The events that `chunk` completes, up to one that is too long.

        Line by line, as section 9.2.6 has it («interpreting an event stream»).
        """
        events = []
        for line in self._lines.feed(chunk):
            event = None
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if not line:  # it ends a block
                self.last_event_id = self._id
                data, kind = self._data, self._type
                self._data, self._type, self._size = [], "", 0
                event = self.dispatch(kind, data) if data else None
            elif name == "data":  # those of FIELDS, one by one
                self._size += 1 + (len(line) if line.isascii() else len(line.encode()))
                self.too_long = self._size > self._most
                self._data.append(value)
            elif name == "event":
                self._type = value
            elif name == "id":
                if "\0" not in value:
                    self._id = value
            elif name == "retry":
                if value.isascii() and value.isdigit() and len(value) < 16:
                    self.retry = int(value)
            elif name and self._other is not None:  # a comment has an empty name
                event = self._other(line)
            if event is not None:
                events.append(event)
            if self.too_long:
                return events
        self.too_long = len(self._lines.rest) > self._most
        return events

    def end(self) -> list[ServerSentEvent]:
        """What the stream's end completes: a block never is, but `other` may know the last line."""
        line = self._lines.end()
        if self._other is None or field_of(line) in FIELDS:
            return []
        event = self._other(line)
        return [] if event is None else [event]

    def dispatch(self, kind: str, data: list[str]) -> ServerSentEvent | None:
        """The event that a block is; a subclass may make something else of one.

        :param kind: its last `event` field, or empty.
        :param data: its `data` fields, of which there is one at least.
        """
        return ServerSentEvent(kind or "message", "\n".join(data), self.last_event_id)


def field_of(line: str) -> str:
    """The name of a line's field."""
    return line.partition(":")[0]


def decode(chunks: Iterable[bytes]) -> Iterator[ServerSentEvent]:
    """The events of a whole stream. A block that its end cuts off is dropped."""
    decoder = Decoder()
    for chunk in chunks:
        yield from decoder.feed(chunk)
