"""A streaming `requests.Response`, read with sseclient-py."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

from ..errors import SourceError
from .source import Source
from .turn import JSON
from .wire import parse


class RequestsStream(Source):
    """A `requests.Response` whose body has not been read."""

    def __init__(self, response: Any) -> None:
        super().__init__()
        try:
            from sseclient import SSEClient
        except ImportError:
            raise SourceError(
                "Reading a requests.Response takes sseclient-py, which is not installed. "
                "Install it with: pip install 'flask-stream-sse[requests]'"
            ) from None
        self.response = response
        self._released = False
        self._watch_release(response.raw)
        self._body = _Body(response)
        self._client = SSEClient(cast(Iterator[bytes], self._body))

    def _read(self) -> Iterator[JSON]:
        for event in self._client.events():
            if self._body.cut:
                return  # sseclient gives a last block that has no blank line; WHATWG drops it
            d = parse(event.data, event.event)
            if d is not None:
                yield d

    def _watch_release(self, raw: Any) -> None:
        """Know of the connection's return to the pool before it happens.

        urllib3 (2.8) forgets the connection only after it has given it back, when it may carry
        somebody else's stream already.
        """
        release_conn = raw.release_conn

        def release() -> None:
            with self._lock:  # a cancel has it while it shuts the socket down
                self._released = True
            release_conn()

        raw.release_conn = release

    def _wake(self) -> None:
        if not self._released:
            with suppress(ValueError, RuntimeError):  # it never had a connection of its own
                self.response.raw.shutdown()

    def _close(self) -> None:
        self.response.close()


class _Body:
    """The bytes of a `requests.Response`, as soon as they are there, for sseclient-py.

    Without chunked framing `requests` waits until a whole block is full. Malformed UTF-8,
    which sseclient would stop at, becomes U+FFFD, and a leading BOM goes (WHATWG «decode»).

    :ivar cut: the body has ended in the middle of an event.
    """

    def __init__(self, response: Any) -> None:
        self._response = response
        self._end = "\n\n"
        self._over = False

    @property
    def cut(self) -> bool:
        return self._over and not self._end.endswith(("\n\n", "\r\r", "\r\n\r\n"))

    def __iter__(self) -> Iterator[bytes]:
        utf8 = codecs.getincrementaldecoder("utf-8-sig")("replace")
        for chunk in self._chunks():
            text = utf8.decode(chunk)
            if text:
                self._end = (self._end + text)[-4:]
                yield text.encode()
        self._over = True

    def _chunks(self) -> Iterator[bytes]:
        raw = self._response.raw
        if getattr(raw, "chunked", False):
            yield from raw.stream(None, decode_content=True)
            return
        while chunk := raw.read1(65536, decode_content=True):
            yield chunk

    def close(self) -> None:
        self._response.close()
