"""gunicorn with a group's site, and many readers at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask_stream import sse
from tests.servers.client import Client
from tests.servers.process import WORKERS, gunicorn, listening, until

__all__ = ["Server", "running", "until"]

AT_ONCE = 40  # readers


class Server:
    """A running gunicorn with one worker process.

    :ivar port: where it listens, on loopback.
    """

    def __init__(self, port: int, folder: Path) -> None:
        self.port = port
        self._folder = folder

    @property
    def log(self) -> str:
        """What its processes wrote to stdout and stderr."""
        return (self._folder / "server.log").read_text()

    def connect(self) -> Client:
        return Client(self.port)

    def events(self, path: str) -> list[tuple[str, Any]]:
        """The name and the data of each event of an answer, read to its end."""
        with self.connect() as client:
            body = client.ask("POST", path).whole()
            assert client.status == 200, (body, self.log)
        return [(event.type, json.loads(event.data)) for event in sse.decode([body])]

    def at_once(
        self, path_of: Callable[[int], str], number: int = AT_ONCE
    ) -> list[list[tuple[str, Any]]]:
        """The events of so many answers that are asked for together, by their numbers."""
        with ThreadPoolExecutor(number) as pool:
            return list(pool.map(lambda n: self.events(path_of(n)), range(number)))


@contextmanager
def running(
    worker: str, app: str, provider: str, folder: Path, **environment: str
) -> Iterator[Server]:
    """Start gunicorn on a free port, wait until it answers, and kill it at the end.

    :param worker: one of WORKERS; gthread has 64 threads.
    :param app: such as "tests.sources.ollama.site:app".
    :param provider: the address of what the app asks: its process's `PROVIDER`.
    :param environment: more of the process's variables.
    """
    command = gunicorn(app, *WORKERS[worker])
    with listening(command, folder, {"PROVIDER": provider, **environment}) as (port, _):
        server = Server(port, folder)
        # The port is open already, so this waits; where the process ends, it is reset.
        try:
            with server.connect() as client:
                client.ask("GET", "/").whole()
        except (AssertionError, OSError) as error:
            raise AssertionError(f"{worker} does not answer:\n{server.log}") from error
        yield server
