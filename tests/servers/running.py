"""Servers that run `site`, and a client that sees every byte of what they send."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from tests.conftest import ROOT
from tests.provider import Exchange, frames
from tests.transcripts.reading import block, delta, start

DEADLINE = 30  # seconds; what is waited for takes milliseconds

GUNICORN = [sys.executable, "-m", "gunicorn", "tests.servers.site:app", "--graceful-timeout=5"]
GUNICORN += ["--no-control-socket", "--log-level=warning", "--bind=fd://{fd}"]
COMMANDS = {
    "gunicorn gthread": [*GUNICORN, "--worker-class=gthread", "--threads=64"],
    "gunicorn sync": [*GUNICORN, "--worker-class=sync"],
    "Werkzeug": [
        *(sys.executable, "-c"),
        "from werkzeug.serving import make_server; from tests.servers.site import app;"
        "make_server('127.0.0.1', 0, app, threaded=True, fd={fd}).serve_forever()",
    ],
}


class Server:
    """A running server.

    :ivar port: where it listens, on loopback.
    """

    def __init__(self, port: int, log: Path, results: Path) -> None:
        self.port = port
        self._log = log
        self._results = results

    @property
    def log(self) -> str:
        return self._log.read_text()

    def results_of(self, prompt: str) -> list[list[Any]]:
        """How each run for `prompt` ended, once one has: its outcome and its text."""

        def found() -> list[list[Any]]:
            lines = self._results.read_text().splitlines() if self._results.exists() else []
            ended = [json.loads(line) for line in lines]
            return [rest for [arguments, *rest] in ended if arguments == {"prompt": prompt}]

        return until(found, f"no run for {prompt!r} has ended")


def until(look: Callable[[], Any], otherwise: str) -> Any:
    """What `look` gives, as soon as it is true."""
    deadline = time.monotonic() + DEADLINE
    while not (found := look()):
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.01)
    return found


@contextmanager
def running(name: str, provider: str, folder: Path) -> Iterator[Server]:
    """Start a server on a free port, wait until it answers, and stop it at the end."""
    log, results = folder / "server.log", folder / "results.jsonl"
    environment = {**os.environ, "PROVIDER": provider, "RESULTS": str(results)}
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener, log.open("wb") as out:
        fd = listener.fileno()
        process = subprocess.Popen(
            [part.format(fd=fd) for part in COMMANDS[name]],
            cwd=ROOT,
            env=environment,
            pass_fds=[fd],
            stdout=out,
            stderr=out,
        )
        server = Server(listener.getsockname()[1], log, results)
        try:
            # The listener is ours and open already: this waits for the process behind it.
            with Client(server.port) as client:
                assert client.ask("GET", "/hello").whole() == b"hello", server.log
            yield server
        finally:
            process.terminate()
            try:
                process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(DEADLINE)


class Client:
    """One connection, read byte by byte as RFC 9112 frames it, with no library between."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        self._file = self.socket.makefile("rb")
        self.status = 0
        self.headers: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.leave()

    def leave(self) -> None:
        self._file.close()
        self.socket.close()

    def ask(self, method: str, path: str) -> Self:
        """Send a request, and read the answer's head."""
        length = "Content-Length: 0\r\n" if method == "POST" else ""
        self.socket.sendall(f"{method} {path} HTTP/1.1\r\nHost: t\r\n{length}\r\n".encode())
        version, status, _ = self._line().split(" ", 2)
        assert version == "HTTP/1.1"
        self.status = int(status)
        self.headers = {}
        while line := self._line():
            name, _, value = line.partition(": ")
            assert name.lower() not in self.headers, f"{name} is there twice"
            self.headers[name.lower()] = value
        return self

    def _line(self) -> str:
        line = self._file.readline()
        assert line.endswith(b"\r\n"), line
        return line[:-2].decode("latin-1")

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

    def whole(self) -> bytes:
        """The whole body."""
        if "content-length" in self.headers:
            return self._file.read(int(self.headers["content-length"]))
        return b"".join(self.chunks())


_FRAME = re.compile(r"(?:id: ([0-9a-f]{32})\n)?event: ([a-z_]+)\ndata: ([^\r\n]+)\n\n")


def events_of(body: bytes) -> list[tuple[str, Any]]:
    """The events of a whole body, every byte of which must belong to a frame of our wire."""
    text, at, found = body.decode(), 0, []
    while at < len(text):
        match = _FRAME.match(text, at)
        assert match, text[at : at + 200]
        found.append((match[2], json.loads(match[3])))
        assert (match[1] is not None) == (match[2] == "start")
        at = match.end()
    return found


# -- what the provider says -------------------------------------------------------------


def prompt_of(exchange: Exchange) -> str:
    prompt: str = exchange.body["messages"][0]["content"]
    return prompt


def words_for(prompt: str) -> list[str]:
    """An answer that no other prompt gets."""
    return [f"{prompt}·{number} \u2028{chr(0x1F500 + number)}\n" for number in range(40)]


HEAD = frames(start(model="m"), *block(0, {"type": "text", "text": ""})[:1])
TAIL = frames(
    {"type": "content_block_stop", "index": 0}, delta("end_turn"), {"type": "message_stop"}
)


def word(text: str) -> bytes:
    inner = {"type": "text_delta", "text": text}
    return frames({"type": "content_block_delta", "index": 0, "delta": inner})


def speak(exchange: Exchange) -> None:
    """Answer the prompt's own words, one a write."""
    exchange.start()
    exchange.send(HEAD)
    for text in words_for(prompt_of(exchange)):
        exchange.send(word(text))
    exchange.send(TAIL)
    exchange.end()
