"""A provider that may send any bytes whatever: no HTTP server stands between it and the socket."""

from __future__ import annotations

import json
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tests.hostile.catalogue import BEHAVIOURS
from tests.hostile.registry import Behaviour, Wait, chunked
from tests.hostile.speech import SPEECHES
from tests.hostile.transport import whole
from tests.provider import PATHS, Clients

_WRITE = 16_384  # bytes: what is smaller waits for more
_PAUSE = 5  # milliseconds, of a Wait

RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: close() sends RST, not FIN


@dataclass
class Answer:
    """What one request got.

    :ivar sent: bytes that the kernel has taken.
    :ivar left: the client hung up before the behaviour had come to its end.
    :ivar over: set when the provider's connection is closed.
    """

    behaviour: Behaviour
    wire: str
    sent: int = 0
    left: bool = False
    over: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Cut:
    """End the connection after half of what there is to say.

    :ivar how: "FIN" or "RST".
    """

    how: str


class HostileProvider(Clients):
    """Behaves as it is told: as `behave` says, or else as the prompt of the request names it.

    A prompt is a behaviour's name, and behind a `#` whatever makes it one of its own.

    :ivar answers: what has been asked, in order.
    :ivar cut: ends all that it says in the middle.
    :ivar limit: bytes, after which one that goes on for ever has waited in vain to be left.
    :ivar patience: seconds, after which one that says nothing has, too.
    """

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.behave: Behaviour | None = None
        self.cut: Cut | None = None
        self.limit = 4_000_000
        self.patience = 4.0
        self._connections: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        # So small that what the client does not read is soon noticed here.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        self.port = self._listener.getsockname()[1]
        self.base = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> HostileProvider:
        threading.Thread(target=self._accept, daemon=True, name="hostile").start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close_clients()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # the end of the block
                return
            connection.settimeout(20)
            self._connections.add(connection)
            threading.Thread(
                target=self._serve, args=(connection,), daemon=True, name="hostile"
            ).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            request = _read_request(connection)
            if request is not None:
                self._answer(connection, *request)
        except OSError:
            pass
        finally:
            self._connections.discard(connection)
            connection.close()

    def _answer(self, connection: socket.socket, path: str, body: Any) -> None:
        behaviour = self.behave or BEHAVIOURS[_prompt_of(body)]
        wire = next((wire for wire, end in PATHS.items() if path.endswith(end)), "anthropic")
        answer = Answer(behaviour, wire)
        self.answers.append(answer)
        try:
            play = behaviour.play(wire)
            if path.startswith("/elsewhere/"):  # a redirect has led there
                play = chunked([whole(SPEECHES[wire])])
            if self.cut is not None and not behaviour.endless:
                said = b"".join(part for part in play if isinstance(part, bytes))
                play = iter([said[: len(said) // 2]])
            limit = 100_000 if self.cut is not None else self.limit
            self._send_all(connection, play, answer, limit)
            if (self.cut is not None and self.cut.how == "RST") or behaviour.resets:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
            else:
                _end(connection)
        except (ConnectionError, TimeoutError):
            answer.left = True
        finally:
            answer.over.set()

    def _send_all(self, connection: socket.socket, play: Any, answer: Answer, limit: int) -> None:
        held, deadline = bytearray(), time.monotonic() + self.patience
        for part in play:
            if isinstance(part, bytes):
                if part.startswith(b"HTTP/1.1 307"):
                    part = part.replace(b"{port}", str(self.port).encode())
                held += part
                if len(held) < _WRITE:
                    continue
            _send(connection, held, answer)
            if answer.behaviour.endless and not answer.behaviour.silent and answer.sent > limit:
                return
            if isinstance(part, Wait):
                until_left = deadline if part.is_long else time.monotonic() + _PAUSE / 1000
                if _is_left(connection, until_left):
                    raise ConnectionResetError
                if time.monotonic() > deadline:
                    return
        _send(connection, held, answer)


def _send(connection: socket.socket, held: bytearray, answer: Answer) -> None:
    view = memoryview(bytes(held))
    held.clear()
    while view:
        taken = connection.send(view)
        answer.sent += taken
        view = view[taken:]


def _is_left(connection: socket.socket, deadline: float) -> bool:
    """Wait until then, or until the client has closed its side."""
    poll = select.poll()
    poll.register(connection, select.POLLIN | select.POLLRDHUP)
    return bool(poll.poll(max(0, deadline - time.monotonic()) * 1000))


def _end(connection: socket.socket) -> None:
    """With FIN, and so that no byte is lost that the client has not read yet."""
    connection.shutdown(socket.SHUT_WR)
    connection.settimeout(1)
    with suppress(TimeoutError):
        while connection.recv(65_536):
            pass


def _read_request(connection: socket.socket) -> tuple[str, Any] | None:
    received = b""
    while b"\r\n\r\n" not in received:
        more = connection.recv(65_536)
        if not more:
            return None
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {k.strip().lower(): v.strip() for k, _, v in (x.partition(":") for x in lines[1:])}
    length = int(headers.get("content-length", 0))
    while len(body) < length:
        body += connection.recv(65_536)
    return lines[0].split(" ")[1], json.loads(body or b"{}")


def _prompt_of(body: Any) -> str:
    """The prompt, whatever the wire, up to what only makes it one of its own."""
    prompt: str = body["input"] if "input" in body else body["messages"][0]["content"]
    return prompt.partition("#")[0]


Opener = Callable[[Clients, str], Any]

# What a view may return of a provider's.
SOURCES: dict[str, Opener] = {
    "SDK stream": lambda clients, wire: clients.create(wire),
    "SDK helper": lambda clients, wire: clients.helper(wire),
    "requests": lambda clients, wire: clients.post(wire),
    "httpx": lambda clients, wire: clients.send(wire),
}
# Those whose client reads an error's body itself, before anybody else can.
BY_SDK = ("SDK stream", "SDK helper")
