"""A provider that costs little: one process, bare sockets, and frames that are ready to be sent.

It speaks the three wires over HTTP/1.1 with chunks, one a word. The model's name says the pace
(pace.py), and each word when it was sent (stamps.py). `python -m bench.server.provider FD` serves
that listener.
"""

from __future__ import annotations

import heapq
import json
import select
import socket
import sys
import time
from itertools import count

from . import stamps
from .pace import Pace
from .wires import WIRES, Wire

PATHS = {wire.path.encode(): wire for wire in WIRES.values()}
HEAD = (
    b"HTTP/1.1 200 OK\r\n"
    b"Content-Type: text/event-stream; charset=utf-8\r\n"
    b"Cache-Control: no-cache\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Answer:
    """An answer that is being sent."""

    def __init__(self, connection: Connection, wire: Wire, pace: Pace, number: int) -> None:
        self.connection = connection
        self._wire = wire
        self._pace = pace
        self._number = number
        self._asked = stamps.now()
        self._begun = time.monotonic()
        self._texts: list[str] = []

    @property
    def due(self) -> float:
        return self._begun + self._pace.due(self._number, len(self._texts))

    @property
    def over(self) -> bool:
        return len(self._texts) == self._pace.words

    def begin(self) -> bytes:
        return HEAD + chunk(self._wire.head % {b"number": 0})

    def next_words(self) -> bytes:
        """The next word, or all where they come at once; and the end behind the last."""
        at_once = not self._pace.rate
        parts = [self._next_word()]
        while at_once and not self.over:
            parts.append(self._next_word())
        if self.over:
            whole = {b"text": "".join(self._texts).encode(), b"number": len(self._texts)}
            parts += [chunk(self._wire.tail % whole), b"0\r\n\r\n"]
        return b"".join(parts)

    def _next_word(self) -> bytes:
        sent = stamps.now()
        text = stamps.word(sent) if self._texts else stamps.first_word(self._asked, sent)
        self._texts.append(text)
        return chunk(self._wire.word % {b"text": text.encode(), b"number": len(self._texts)})


class Connection:
    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.open = True
        self.unsent = b""
        self._received = b""

    def read(self) -> list[tuple[Wire, Pace]]:
        """What has been asked, if a request is there."""
        try:
            data = self.socket.recv(65536)
        except BlockingIOError:
            return []
        except ConnectionError:
            data = b""
        if not data:
            self.open = False
            return []
        self._received += data
        head, separator, rest = self._received.partition(b"\r\n\r\n")
        if not separator:
            return []
        first, *lines = head.split(b"\r\n")
        fields = {
            name.lower(): value for name, _, value in (line.partition(b":") for line in lines)
        }
        length = int(fields.get(b"content-length", b"0"))
        if len(rest) < length:
            return []
        self._received = rest[length:]
        path = first.split(b" ")[1].partition(b"?")[0]
        return [(PATHS[path], Pace.of(json.loads(rest[:length])["model"]))]

    def send(self, data: bytes) -> None:
        data = self.unsent + data
        try:
            data = data[self.socket.send(data) :]
        except BlockingIOError:
            pass
        except ConnectionError:
            self.open = False
        self.unsent = data


class Provider:
    def __init__(self, listener: socket.socket) -> None:
        listener.setblocking(False)
        self._listener = listener
        self._epoll = select.epoll()
        self._epoll.register(listener, select.EPOLLIN)
        self._connections: dict[int, Connection] = {}
        self._numbers = count()
        # When the next word of each answer is due. (The numbers, so that no two are equal.)
        self._due: list[tuple[float, int, Answer]] = []

    def serve(self) -> None:
        while True:
            wait = max(0.0, self._due[0][0] - time.monotonic()) if self._due else None
            for descriptor, events in self._epoll.poll(wait):
                if descriptor == self._listener.fileno():
                    self._accept()
                else:
                    self._serve(self._connections[descriptor], events)
            now = time.monotonic()
            while self._due and self._due[0][0] <= now:
                _, number, answer = heapq.heappop(self._due)
                self._go_on(number, answer)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except BlockingIOError:
                return
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections[sock.fileno()] = Connection(sock)
            self._epoll.register(sock, select.EPOLLIN)

    def _serve(self, connection: Connection, events: int) -> None:
        if events & select.EPOLLOUT:
            self._send(connection, b"")
        if events & ~select.EPOLLOUT:
            for wire, pace in connection.read():
                number = next(self._numbers)
                answer = Answer(connection, wire, pace, number)
                self._send(connection, answer.begin())
                heapq.heappush(self._due, (answer.due, number, answer))
        if not connection.open:
            self._close(connection)

    def _go_on(self, number: int, answer: Answer) -> None:
        connection = answer.connection
        if connection.open:
            self._send(connection, answer.next_words())
            if not connection.open:
                self._close(connection)
            elif not answer.over:
                heapq.heappush(self._due, (answer.due, number, answer))

    def _send(self, connection: Connection, data: bytes) -> None:
        waited = bool(connection.unsent)
        connection.send(data)
        if connection.open and waited != bool(connection.unsent):
            out = select.EPOLLOUT if connection.unsent else 0
            self._epoll.modify(connection.socket, select.EPOLLIN | out)

    def _close(self, connection: Connection) -> None:
        del self._connections[connection.socket.fileno()]
        self._epoll.unregister(connection.socket)
        connection.socket.close()


def main() -> None:
    with socket.socket(fileno=int(sys.argv[1])) as listener:
        Provider(listener).serve()


if __name__ == "__main__":
    main()
