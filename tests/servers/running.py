"""Servers that run `site`, as processes of their own."""

from __future__ import annotations

import json
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.servers.client import DEADLINE, Client, events_of, said
from tests.servers.nginx import nginx
from tests.servers.process import WORKERS, gunicorn, listening, stop, until
from tests.servers.talk import HEAD, TAIL, cut, prompt_of, speak, word, words_for

__all__ = ["COMMANDS", "DEADLINE", "HEAD", "SERVERS", "TAIL", "Client", "Server", "matrix"]
__all__ += ["cut", "events_of", "prompt_of", "running", "said", "speak", "until", "word"]
__all__ += ["stop", "words_for"]

GUNICORN = gunicorn("tests.servers.site:app")
COMMANDS = {
    **{f"gunicorn {name}": [*GUNICORN, *arguments] for name, arguments in WORKERS.items()},
    "gunicorn sync": [*GUNICORN, "--worker-class=sync"],
    "Werkzeug": [
        *(sys.executable, "-c"),
        "from werkzeug.serving import make_server; from tests.servers.site import app;"
        "make_server('127.0.0.1', 0, app, threaded=True, fd={fd}).serve_forever()",
    ],
}
# What each server is: its command, and what is with it or in front of it.
SERVERS = {
    **{name: (name, "") for name in COMMANDS},
    "gthread TLS": ("gunicorn gthread", "TLS"),
    "gevent TLS": ("gunicorn gevent", "TLS"),
    "gthread nginx": ("gunicorn gthread", "nginx"),
    "gevent nginx": ("gunicorn gevent", "nginx"),
}

# What the other Pythons of a machine are tested with too, and every wire.
CORE = ("gunicorn gthread", "gunicorn gevent")


def matrix(*names: str) -> list[Any]:
    """Names of servers as parameters of a test or fixture; those out of the core are slow."""
    return [
        # The keys themselves: pytest takes equal strings for different parameters.
        pytest.param(name, marks=[] if name in CORE else [pytest.mark.slow])
        for name in SERVERS
        if name in names
    ]


def on(*names: str) -> pytest.MarkDecorator:
    """For a test: only these of the servers that the fixture `server` starts."""
    return pytest.mark.parametrize("server", matrix(*names), indirect=True, scope="session")


in_core = on(*CORE)
directly = on(*(name for name, (_, beside) in SERVERS.items() if beside != "nginx"))


class Server:
    """A running server.

    :ivar name: its key in SERVERS.
    :ivar port: where clients ask it, on loopback.
    :ivar direct_port: where it listens itself, if a proxy stands in front of it.
    :ivar process: its main process; gunicorn's has workers.
    """

    def __init__(
        self, name: str, port: int, process: subprocess.Popen[bytes], folder: Path
    ) -> None:
        self.name = name
        self.port = self.direct_port = port
        self.process = process
        self.tls: ssl.SSLContext | None = None
        self._folder = folder

    def connect(self, **options: Any) -> Client:
        """A new connection, with the options of `Client`."""
        return Client(self.port, tls=self.tls, **options)

    def answer(self, path: str) -> tuple[str, str, str | None]:
        """What a client of the stream sees: the words, and the terminal event with its code.

        It must come last and alone, and be what the app is told, once.
        """
        with self.connect() as client:
            events = events_of(client.ask("POST", path).whole())
            client.has_no_more()
        kinds = [kind for kind, _ in events]
        assert kinds[0] == "start"
        assert kinds.count("done") + kinds.count("failed") == 1
        kind, data = events[-1]
        assert kind in ("done", "failed")
        seen = said(events), kind, data.get("code")
        outcome = "complete" if kind == "done" else "failed"
        assert self.results_of(path.rsplit("/", 1)[1]) == [[outcome, seen[0], seen[2]]]
        return seen

    @property
    def log(self) -> str:
        """What its processes wrote to stdout and stderr."""
        return (self._folder / "server.log").read_text()

    # -- processes --

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def workers(self) -> list[int]:
        """The main process's children that are no zombies; Werkzeug has none."""
        return [pid for pid, parent, state in _processes() if parent == self.pid and state != "Z"]

    def send_signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def state(self) -> dict[str, Any]:
        """What `/state` of a worker says."""
        with self.connect() as client:
            told: dict[str, Any] = json.loads(client.ask("GET", "/state").whole())
            return told

    # -- what happened --

    def results(self) -> list[list[Any]]:
        """A line for each time that a run ended: the view's arguments, outcome, text, code."""
        return self._lines("results.jsonl")

    def results_of(self, prompt: str) -> list[list[Any]]:
        """How each run for `prompt` ended, once one has: outcome, text, error code or None."""

        def found() -> list[list[Any]]:
            return [rest for [args, *rest] in self.results() if args.get("prompt") == prompt]

        return until(found, lambda: f"no run for {prompt!r} has ended\n{self.log}")

    def notes_of(self, prompt: str) -> list[str]:
        """What the site's generators have noted for `prompt` up to now."""
        return [what for asked, what in self._lines("notes.jsonl") if asked == prompt]

    def _lines(self, name: str) -> list[list[Any]]:
        file = self._folder / name
        # What stands behind the last line's end is still being written.
        lines = file.read_text().split("\n")[:-1] if file.exists() else []
        return [json.loads(line) for line in lines]


@contextmanager
def running(
    name: str,
    provider: str,
    folder: Path,
    settings: Mapping[str, Any] | None = None,
    arguments: Sequence[str] = (),
) -> Iterator[Server]:
    """Start a server on a free port, wait until it answers, and stop it at the end.

    :param name: one of SERVERS.
    :param provider: the address of what the site asks.
    :param folder: an empty one, for the server's files.
    :param settings: the app's configuration, `STREAM_…` and others.
    :param arguments: more of gunicorn's own, such as `--threads=1`; the last one counts.
    """
    command_name, beside = SERVERS[name]
    environment = {
        "PROVIDER": provider,
        "RESULTS": str(folder / "results.jsonl"),
        "NOTES": str(folder / "notes.jsonl"),
        "STREAM_SETTINGS": json.dumps(dict(settings or {})),
    }
    command = [*COMMANDS[command_name], *arguments]
    with ExitStack() as stack:
        tls = None
        if beside == "TLS":
            tls, files = certificate(folder)
            command += files
        port, process = stack.enter_context(listening(command, folder, environment))
        server = Server(name, port, process, folder)
        server.tls = tls
        # The listener is open already, so this waits; where the process ends, it is reset.
        try:
            with server.connect() as client:
                assert client.ask("GET", "/hello").whole() == b"hello"
        except (AssertionError, OSError) as error:
            raise AssertionError(f"{name} does not answer:\n{server.log}") from error
        if beside == "nginx":
            location = f"proxy_pass http://127.0.0.1:{server.port};"
            server.port = stack.enter_context(nginx(folder, location))
        yield server


def certificate(folder: Path) -> tuple[ssl.SSLContext, list[str]]:
    """A certificate for localhost: the context of a client, and the arguments of gunicorn."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    for number, part in enumerate(issued.cert_chain_pems):
        part.write_to_path(folder / "cert.pem", append=number > 0)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context, [f"--certfile={folder / 'cert.pem'}", f"--keyfile={folder / 'key.pem'}"]


def _processes() -> Iterator[tuple[int, int, str]]:
    """Every process: its id, its parent's, its state."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:  # it has ended meanwhile
            continue
        # Its name, in brackets, may hold anything.
        match = re.fullmatch(r"(\d+) \(.*\) (\S) (\d+) .*\n?", text, re.DOTALL)
        assert match, text
        yield int(match[1]), int(match[3]), match[2]
