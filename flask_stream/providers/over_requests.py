"""A streaming `requests.Response`, read with sseclient-py."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

from ..errors import SourceError
from .source import Source
from .turn import JSON
from .wire import Stray, field_of_error, parse

_LINE_END = re.compile("\r\n|\n|\r")

# Those of the spec; a comment has an empty name.
_FIELDS = {"event", "data", "id", "retry", ""}


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
        self._client = SSEClient(cast(Iterator[bytes], _Body(response)))

    def _read(self) -> Iterator[JSON]:
        for event in self._client.events():
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
    """The body of a `requests.Response` for sseclient-py: whole blocks, as soon as they are there.

    A block is the lines of one event. Malformed UTF-8, which sseclient would stop at, becomes
    U+FFFD, and a leading BOM goes (WHATWG «decode»). A last block without its blank line is
    dropped, as WHATWG has it. What providers write between the events becomes one: a field
    `error:`, or an error in JSON at the end.
    """

    def __init__(self, response: Any) -> None:
        self._response = response
        self._stray = Stray()
        self._line: list[str] = []  # the pieces of a line that has not ended yet
        self._block: list[str] = []
        self._after_cr = False

    def __iter__(self) -> Iterator[bytes]:
        utf8 = codecs.getincrementaldecoder("utf-8-sig")("replace")
        for chunk in self._chunks():
            for line in self._lines(utf8.decode(chunk)):
                if line:
                    self._add(line)
                elif self._block:
                    yield "\n".join([*self._block, "", ""]).encode()
                    self._block.clear()
        error = self._stray.error("".join(self._line))
        if error is not None:
            yield f"event: error\ndata: {json.dumps(error)}\n\n".encode()

    def _add(self, line: str) -> None:
        error = field_of_error(line)
        if error is not None:
            self._block += ["event: error", f"data: {error}"]
        elif line.partition(":")[0] in _FIELDS:
            self._block.append(line)
        else:
            self._stray.add(line)

    def _lines(self, text: str) -> list[str]:
        """The lines that `text` completes; CR, LF and CRLF end one."""
        if self._after_cr and text:
            text = text.removeprefix("\n")
            self._after_cr = False
        if not text:
            return []
        self._after_cr = text[-1] == "\r"
        first, *more = _LINE_END.split(text)
        self._line.append(first)
        if not more:
            return []
        whole = ["".join(self._line), *more]
        self._line = [whole.pop()]
        return whole

    def _chunks(self) -> Iterator[bytes]:
        """Without chunked framing `requests` would wait until a whole block is full."""
        raw = self._response.raw
        if getattr(raw, "chunked", False):
            yield from raw.stream(None, decode_content=True)
            return
        while chunk := raw.read1(65536, decode_content=True):
            yield chunk

    def close(self) -> None:
        self._response.close()
