"""What a provider does with one request: scripts for `Provider.run` (tests/provider.py).

Each sends pieces of bytes: a list of them, or a function that makes it from the Exchange, whose
`body`, `path` and `headers` say what was asked.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from tests.provider import Exchange, Script
from tests.servers.client import DEADLINE

Pieces = Sequence[bytes] | Callable[[Exchange], Sequence[bytes]]

SSE = "text/event-stream"
NDJSON = "application/x-ndjson"


def speak(pieces: Pieces, content_type: str = SSE, pause: float = 0.0) -> Script:
    """Send all, and end the body.

    :param pause: seconds before each piece but the first.
    """

    def script(exchange: Exchange) -> None:
        _say(exchange, pieces, content_type, pause)
        exchange.end()

    return script


def cut(pieces: Pieces, content_type: str = SSE) -> Script:
    """Send all, and close the connection without an end of the body."""

    def script(exchange: Exchange) -> None:
        _say(exchange, pieces, content_type)
        exchange.cut()

    return script


def fail(status: int, body: Any) -> Script:
    """Answer with an error's status and its JSON."""
    return lambda exchange: exchange.answer(status, body)


class Silent:
    """Send all, and then nothing more, until the client closes its connection."""

    def __init__(self, pieces: Pieces, content_type: str = SSE) -> None:
        self._pieces = pieces
        self._content_type = content_type
        self._silent = threading.Event()
        self._gone = threading.Event()
        self._gone_at = 0.0

    def __call__(self, exchange: Exchange) -> None:
        _say(exchange, self._pieces, self._content_type)
        self._silent.set()
        if exchange.gone(2 * DEADLINE):
            self._gone_at = time.monotonic()
            self._gone.set()
        exchange.cut()

    def said_all(self) -> None:
        """Wait until the silence has begun."""
        assert self._silent.wait(DEADLINE), "the provider was not asked, or not heard"

    @property
    def is_left(self) -> bool:
        return self._gone.is_set()

    def left_at(self) -> float:
        """When the client had closed its connection, on the monotonic clock, once it has."""
        assert self._gone.wait(DEADLINE), "the provider's connection was not closed"
        return self._gone_at


class Together:
    """Send the first piece to each of so many clients, and the rest once all of them are here."""

    def __init__(self, number: int, pieces: Pieces, content_type: str = SSE) -> None:
        self._all = threading.Barrier(number)
        self._pieces = pieces
        self._content_type = content_type

    def __call__(self, exchange: Exchange) -> None:
        first, *rest = _made(exchange, self._pieces)
        _say(exchange, [first], self._content_type)
        try:
            self._all.wait(DEADLINE)
        except threading.BrokenBarrierError:  # the client is told by a body that has no end
            exchange.cut()
            return
        for piece in rest:
            exchange.send(piece)
        exchange.end()


def _made(exchange: Exchange, pieces: Pieces) -> Sequence[bytes]:
    return pieces(exchange) if callable(pieces) else pieces


def _say(exchange: Exchange, pieces: Pieces, content_type: str, pause: float = 0.0) -> None:
    made = _made(exchange, pieces)
    exchange.start(content_type)
    for number, piece in enumerate(made):
        if number:
            time.sleep(pause)
        exchange.send(piece)
