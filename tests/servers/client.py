"""A client that sees every byte of what a server sends, and can be as rude as clients are."""

from __future__ import annotations

import io
import json
import re
import socket
import ssl
import struct
import time
from collections.abc import Iterator, Mapping
from typing import Any, Self
from weakref import WeakSet

DEADLINE = 60  # seconds; what is waited for takes milliseconds, on a machine that is not busy

RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: close() sends RST, not FIN

# Those that a test has not closed yet.
_open: WeakSet[Client] = WeakSet()


def close_all() -> None:
    """Close what a test that failed has left open: else another test is told of it."""
    for client in list(_open):
        client.leave()


class Client:
    """One connection, read byte by byte as RFC 9112 frames it, with no library between.

    :param tls: the context to speak TLS with.
    :param receive_buffer: the kernel's, in bytes (it takes twice that, and 2304 at least).
    :param slowly: `(size, seconds)`: takes at most that many bytes at a time, and waits so
        long before it takes more.
    """

    def __init__(
        self,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
        receive_buffer: int | None = None,
        slowly: tuple[int, float] | None = None,
    ) -> None:
        self.socket = socket.socket()
        self._file: Any = self.socket
        _open.add(self)
        self.socket.settimeout(DEADLINE)
        if receive_buffer is not None:  # it counts only when set before the connection is made
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(("127.0.0.1", port))
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self._file = (
            io.BufferedReader(_Slow(self.socket, *slowly), slowly[0])
            if slowly
            else self.socket.makefile("rb")
        )
        self._bodiless = False
        self.status = 0
        self.headers: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.leave()

    # -- leaving --

    def leave(self) -> None:
        """Close the connection: FIN, or RST where bytes have come that were not read."""
        _open.discard(self)
        self._file.close()
        self.socket.close()

    def reset(self) -> None:
        """Close the connection with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
        self.leave()

    def half_close(self) -> None:
        """Send FIN, and go on reading."""
        # The plain socket's way: TLS's own would forget the keys that reading needs.
        socket.socket.shutdown(self.socket, socket.SHUT_WR)

    # -- asking --

    def send(
        self,
        method: str,
        path: str,
        *,
        version: str = "1.1",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Self:
        """Send a request, and read nothing."""
        given = {"Host": "t", **(headers or {})}
        if method == "POST":
            given["Content-Length"] = str(len(body))
        lines = [f"{method} {path} HTTP/{version}", *(f"{k}: {v}" for k, v in given.items())]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        self._bodiless = method == "HEAD"
        return self

    def head(self) -> Self:
        """Read an answer's head."""
        version, status, _ = self._line().split(" ", 2)
        assert version in ("HTTP/1.0", "HTTP/1.1")
        self.status = int(status)
        self.headers = {}
        while line := self._line():
            name, _, value = line.partition(": ")
            assert name.lower() not in self.headers, f"{name} is there twice"
            self.headers[name.lower()] = value
        return self

    def ask(self, method: str, path: str, **more: Any) -> Self:
        """Send a request as `send` does, and read the answer's head."""
        return self.send(method, path, **more).head()

    def _line(self) -> str:
        line = self._file.readline()
        assert line.endswith(b"\r\n"), line
        return line[:-2].decode("latin-1")

    # -- reading --

    def chunk(self) -> bytes | None:
        """The next chunk of the body: b"" is its end, None a connection that ended instead."""
        head = self._file.readline()
        if not head:
            return None
        assert re.fullmatch(rb"[0-9A-Fa-f]+\r\n", head), head
        data = self._file.read(int(head, 16))
        assert len(data) == int(head, 16)
        assert self._file.read(2) == b"\r\n"
        return data

    def chunks(self) -> Iterator[bytes]:
        """The chunks up to the body's end, which must be there."""
        while (data := self.chunk()) != b"":
            assert data is not None, "the body has no end"
            yield data

    def until(self, wanted: bytes) -> bytes:
        """The body from here to `wanted`, and what came in one piece with that."""
        body = b""
        while wanted not in body:
            more = self.chunk() if "transfer-encoding" in self.headers else self._file.read1()
            assert more, f"{wanted!r} has not come: {body!r}"
            body += more
        return body

    def whole(self) -> bytes:
        """The whole body, or what is left of it."""
        if self._bodiless:
            return b""
        if "content-length" in self.headers:
            return self._file.read(int(self.headers["content-length"]))
        if "transfer-encoding" in self.headers:
            return b"".join(self.chunks())
        return self._file.read()

    def broken(self) -> bytes:
        """What is left of a chunked body, which must have no end."""
        body = b""
        while data := self.chunk():
            body += data
        assert data is None, "the body has an end, as if it were whole"
        return body

    def has_no_more(self) -> None:
        """Nothing may come after a body that was read to its end; asks `/hello` to know."""
        if self.headers.get("connection", "").lower() == "close":
            assert self._file.read() == b""
        else:
            assert self.ask("GET", "/hello").whole() == b"hello"


class _Slow(io.RawIOBase):
    """What a socket gives, a little at a time."""

    def __init__(self, sock: socket.socket, size: int, seconds: float) -> None:
        self._socket = sock
        self._size = size
        self._seconds = seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        time.sleep(self._seconds)
        return self._socket.recv_into(memoryview(buffer)[: self._size])


COMMENT = (":", None)

_FRAME = re.compile(r"(?:id: ([0-9a-f]{32})\n)?event: ([a-z_]+)\ndata: ([^\r\n]+)\n\n")


def events_of(body: bytes, *, comments: bool = False) -> list[tuple[str, Any]]:
    """The events of a whole body, every byte of which must belong to a frame of our wire.

    :param comments: whether heartbeats may be among them; each is a COMMENT.
    """
    text, at, found = body.decode(), 0, []
    while at < len(text):
        if comments and text.startswith(": \n\n", at):
            found.append(COMMENT)
            at += 4
            continue
        match = _FRAME.match(text, at)
        assert match, text[at : at + 200]
        found.append((match[2], json.loads(match[3])))
        assert (match[1] is not None) == (match[2] == "start")
        at = match.end()
    return found


def said(events: list[tuple[str, Any]]) -> str:
    """What the user reads."""
    return "".join(data["text"] for kind, data in events if kind == "text")
