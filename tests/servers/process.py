"""A WSGI server as a process of its own, whatever app it runs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from tests.servers.client import DEADLINE

# Arguments of each of gunicorn's workers that carries many streams.
WORKERS = {
    "gthread": ["--worker-class=gthread", "--threads=64"],
    "gevent": ["--worker-class=gevent"],
}


def gunicorn(app: str, *arguments: str) -> list[str]:
    """The command of a gunicorn that runs `app`, such as "tests.servers.site:app"."""
    # A client may be slow between two requests of one connection, on a busy machine.
    command = [sys.executable, "-m", "gunicorn", app, f"--keep-alive={DEADLINE}"]
    command += ["--graceful-timeout=5"]
    return [*command, "--no-control-socket", "--log-level=warning", "--bind=fd://{fd}", *arguments]


@contextmanager
def listening(
    command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Start a server on a free loopback port, which is open at once; kill it at the end.

    :param command: has `{fd}` where the descriptor of the open port belongs.
    :param folder: gets `server.log`, what the processes write to stdout and stderr.
    :param environment: of its own, beside this process's.
    """
    with (
        (folder / "server.log").open("wb") as out,
        socket.create_server(("127.0.0.1", 0), backlog=512) as listener,
    ):
        process = subprocess.Popen(
            [part.format(fd=listener.fileno()) for part in command],
            cwd=ROOT,
            env={**os.environ, **environment},
            pass_fds=[listener.fileno()],
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        port = listener.getsockname()[1]
    try:
        yield port, process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that leads a session of its own, with all that is in it.

    At once: what a server does when it is asked to stop is a matter for tests of their own.
    """
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(DEADLINE)


def until(look: Callable[[], Any], otherwise: str | Callable[[], str]) -> Any:
    """What `look` gives, as soon as it is true."""
    deadline = time.monotonic() + DEADLINE
    while not (found := look()):
        told = otherwise if isinstance(otherwise, str) else ""
        assert time.monotonic() < deadline, told or otherwise()
        time.sleep(0.01)
    return found
