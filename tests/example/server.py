"""The example app under a real gunicorn, and the log of the provider behind it."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

from tests.example.waiting import wait_for
from tests.servers.client import DEADLINE

KEYS = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OPENAI_API_KEY", "OPENAI_BASE_URL")

ROOT = Path(__file__).parents[2]
KEY = "the canned provider's"
_loopback = build_opener(ProxyHandler({}))


class Server:
    """gunicorn as `make demo` starts it, on a free port, with a provider in a hurry."""

    def __init__(self, folder: Path) -> None:
        port = _free_port()
        self._provider = f"http://127.0.0.1:{port}"
        environ = {key: value for key, value in os.environ.items() if key not in KEYS} | {
            "PORT": "0",
            "EXAMPLE_DATABASE": str(folder / "chat.sqlite3"),
            "CANNED_PROVIDER_PORT": str(port),
            "CANNED_PROVIDER_KEY": KEY,
            "CANNED_PROVIDER_DELAY_MS": "5",
        }
        self._errors = folder / "gunicorn.log"
        with self._errors.open("w") as errors:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "gunicorn"),
                    *("-c", "example_app/gunicorn.conf.py", "example_app:create_app()"),
                ],
                cwd=ROOT,
                env=environ,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert self._process.stdout is not None
        ready = re.search(r"open (http://\S+)", self._process.stdout.readline())
        if ready is None:
            self.close()
            raise AssertionError(self._errors.read_text())
        self.url = ready[1]
        # Its worker imports two SDKs first: seconds of a processor, which others may be busy with.
        _loopback.open(f"{self.url}/sign-in", timeout=4 * DEADLINE).close()

    def log(self, prompt: str) -> list[str]:
        """What the provider noted of the last request with this prompt, oldest first."""
        entries = self._entries()
        asked = [entry["request"] for entry in entries if entry.get("prompt") == prompt]
        return [entry["event"] for entry in entries if entry["request"] in asked[-1:]]

    def times_asked(self, prompt: str) -> int:
        """How many requests the provider had for this prompt."""
        return sum(entry.get("prompt") == prompt for entry in self._entries())

    def _entries(self) -> list[dict[str, Any]]:
        try:
            with self._ask_provider("/__log") as response:
                entries: list[dict[str, Any]] = json.load(response)
        except URLError:  # it is started by the first question
            return []
        return entries

    def release(self) -> None:
        """Let the provider go on with the answers that it holds."""
        self._ask_provider("/__release", data=b"").close()

    def _ask_provider(self, path: str, data: bytes | None = None) -> Any:
        return _loopback.open(Request(self._provider + path, data, {"x-api-key": KEY}))

    def release_until(self, condition: Callable[[], object]) -> None:
        """Release again and again: a hold that begins later waits for a later release."""

        def released() -> object:
            self.release()
            return condition()

        wait_for(released)

    def close(self) -> None:
        """Stop gunicorn."""
        self._process.terminate()
        self._process.wait(timeout=60)
        if self._process.stdout is not None:
            self._process.stdout.close()


# This process's own, beside others that run tests; and none that the system hands out to whoever
# asks: the first question starts the provider, and by then such a port could be somebody else's.
_PORTS = count(20_000 + 500 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]))


def _free_port() -> int:
    for port in _PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")
