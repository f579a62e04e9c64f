"""gunicorn as a process, and the provider behind it, whose words the test says."""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from tests.made import Made
from tests.provider import Exchange, Provider
from tests.servers.running import DEADLINE, Client, stop, until
from tests.servers.talk import ANTHROPIC, prompt_of

HEAD, TAIL, word = ANTHROPIC.head, ANTHROPIC.tail, ANTHROPIC.word

COMMAND = [sys.executable, "-m", "gunicorn", "tests.browser.real_site:app", "--bind=fd://{fd}"]
COMMAND += ["--worker-class=gthread", "--threads=32", "--graceful-timeout=5"]
COMMAND += ["--no-control-socket", "--log-level=warning"]


class Answer:
    """What the provider says to one prompt, a piece at a time."""

    def __init__(self, exchange: Exchange) -> None:
        self.over = threading.Event()
        self._exchange = exchange
        self._begun = False

    def begin(self) -> Answer:
        if not self._begun:
            self._begun = True
            self._exchange.start()
            self._exchange.send(HEAD)
        return self

    def say(self, text: str) -> Answer:
        self.begin()._exchange.send(word(text))
        return self

    def finish(self) -> None:
        self.begin()._exchange.send(TAIL)
        self._exchange.end()
        self.over.set()

    def refuse(self, status: int, **headers: str) -> None:
        body = {"type": "error", "error": {"type": "rate_limit_error", "message": "no"}}
        self._exchange.answer(status, body, headers)
        self.over.set()

    def wait_until_app_left(self) -> None:
        """The connection from the app is closed: no token is paid for any more."""
        assert self._exchange.gone(DEADLINE), "the app still listens"
        self.over.set()


class Talk:
    """A provider's script that hands each request to the test."""

    def __init__(self) -> None:
        self._asked: Made[queue.Queue[Answer]] = Made(queue.Queue)
        self._all: list[Answer] = []

    def __call__(self, exchange: Exchange) -> None:
        answer = Answer(exchange)
        self._all.append(answer)
        self._asked[prompt_of(exchange)].put(answer)
        answer.over.wait(4 * DEADLINE)
        exchange.cut()

    def to(self, prompt: str) -> Answer:
        """The answer to the next request for `prompt`, still to be given."""
        return self._asked[prompt].get(timeout=DEADLINE)

    def to_any(self, prompts: Collection[str]) -> tuple[str, Answer]:
        """The one of these prompts that is asked first, and its answer."""

        def asked() -> str | None:
            return next((each for each in prompts if not self._asked[each].empty()), None)

        prompt = until(asked, f"none of {prompts} is asked")
        return prompt, self.to(prompt)

    def close(self) -> None:
        for answer in self._all:
            answer.over.set()


class RealServer:
    """gunicorn with one worker of threads, which serves `real_site`.

    It can be killed and started again, and is found at the same port then.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any] | None = None) -> None:
        self.port = 0
        self._folder = folder
        self._pages = 0
        self._provider = Provider()
        self.talk = Talk()
        self._provider.run(self.talk)
        self._environment = {
            **os.environ,
            "PROVIDER": self._provider.base,
            "PAGES": str(folder),
            "REQUESTS": str(folder / "requests.jsonl"),
            "STREAM_SETTINGS": json.dumps(dict(settings or {})),
        }

    def __enter__(self) -> RealServer:
        self._provider.__enter__()
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.talk.close()
        stop(self._process)
        self._provider.__exit__(*exc)

    # -- the processes --

    def start(self) -> None:
        """Start gunicorn, and wait until it answers."""
        with (
            (self._folder / "server.log").open("ab") as log,
            socket.create_server(("127.0.0.1", self.port), backlog=512) as listener,
        ):
            self.port = listener.getsockname()[1]
            self._process = subprocess.Popen(
                [part.format(fd=listener.fileno()) for part in COMMAND],
                cwd=ROOT,
                env=self._environment,
                pass_fds=[listener.fileno()],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            with self.connect() as client:
                assert client.ask("GET", "/hello").whole() == b"hello"
        except (AssertionError, OSError) as error:
            stop(self._process)
            raise AssertionError((self._folder / "server.log").read_text()) from error

    def kill(self) -> None:
        """As a machine that goes down: all its processes at once, and the port is closed."""
        stop(self._process)

    def kill_worker(self) -> None:
        """As the system does when it is out of memory; gunicorn starts another at once."""
        (worker,) = _children(self._process.pid)
        os.kill(worker, signal.SIGKILL)

    def reload(self) -> Callable[[], None]:
        """As a deploy does: a new worker comes, the old one ends what it still does.

        :returns: waits until the old one has gone. Till then it may be asked something new, over
            a connection that was kept open, and end that at once too.
        """
        [old] = _children(self._process.pid)
        self._process.send_signal(signal.SIGHUP)
        return lambda: until(
            lambda: old not in _children(self._process.pid), "the old worker is still there"
        )

    def connect(self) -> Client:
        return Client(self.port)

    # -- pages, and what came of them --

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def page(self, body: str, kind: str = "page") -> str:
        """The path of a new page with this body; one of kind "swapped" may write HTML itself."""
        self._pages += 1
        name = f"{kind}-{self._pages}.html"
        (self._folder / name).write_text(body)
        return f"/page/{name}"

    def asked(self, prompt: str) -> list[str]:
        """The method of each request that has reached a view with this prompt."""
        file = self._folder / "requests.jsonl"
        # What stands behind the last line's end is still being written.
        lines = file.read_text().split("\n")[:-1] if file.exists() else []
        return [method for q, method, _ in map(json.loads, lines) if q == prompt]


def _children(parent: int) -> list[int]:
    text = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    return [int(pid) for pid in text.split()]


Rule = Callable[[bytes], int | None]


def passing(response: bytes) -> int | None:
    """The rule that lets everything through."""
    return None


def behind(mark: bytes) -> Rule:
    """Stop behind what the pattern matches, in a response that is a stream."""

    def rule(response: bytes) -> int | None:
        if b"Content-Type: text/event-stream" not in response:
            return None
        match = re.search(mark, response)
        return match.end() if match else None

    return rule


class Wire:
    """Stands between browser and server, and can be cut at any byte: a proxy that forwards bytes.

    :ivar stop_behind: how many bytes of a response's beginning are let through, as soon as it can
        be said; what comes behind them is swallowed.
    :ivar stopped: set when that has happened.
    """

    def __init__(self, port: int) -> None:
        self.stop_behind = passing
        self.stopped = threading.Event()
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._held: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join(DEADLINE)
        self.cut()
        for thread in self._threads:
            thread.join(DEADLINE)
        for each in (self._listener, *chain.from_iterable(self._pairs)):
            each.close()

    def cut(self) -> None:
        """Cut all connections; new ones can be made.

        The one that was stopped comes last: what is lost on it, a browser may send again over
        another that it has kept.
        """
        pairs = sorted(self._pairs, key=lambda pair: pair[0] in self._held)
        _shut(*chain.from_iterable(pairs))

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:  # closed
                return
            far = socket.create_connection(("127.0.0.1", self._port))
            self._pairs.append((near, far))
            for pump, *ends in ((self._forward, near, far), (self._back, far, near)):
                thread = threading.Thread(target=pump, args=ends, daemon=True)
                self._threads.append(thread)
                thread.start()

    def _forward(self, near: socket.socket, far: socket.socket) -> None:
        try:
            while data := near.recv(65536):
                far.sendall(data)
        except OSError:
            pass
        _shut(near, far)

    def _back(self, far: socket.socket, near: socket.socket) -> None:
        response = b""
        sent = 0
        try:
            while data := far.recv(65536):
                # Of the last response on this connection only: its head begins a write.
                if data.startswith(b"HTTP/1.1 "):
                    response, sent = b"", 0
                response += data
                end = self.stop_behind(response)
                near.sendall(response[sent:end])
                sent = len(response)
                if end is not None:
                    self._held.add(near)
                    self.stopped.set()
        except OSError:
            pass
        _shut(near, far)


def _shut(*sockets: socket.socket) -> None:
    for each in sockets:
        try:
            each.shutdown(socket.SHUT_RDWR)
        except OSError:  # it was before
            continue
