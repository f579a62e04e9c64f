"""Processes that are started for a measurement, and what they have used so far."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]


@contextmanager
def running(
    command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[int, int]]:
    """Start a server on a free port: its process's id, and the port. Kill it at the end.

    :param command: with `{fd}` where it wants the number of its listening socket.
    :param folder: where it runs, and writes `log`.
    """
    folder.mkdir(exist_ok=True)
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
        port = listener.getsockname()[1]
        with (folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [part.format(fd=listener.fileno()) for part in command],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
                pass_fds=[listener.fileno()],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
    try:
        yield process.pid, port
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)


def tree(pid: int) -> list[int]:
    """The process, and all that it has started."""
    return [pid, *(found for child in _children(pid) for found in tree(child))]


def _children(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that has ended meanwhile
            yield from map(int, (task / "children").read_text().split())


def processor_seconds(pids: Sequence[int]) -> float:
    """User's and system's time of these processes, ended threads included.

    By the clock that the kernel keeps for each (the one of clock_getcpuclockid(3)): what
    /proc/PID/stat has, but not in hundredths of a second.
    """
    return sum(time.clock_gettime((~pid << 3) | 2) for pid in pids)


def memory_kib(pids: Sequence[int]) -> int:
    """What these processes hold (PSS: what several share is counted in parts)."""
    return sum(_number_behind("Pss:", f"/proc/{pid}/smaps_rollup") for pid in pids)


def threads(pids: Sequence[int]) -> int:
    return sum(_number_behind("Threads:", f"/proc/{pid}/status") for pid in pids)


def descriptors(pids: Sequence[int]) -> int:
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)


def _number_behind(name: str, file: str) -> int:
    for line in Path(file).read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise ValueError(f"{file} has no {name}")
