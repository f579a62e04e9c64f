"""A streaming `requests.Response`, its events read with sseclient-py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from ..errors import SourceError
from ..sse import FIELDS, Lines, ServerSentEvent, field_of
from .lent import Lent
from .stray import Strays
from .wire import Body, Events

# sseclient (1.9) copies what it has of a block at each of its lines.
_MOST_LINES = 100


class RequestsStream(Body):
    """A `requests.Response` whose body has not been read."""

    def __init__(self, response: Any) -> None:
        super().__init__()
        self._blocks = Blocks()
        self.response = response
        self._lent = Lent(response.raw, "release_conn", self._lock)

    def _events(self) -> Events:
        return self._blocks

    def _bytes(self) -> Iterator[bytes]:
        """The body's bytes as soon as they are there.

        Without chunked framing `requests` itself waits until a whole block is full.
        """
        raw = self.response.raw
        if getattr(raw, "chunked", False):
            yield from raw.stream(None, decode_content=True)
            return
        while chunk := raw.read1(65536, decode_content=True):
            yield chunk

    def _wake(self) -> None:
        if self._lent.ours:
            with suppress(ValueError, RuntimeError):  # it never had a connection of its own
                self.response.raw.shutdown()

    def _close(self) -> None:
        self.response.close()


class Blocks:
    """Cuts a body at its blank lines, and has sseclient-py read what stands between them.

    It is given whole blocks, as soon as they end; it would give a last one without its blank
    line too, which WHATWG drops, and stop at malformed UTF-8.
    """

    def __init__(self) -> None:
        try:
            from sseclient import SSEClient
        except ImportError:
            raise SourceError(
                "Reading a requests.Response takes sseclient-py, which is not installed. "
                "Install it with: pip install 'flask-stream-sse[requests]'"
            ) from None
        self._client = SSEClient
        self._lines = Lines()
        self._stray = Strays()
        self._block: list[str] = []

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        return [e for line in self._lines.feed(chunk) for e in self._process(line)]

    def end(self) -> list[ServerSentEvent]:
        line = self._lines.rest
        return [] if field_of(line) in FIELDS else list(self._process(line))

    def _process(self, line: str) -> Iterator[ServerSentEvent]:
        if line and field_of(line) in FIELDS:
            self._block.append(line)
        elif line:
            stray = self._stray(line)
            if stray is not None:
                yield stray
        elif self._block:
            block = "\n".join(_joined(self._block)) + "\n\n"
            self._block = []
            for event in self._client(iter((block.encode(),))).events():
                yield ServerSentEvent(event.event, event.data, event.id or "")


def _joined(lines: list[str]) -> list[str]:
    """The lines of a block, where they are many with all its data on one.

    To JSON, a line's end between its parts is a space like any other.
    """
    if len(lines) <= _MOST_LINES:
        return lines
    last = {field_of(line): line for line in lines}  # of the others, the last one counts
    if "data" in last:
        last["data"] = "data:" + " ".join(line[5:] for line in lines if field_of(line) == "data")
    return list(last.values())
