"""A client that speaks HTTP/2 (RFC 9113) without TLS, frame by frame, with no library between."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Mapping
from typing import Self

from tests.servers.client import DEADLINE

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, ACK, END_HEADERS = 1, 1, 4
_WINDOW = 2**31 - 1

# The entries of RFC 7541's static table that are a status; of others the name alone is there.
_STATUS = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}


class Http2:
    """One connection, with one request after the other.

    :param window: how many bytes of an answer may be sent before anything is said about it.
    :ivar status: of the last answer.
    """

    def __init__(self, port: int, window: int = _WINDOW) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        self._file = self._socket.makefile("rb")
        self._stream = -1
        self.status = 0
        self._socket.sendall(PREFACE + frame(SETTINGS, 0, 0, struct.pack(">HI", 4, window)))
        more = struct.pack(">I", _WINDOW - 65_535)  # for the connection as a whole
        self._socket.sendall(frame(WINDOW_UPDATE, 0, 0, more))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> int:
        """Send a request that has no body; gives its stream's number."""
        self._stream += 2
        told = {":method": method, ":scheme": "http", ":authority": "t", ":path": path}
        block = b"".join(_literal(k.lower(), v) for k, v in {**told, **(headers or {})}.items())
        self.send(frame(HEADERS, END_HEADERS | END_STREAM, self._stream, block))
        return self._stream

    def reset(self, stream: int) -> None:
        """Nobody wants its answer any more."""
        self.send(frame(RST_STREAM, 0, stream, struct.pack(">I", 8)))

    def answer(self, stream: int) -> tuple[bytes, bool]:
        """The answer's body, and whether it came to its end."""
        body = bytearray()
        for kind, flags, of, payload in self._frames():
            if kind == GOAWAY:
                return bytes(body), False
            if of != stream:
                continue
            if kind == RST_STREAM:
                return bytes(body), False
            if kind == HEADERS and not self.status:
                self.status = _status_of(payload)
            elif kind == DATA:
                body += payload
            if flags & END_STREAM:
                return bytes(body), True
        return bytes(body), False

    def _frames(self) -> Iterator[tuple[int, int, int, bytes]]:
        while len(head := self._file.read(9)) == 9:
            length, kind, flags = int.from_bytes(head[:3]), head[3], head[4]
            payload = self._file.read(length)
            if kind in (SETTINGS, PING) and not flags & ACK:
                self.send(frame(kind, ACK, 0, payload if kind == PING else b""))
            yield kind, flags, int.from_bytes(head[5:]) & _WINDOW, payload


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">IBI", len(payload) << 8 | kind, flags, stream) + payload


def _literal(name: str, value: str) -> bytes:
    """RFC 7541 section 6.2.2: a field that no table is to keep, without Huffman's coding."""
    return b"\0" + _string(name.encode()) + _string(value.encode())


def _string(data: bytes) -> bytes:
    """RFC 7541 section 5: its length, as an integer of which seven bits are in the first byte."""
    length = len(data)
    if length < 127:
        return bytes([length]) + data
    coded, rest = bytearray([127]), length - 127
    while rest > 127:
        coded.append(rest % 128 + 128)
        rest //= 128
    return bytes([*coded, rest]) + data


def _status_of(block: bytes) -> int:
    """That of a field block which begins with it, as it must."""
    while block[0] & 0xE0 == 0x20:  # the size of a table
        block = block[1:]
    if block[0] & 0x80:
        return _STATUS[block[0] & 0x7F]
    return int(block[2:5])
