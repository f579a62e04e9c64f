"""Several processes that have the same log: what they have to see of it, whichever it is."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from flask_stream.logs.log import Claim, Log, Write
from flask_stream.testing.log_case import LEASE, begun, eventually, known, rows
from tests.conftest import ROOT

DEADLINE = 60  # seconds


@contextmanager
def another(script: str, made: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A process that has `log`, its own of the same one, and the arguments as `args`.

    :param made: Python that makes the log, such as ``SqliteLog("runs.sqlite3")``.
    """
    begin = (
        "import sys, json, time\n"
        "from flask_stream.logs.log import *\n"
        "from flask_stream.logs.redis import RedisLog\n"
        "from flask_stream.logs.sqlite import SqliteLog\n"
        "from flask_stream.testing.log_case import begun, rows\n"
        "args = json.loads(sys.argv[1])\n"
        f"log = {made}\n"
    )
    command = [sys.executable, "-c", begin + script, json.dumps([str(each) for each in arguments])]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def stopped_outside_a_write(pid: int, path: Path) -> None:
    """Stop who writes the file of SQLite's; inside a write, the file would be locked for as long.

    While the lock is held here, it cannot be inside one.
    """
    with closing(sqlite3.connect(path, timeout=DEADLINE, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        os.kill(pid, signal.SIGSTOP)
        db.execute("ROLLBACK")


class SharedByProcesses:
    """Inherited in a module that has the fixtures `log`, and `made` for `another`."""

    def test_processes_that_write_at_once_lose_nothing(self, log: Log, made: str) -> None:
        """Each writes runs of its own, and one follows them all: what is read was written."""
        script = """
name = args[0]
claims = [log.create(f"{name}{n}", "ann", 60.0) for n in range(5)]
for turn in range(100):
    log.write([Write(c, rows(1, after=turn), ends=turn == 99) for c in claims])
print("written", flush=True)
"""
        ids = [f"{name}{number}" for name in "abcd" for number in range(5)]
        last = dict.fromkeys(ids, 0)
        seen: dict[str, list[int]] = {id: [] for id in ids}
        with ExitStack() as stack:
            processes = [stack.enter_context(another(script, made, name)) for name in "abcd"]
            end = time.monotonic() + DEADLINE
            while any(each < 100 for each in last.values()):
                assert time.monotonic() < end
                there = {id: last[id] for id in ids if log.state(id) and last[id] < 100}
                for id in log.wait(there, 0.05) if there else ():
                    for row in log.read(id, last[id], 10_000):
                        seen[id].append(row.last)
                        last[id] = row.last
            assert [each.wait(DEADLINE) for each in processes] == [0] * 4
        assert seen == {id: [*range(1, 101)] for id in ids}

    def test_two_processes_follow_one_run(self, log: Log, made: str) -> None:
        script = """
print("ready", flush=True)
last, seen = 0, []
while last < 300:
    log.wait({"r": last}, 60)
    for row in log.read("r", last, 500):
        last = row.last
        seen.append((row.last, row.count, str(row.data, "utf-8")))
print(json.dumps(seen), flush=True)
"""
        claim = begun(log, "r")
        with another(script, made) as one, another(script, made) as two:
            for process in (one, two):
                assert process.stdout
                assert process.stdout.readline() == "ready\n"
            for turn in range(100):
                log.write([Write(claim, rows(1, 2, after=3 * turn))])
            seen = {process.communicate(timeout=DEADLINE)[0] for process in (one, two)}
        [told] = seen
        assert told.count("up to") == 200

    def test_a_process_that_is_killed_leaves_whole_writes(self, log: Log, made: str) -> None:
        script = """
claim = log.create("r", "ann", 0.01)
for turn in range(10**6):
    log.write([Write(claim, rows(1, 1, 1, after=3 * turn))])
    if turn == 20:
        print("on its way", flush=True)
"""
        with another(script, made) as process:
            assert process.stdout
            assert process.stdout.readline() == "on its way\n"
            process.send_signal(signal.SIGKILL)
            process.wait(DEADLINE)
        eventually(lambda: not known(log, "r").leased)
        claim = log.take_over("r", LEASE)
        assert claim == Claim("r", 2)
        last = known(log, "r").last
        assert last >= 63
        assert last % 3 == 0
        assert [row.last for row in log.read("r", 0, 10**9)] == [*range(1, last + 1)]
        assert log.write([Write(claim, rows(1, after=last), ends=True)]) == set()
