"""gunicorn with `site`, and readers who are cut off and go on."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from flask_stream import sse
from tests.conftest import ROOT
from tests.resume.conftest import DEADLINE, Numbered, eventually, numbered

COMMAND = [sys.executable, "-m", "gunicorn", "--no-control-socket"]
COMMAND += ["--log-level=warning", "--graceful-timeout=5", "--timeout=60"]
# For a run that must end in a shutdown's time, however busy the machine is.
PATIENT = ["--graceful-timeout=60"]
WORKERS = {
    "gthread": ["--worker-class=gthread", "--threads=64"],
    "gevent": ["--worker-class=gevent"],
    "sync": ["--worker-class=sync"],
}


class Server:
    """A gunicorn that runs the site.

    :ivar port: where it listens, on loopback.
    """

    def __init__(self, port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.port = port
        self.process = process
        self._folder = folder

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self._folder / "server.log").read_text()

    @property
    def workers(self) -> list[int]:
        """Its processes that serve."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def asked(self) -> list[list[Any]]:
        return self._lines("asked")

    def finished(self) -> dict[str, list[list[Any]]]:
        """How the runs ended, by their prompts."""
        found: dict[str, list[list[Any]]] = {}
        for prompt, *rest in self._lines("finished"):
            found.setdefault(prompt, []).append(rest)
        return found

    def _lines(self, name: str) -> list[list[Any]]:
        file = self._folder / name
        lines = file.read_text().split("\n")[:-1] if file.exists() else []
        return [json.loads(line) for line in lines]

    def request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None
    ) -> http.client.HTTPResponse:
        """On a connection of its own, so that any worker may take it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        connection.request(method, path, headers={"Connection": "close", **(headers or {})})
        return connection.getresponse()

    def json(self, path: str) -> Any:
        return json.loads(self.request("GET", path).read())


@contextmanager
def serving(
    folder: Path,
    url: str,
    *,
    worker: str = "gthread",
    workers: int = 4,
    provider: str = "",
    app: str = "tests.resume.site:app",
    arguments: Sequence[str] = (),
    port: int = 0,
    **settings: Any,
) -> Iterator[Server]:
    """Start gunicorn on a free port, wait until it answers, and kill it at the end.

    :param url: STREAM_LOG_URL.
    :param port: that of another one, which has ended.
    """
    folder.mkdir(exist_ok=True)
    environment = environment_of(folder, url, provider, **settings)
    with (
        (folder / "server.log").open("ab") as out,
        socket.create_server(("127.0.0.1", port), backlog=512) as listener,
    ):
        process = subprocess.Popen(
            [
                *(*COMMAND, *WORKERS[worker], f"--workers={workers}", *arguments),
                f"--bind=fd://{listener.fileno()}",
                app,
            ],
            cwd=ROOT,
            env=environment,
            pass_fds=[listener.fileno()],
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        server = Server(listener.getsockname()[1], process, folder)
    try:
        assert server.request("GET", "/hello").read() == b"hello", server.log
        yield server
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(DEADLINE)


def environment_of(folder: Path, url: str, provider: str = "", **settings: Any) -> dict[str, str]:
    """A process's that has the site.

    :param folder: where it writes down what it does.
    """
    return {
        **os.environ,
        "SETTINGS": json.dumps({"STREAM_LOG_URL": url, **settings}),
        "ASKED": str(folder / "asked"),
        "FINISHED": str(folder / "finished"),
        "PROVIDER": provider,
    }


class Reader:
    """Reads a run to its end, however often it is cut off.

    :ivar events: all that it got, each once.
    :ivar workers: the workers that have answered it.
    """

    def __init__(self, server: Server | Sequence[Server], path: str, seed: int) -> None:
        self.servers = [server] if isinstance(server, Server) else list(server)
        self.events: list[Numbered] = []
        self.workers: set[str] = set()
        self.prompt = path.split("/")[2]
        self._path = path
        self._random = random.Random(seed)
        self._key = f"key-{seed}-{path}"

    def read(self, cuts: int) -> None:
        """Be cut off so often, at random bytes, and then read the rest."""
        deadline = time.monotonic() + 2 * DEADLINE
        while not (self.events and self.events[-1].kind in ("done", "failed")):
            assert time.monotonic() < deadline, self.events[-1:]
            most = self._random.choice([0, 1, 50, 300, 1000]) if cuts > 0 else None
            cuts -= 1
            with suppress(http.client.IncompleteRead, ConnectionError):
                self._read_some(most)

    def read_first(self) -> None:
        """Begin a run, see its first event, and leave."""
        while not self.events:
            self._read_some(1000)

    def _read_some(self, most: int | None) -> None:
        server = self._random.choice(self.servers)
        headers = {"Accept": "text/event-stream", "Connection": "close"}
        method, path = "POST", self._path
        if self.events:
            last = self.events[-1]
            if self._random.random() < 0.5:
                method, path = "GET", f"/_stream/{last.run}?after={last.number}"
            else:
                headers["Last-Event-ID"] = f"{last.run}.{last.number}"
        else:
            headers["Idempotency-Key"] = self._key
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE)
        try:
            connection.request(method, path, headers=headers)
            if most == 0 and self._random.random() < 0.5:
                return  # before the first byte
            response = connection.getresponse()
            self.workers.add(response.headers["Worker"])
            if response.status == 503 and b'"shutdown"' in response.read():
                return  # it was sent twice, and this worker stops before there is an answer
            assert response.status == 200, (response.status, response.read(), server.log)
            self._take(response, most)
        finally:
            connection.close()

    def _take(self, response: http.client.HTTPResponse, most: int | None) -> None:
        taken = 0

        def pieces() -> Iterator[bytes]:
            nonlocal taken
            while piece := response.read1(4096 if most is None else max(1, most - taken)):
                taken += len(piece)
                yield piece
                if most is not None and taken >= most:
                    return

        for event in sse.decode(pieces()):
            new = numbered(event)
            if self.events:
                assert new.run == self.events[0].run
                assert new.number > self.events[-1].number
            self.events.append(new)


def all_at_once(calls: Sequence[Callable[[], None]], at_once: int) -> None:
    """Call them in so many threads; what one of them raises is raised."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(at_once) as pool:
        for future in [pool.submit(call) for call in calls]:
            future.result()


def worker_of(server: Server, prompt: str) -> int:
    """The process that produces the run for a prompt."""
    asked = eventually(lambda: [pid for name, pid in server.asked() if name == prompt])
    return int(asked[0])
