"""The log in a file of SQLite's keeps what each log has to; and what may happen to the file."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from flask_stream.logs import sqlite_file
from flask_stream.logs.log import Claim, Log, LogError, Row, Write
from flask_stream.logs.sqlite import SqliteLog
from flask_stream.testing import LogContract
from flask_stream.testing.log_case import LEASE, begun, eventually, known, rows
from tests.conftest import ROOT
from tests.logs.processes import DEADLINE, SharedByProcesses, another, stopped_outside_a_write


class TestSqliteLog(LogContract):
    def open(self, folder: Path) -> Log:
        return SqliteLog(folder / "instance" / "runs.sqlite3")


class TestSqliteLogOfSeveralProcesses(SharedByProcesses):
    pass


def test_a_clock_that_was_set_back_makes_no_run_the_newest(
    log: SqliteLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    begun(log, "old", key="k")
    monkeypatch.setattr(time, "time", lambda: now - 3600)
    begun(log, "new", key="k")
    assert log.newest("ann", "k") == "new"


def test_no_more_is_forgotten_at_once_than_leaves_others_their_turn(log: SqliteLog) -> None:
    claims = [begun(log, f"r{number}") for number in range(120)]
    log.write([Write(claim, rows(1), ends=True) for claim in claims])
    assert [log.expire(-1) for _ in range(4)] == [50, 50, 20, 0]


# -- several processes ----------------------------------------------------------------------


def test_who_was_stopped_past_its_lease_writes_no_more(
    log: SqliteLog, made: str, path: Path
) -> None:
    script = """
claim = log.create("r", "ann", 0.2)
turn = 0
while not (fenced := log.write([Write(claim, rows(1, after=turn))])):
    turn += 1
    if turn == 5:
        print("on its way", flush=True)
print("fenced", fenced == {claim}, flush=True)
"""
    with another(script, made) as process:
        assert process.stdout
        assert process.stdout.readline() == "on its way\n"
        stopped_outside_a_write(process.pid, path)
        eventually(lambda: log.take_over("r", LEASE) is not None)
        last = known(log, "r").last
        process.send_signal(signal.SIGCONT)
        assert process.stdout.readline() == "fenced True\n"
        assert known(log, "r").last == last


def test_a_forks_child_has_a_connection_of_its_own(log: SqliteLog) -> None:
    claim = begun(log, "r")
    pid = os.fork()
    if not pid:
        try:
            log.write([Write(claim, rows(1))])
            log.close()
            os._exit(0)
        except BaseException:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    log.write([Write(claim, rows(1, after=1))])
    assert [row.last for row in log.read("r", 0, 1000)] == [1, 2]


# -- what may happen to the file --------------------------------------------------------------


def test_the_file_is_its_owners_alone(log: SqliteLog, path: Path) -> None:
    begun(log, "r")
    files = [*path.parent.glob("runs.sqlite3*")]
    assert len(files) == 3
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_file_that_is_locked_is_waited_for_and_can_be_read(log: SqliteLog, path: Path) -> None:
    claim = begun(log, "r")
    log.write([Write(claim, rows(1))])
    with locked(path) as unlock:
        written: list[object] = []
        writing = threading.Thread(
            target=lambda: written.append(log.write([Write(claim, rows(1, after=1))]))
        )
        writing.start()
        assert [row.last for row in log.read("r", 0, 1000)] == [1]
        assert written == []
        unlock()
        writing.join(DEADLINE)
    assert written == [set()]


def test_a_file_that_stays_locked_is_told(
    log: SqliteLog, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = begun(log, "r")
    monkeypatch.setattr(sqlite_file, "_PATIENCE", 0.1)
    with locked(path) as unlock:
        with pytest.raises(LogError, match=r"runs\.sqlite3 cannot be used: database is locked"):
            log.write([Write(claim, rows(1))])
        unlock()
    assert log.write([Write(claim, rows(1))]) == set()


@contextmanager
def locked(path: Path) -> Iterator[Callable[[], object]]:
    somebody = sqlite3.connect(path, isolation_level=None)
    somebody.execute("BEGIN IMMEDIATE")
    try:
        yield lambda: somebody.execute("COMMIT")
    finally:
        somebody.close()


def test_a_file_that_was_deleted_is_made_anew(log: SqliteLog, path: Path) -> None:
    claim = begun(log, "r")
    for file in path.parent.glob("runs.sqlite3*"):
        file.unlink()
    other = SqliteLog(path)
    begun(other, "another")
    assert log.write([Write(claim, rows(1))]) == {claim}
    assert log.state("r") is None
    assert known(log, "another").leased
    other.close()


@pytest.mark.parametrize("while_open", [True, False])
def test_a_file_that_is_broken_is_told(log: SqliteLog, path: Path, while_open: bool) -> None:
    claim = begun(log, "r")
    log.write([Write(claim, [Row(1, 1, b"x" * 100_000)])])
    if not while_open:
        log.close()
    whole = path.read_bytes() + b"\0" * 100_000
    for file in path.parent.glob("runs.sqlite3-*"):
        file.write_bytes(b"no log " * 20_000)
    path.write_bytes(b"no database " * (len(whole) // 12))

    def use_it() -> None:
        while True:  # what is in the cache may still be read
            log.read("r", 0, 1000)
            log.write([Write(claim, rows(1, after=known(log, "r").last))])

    with pytest.raises(LogError, match=r"runs\.sqlite3 cannot be used: "):
        use_it()


def test_a_file_of_another_version_is_told(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    log = SqliteLog(path)
    with pytest.raises(LogError, match=r"another version of Flask-Stream .*; delete it"):
        log.state("r")


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    log = SqliteLog(tmp_path / "file" / "runs.sqlite3")
    with pytest.raises(LogError, match=r"runs\.sqlite3 cannot be used: .*file"):
        begun(log, "r")


def test_a_disk_that_is_full_is_told_and_what_is_there_stays(path: Path, made: str) -> None:
    """A limit of the process's on the size of files stands for the disk's."""
    with closing(SqliteLog(path)) as log:
        claim = begun(log, "r")
        log.write([Write(claim, rows(1))])
    script = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
claim, last, told = Claim("r", 1), 1, ""
while not told:
    try:
        log.write([Write(claim, [Row(last + 1, 1, b"x" * 10_000)])])
        last += 1
    except LogError as error:
        told = str(error)
        kept = log.read("r", 0, 10**9)
        assert [row.last for row in kept] == [*range(1, last + 1)], kept
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
print(last, told, flush=True)
"""
    with another(script, made) as process:
        told = process.communicate(timeout=DEADLINE)[0]
        assert process.returncode == 0
    last, _, message = told.partition(" ")
    assert "runs.sqlite3 cannot be used: " in message
    with closing(SqliteLog(path)) as log:
        assert known(log, "r").last == int(last) > 5
        assert log.write([Write(Claim("r", 1), rows(1, after=int(last)))]) == set()


def test_what_is_forgotten_gives_back_its_room(log: SqliteLog, path: Path) -> None:
    begun(log, "alive")
    claim = begun(log, "r")
    log.write([Write(claim, [Row(n, 1, b"x" * 10_000) for n in range(1, 501)], ends=True)])
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = path.stat().st_size
    assert before > 5_000_000
    eventually(lambda: log.expire(0) == 1)
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert path.stat().st_size < 100_000


def test_nothing_is_left_open(path: Path) -> None:
    """Its own: what tests before it have left may come to an end meanwhile."""
    before = set(threading.enumerate())
    for _ in range(20):
        with closing(SqliteLog(path)) as log:
            claim = begun(log, f"r{time.monotonic_ns()}")
            log.write([Write(claim, rows(1), ends=True)])
            log.wait({claim.id: 0}, 1)
            assert opened_in(path.parent) != []
    assert opened_in(path.parent) == []
    assert set(threading.enumerate()) <= before


def opened_in(folder: Path) -> list[str]:
    """The files of that folder which this process has open."""
    found = []
    for each in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # it was closed meanwhile
            found.append(os.readlink(each))
    return [name for name in found if name.startswith(f"{folder}/")]


def test_on_gevent_others_go_on_while_it_is_locked(path: Path) -> None:
    script = """
from gevent import monkey; monkey.patch_all()
import gevent, sqlite3, sys, json, time
from flask_stream.logs.log import *
from flask_stream.logs.sqlite import SqliteLog
from flask_stream.testing.log_case import begun, rows
log = SqliteLog(sys.argv[1])
claim = begun(log, "r")
somebody = sqlite3.connect(sys.argv[1], isolation_level=None)
somebody.execute("BEGIN IMMEDIATE")
writing = gevent.spawn(log.write, [Write(claim, rows(1))])
waiting = gevent.spawn(log.wait, {"r": 0}, 60)
turns = 0
while turns < 20:
    gevent.sleep(0.005)
    turns += 1
assert not writing.ready() and not waiting.ready()
somebody.execute("COMMIT")
assert writing.get(timeout=60) == set()
assert waiting.get(timeout=60) == {"r"}
print("well")
"""
    ran = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert (ran.stdout, ran.returncode) == ("well\n", 0), ran.stderr
