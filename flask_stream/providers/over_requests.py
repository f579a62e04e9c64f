"""A streaming `requests.Response`, its events read with sseclient-py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from ..errors import SourceError
from ..giving_way import give_way
from ..sse import Decoder, ServerSentEvent
from .blocks import Blocks
from .lent import Lent
from .stray import Strays
from .unpack import OURS, coding_of, unpacked
from .wire import Body

# At most so many bytes are unpacked at once, whatever a few compressed ones unfold to (urllib3
# 2.6 and later).
_READ = 65_536


class RequestsStream(Body):
    """A `requests.Response` whose body has not been read."""

    def __init__(self, response: Any) -> None:
        super().__init__()
        self.response = response
        self._lent = Lent(response.raw, "release_conn", self._lock)

    def open(self) -> None:
        """:raises SourceError: sseclient-py is not there."""
        _sse_client()

    def _events(self) -> Decoder:
        return Events(self.most_event_bytes)

    def _bytes(self) -> Iterator[bytes]:
        """The body's bytes as soon as they are there.

        Without chunked framing `requests` itself waits until a whole block is full.
        """
        coding = coding_of(self.response.headers.get("Content-Encoding"))
        chunks = self._chunks(decode_content=coding not in OURS)
        return unpacked(chunks, coding) if coding in OURS else chunks

    def _chunks(self, *, decode_content: bool) -> Iterator[bytes]:
        raw = self.response.raw
        if getattr(raw, "chunked", False):
            yield from raw.stream(_READ, decode_content=decode_content)
            return
        while chunk := raw.read1(_READ, decode_content=decode_content):
            yield chunk

    def _wake(self) -> None:
        if self._lent.ours:
            with suppress(ValueError, RuntimeError):  # it never had a connection of its own
                self.response.raw.shutdown()

    def _close(self) -> None:
        self.response.close()


def _sse_client() -> Any:
    try:
        from sseclient import SSEClient
    except ImportError:
        raise SourceError(
            "Reading a requests.Response takes sseclient-py, which is not installed. "
            "Install it with: pip install 'flask-stream-sse[requests]'"
        ) from None
    return SSEClient


class Events(Blocks):
    """Has sseclient-py read each block.

    It would give a last one without its blank line too, which WHATWG drops, and stop at
    malformed UTF-8.
    """

    def __init__(self, most: int) -> None:
        super().__init__(Strays(), most)
        self._client = _sse_client()

    def read(self, block: bytes) -> ServerSentEvent | None:
        give_way()  # sseclient takes some microseconds for each, and one read may bring thousands
        for event in self._client(iter((block,))).events():
            return ServerSentEvent(event.event, event.data, "")
        return None
