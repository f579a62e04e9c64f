"""The site behind a real gunicorn, and its users, each with a browser's cookies."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from flask_stream import sse
from tests.conftest import ROOT
from tests.servers.running import DEADLINE, until

POOL = 2  # connections to the database, for any number of streams

WORKERS = {
    "gthread": ["--worker-class=gthread", "--threads=32"],
    "gevent": ["--worker-class=gevent"],
}


class Site:
    """A running site.

    :ivar base: its address.
    """

    def __init__(self, port: int, folder: Path) -> None:
        self.port = port
        self.base = f"http://127.0.0.1:{port}"
        self._folder = folder

    @property
    def log(self) -> str:
        return (self._folder / "server.log").read_text()

    @property
    def warnings(self) -> list[str]:
        """What Flask-Stream warned of, oldest first."""
        return re.findall(r"^WARNING flask_stream: (.*)", self.log, re.MULTILINE)

    def teardowns(self, id: str) -> int:
        """How often the request with this X-Request-ID was torn down, once it was."""
        file = self._folder / "teardowns"
        return int(
            until(lambda: file.read_text().splitlines().count(id), f"{id} was not torn down")
        )


@contextmanager
def running(worker: str, provider: str, folder: Path, pool_timeout: int = 5) -> Iterator[Site]:
    """Start the site, wait until it answers, and stop it at the end.

    :param pool_timeout: so many seconds a request waits for a connection to the database.
    """
    log = folder / "server.log"
    environ = {
        **os.environ,
        "PROVIDER": provider,
        "SITE_FOLDER": str(folder),
        "SITE_POOL": str(POOL),
        "SITE_POOL_TIMEOUT": str(pool_timeout),
    }
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener, log.open("wb") as out:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "tests.existing.site:create_app()"),
                *("--no-control-socket", "--log-level=warning", "--graceful-timeout=5"),
                # A POST on a kept connection that is just being closed (after 2 s) is lost.
                f"--keep-alive={DEADLINE}",
                *(f"--bind=fd://{listener.fileno()}", *WORKERS[worker]),
            ],
            cwd=ROOT,
            env=environ,
            pass_fds=[listener.fileno()],
            stdout=out,
            stderr=out,
        )
        site = Site(listener.getsockname()[1], folder)
        try:
            # The listener is ours and open already: this waits for the process behind it.
            with User(site) as user:
                assert user.get("/sign-in").ok, site.log
            yield site
        finally:
            process.terminate()
            try:
                process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(DEADLINE)


class User(requests.Session):
    """Somebody with a browser: cookies, and the page's CSRF token."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.trust_env = False  # no proxy stands between the tests and loopback
        self.site = site
        self._answers: list[requests.Response] = []

    def close(self) -> None:
        # An answer whose body was not read to its end keeps its connection, session or none.
        for answer in self._answers:
            answer.close()
        super().close()

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs.setdefault("timeout", DEADLINE)
        return super().request(method, self.site.base + url, *args, **kwargs)

    def sign_in(self, name: str) -> User:
        self.headers["X-CSRFToken"] = self.get("/token").json()["token"]
        answer = self.post("/sign-in", data={"name": name})
        assert answer.json() == {"name": name}, self.site.log
        return self

    def ask(self, path: str, question: str, **request: Any) -> requests.Response:
        """The answer's head; its body is read by the test."""
        answer = self.post(path, data={"question": question}, stream=True, **request)
        self._answers.append(answer)
        return answer

    def me(self) -> Any:
        return self.get("/me").json()


def events_of(response: requests.Response) -> Iterator[tuple[str, Any]]:
    """The events, each as soon as it is here."""
    for event in sse.decode(response.iter_content(None)):
        yield event.type, json.loads(event.data)
