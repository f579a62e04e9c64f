"""Server-sent events, as WHATWG HTML section 9.2 has them: encode and decode."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

_LINE_END = re.compile("\r\n|\n|\r")
# The names of fields that the spec knows; that of a comment is empty.
FIELDS = frozenset(("", "data", "event", "id", "retry"))
_dumps = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class ServerSentEvent(NamedTuple):
    """One dispatched event (section 9.2.6)."""

    type: str
    data: str
    last_event_id: str


def encode(event: str, data: Any, id: str | None = None) -> bytes:
    """One frame: the event's name, and its data as one line of compact JSON in UTF-8.

    :param event: without CR and LF; the event classes see to that.
    :param data: anything that JSON can carry. Lone surrogates, which UTF-8 cannot, become
        U+FFFD.
    :param id: for `Last-Event-ID`, without CR, LF and NUL.
    :raises TypeError, ValueError: JSON cannot carry the data.
    """
    frame = f"event: {event}\ndata: {_dumps(data)}\n\n"
    if id is not None:
        frame = f"id: {id}\n{frame}"
    try:
        return frame.encode()
    except UnicodeEncodeError:
        return frame.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


class Lines:
    """Bytes in, in pieces of any size; the lines that they complete out.

    :ivar rest: a line that has not ended yet.
    """

    def __init__(self) -> None:
        # «decode» in the spec: malformed UTF-8 becomes U+FFFD, one leading BOM goes.
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = False
        self._after_cr = False
        self._pieces: list[str] = []

    @property
    def rest(self) -> str:
        return "".join(self._pieces)

    def feed(self, chunk: bytes) -> list[str]:
        """The lines that `chunk` completes."""
        text = self._utf8.decode(chunk)
        if not self._begun and text:
            self._begun = True
            text = text.removeprefix("\ufeff")
        if self._after_cr and text:
            text = text.removeprefix("\n")  # the second half of a CRLF
            self._after_cr = False
        if not text:
            return []
        self._after_cr = text[-1] == "\r"
        lines = _LINE_END.split(text) if "\r" in text else text.split("\n")
        self._pieces.append(lines[0])
        if len(lines) == 1:
            return []
        lines[0] = "".join(self._pieces)
        self._pieces = [lines.pop()]
        return lines


class Decoder:
    """Bytes in, in pieces of any size; events out, each as soon as its blank line is there.

    :param other: called with each line that has another field than the spec's, which is to be
        ignored; an event that it returns takes the line's place all the same.
    :ivar last_event_id: as it stands after the last blank line.
    :ivar retry: the last reconnection time in milliseconds that the stream set, or None.
    """

    def __init__(self, other: Callable[[str], ServerSentEvent | None] | None = None) -> None:
        self.last_event_id = ""
        self.retry: int | None = None
        self._lines = Lines()
        self._other = other
        self._id = ""
        self._type = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """The events that `chunk` completes."""
        lines = self._lines.feed(chunk)
        return [event for line in lines if (event := self._process(line)) is not None]

    def end(self) -> list[ServerSentEvent]:
        """What the stream's end completes: a block never is, but `other` may know the last line."""
        line = self._lines.rest
        if self._other is None or field_of(line) in FIELDS:
            return []
        event = self._other(line)
        return [] if event is None else [event]

    def _process(self, line: str) -> ServerSentEvent | None:
        """One whole line (section 9.2.6, «interpreting an event stream»)."""
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
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
            return self._other(line)
        return None

    def _dispatch(self) -> ServerSentEvent | None:
        self.last_event_id = self._id
        data, kind = self._data, self._type
        self._data, self._type = [], ""
        if not data:
            return None
        return ServerSentEvent(kind or "message", "\n".join(data), self.last_event_id)


def field_of(line: str) -> str:
    """The name of a line's field."""
    return line.partition(":")[0]


def decode(chunks: Iterable[bytes]) -> Iterator[ServerSentEvent]:
    """The events of a whole stream. A block that its end cuts off is dropped."""
    decoder = Decoder()
    for chunk in chunks:
        yield from decoder.feed(chunk)
