"""Real servers of Redis and Valkey, as processes of their own, with all their files in a folder."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

DEADLINE = 60  # seconds


def redis_binary() -> str:
    """Where Redis is: `REDIS`, or the machine's, or the one that `make test` got."""
    return _binary("REDIS", "redis-server")


def valkey_binary() -> str:
    """Where Valkey is: `VALKEY`, or the machine's, or the one that `make test` got."""
    return _binary("VALKEY", "valkey-server")


def _binary(variable: str, name: str) -> str:
    folders = [os.environ.get("PATH", ""), "/usr/local/bin", sys.exec_prefix + "/bin"]
    path = os.environ.get(variable) or shutil.which(name, path=os.pathsep.join(folders))
    if not path:
        pytest.skip(f"there is no {name}: «make test» gets one, or set {variable} to its path")
    return path


class Server:
    """One that is started by `start`, ended by `end` or killed by `kill`, and may start again.

    :ivar url: its database 0, over a socket of its folder's.
    :ivar port: on loopback.
    :ivar client: for a test's own questions.
    """

    def __init__(self, binary: str, folder: Path, *options: str) -> None:
        self.folder = folder
        self.socket = folder / "socket"
        self.url = f"unix://{self.socket}"
        self.port = free_port()
        self._command = [
            *(binary, "--unixsocket", str(self.socket), "--dir", str(folder)),
            *("--port", str(self.port), "--bind", "127.0.0.1", "--save", ""),
            *("--logfile", str(folder / "log"), "--repl-diskless-sync-delay", "0", *options),
        ]
        self.client = redis.Redis.from_url(self.url, protocol=2)

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, start_new_session=True)
        end = time.monotonic() + DEADLINE
        while not self._answers():
            assert self.process.poll() is None, (self.folder / "log").read_text("utf-8")
            assert time.monotonic() < end, "It does not answer."
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.AuthenticationError:
            return True
        except redis.ConnectionError:  # it also says so while it loads
            return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(DEADLINE)

    def end(self) -> None:
        self.client.close()
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        self.process.wait(DEADLINE)

    def counted(self, command: str) -> int:
        """How often it has done this, for scripts too."""
        found = self.client.info("commandstats").get(f"cmdstat_{command}", {"calls": 0})
        return int(found["calls"])

    def connections(self) -> int:
        """Those of others."""
        return len(self.client.client_list()) - 1


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def running(binary: str, folder: Path, *options: str) -> Iterator[Server]:
    folder.mkdir(exist_ok=True)
    server = Server(binary, folder, *options)
    server.start()
    try:
        yield server
    finally:
        server.end()
