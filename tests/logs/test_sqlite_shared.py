"""SQLite's own files beside a log's, which all who have it open must have in common."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from flask_stream.logs.log import LogError, Write
from flask_stream.logs.sqlite import SqliteLog
from flask_stream.logs.sqlite_file import SqliteFile
from flask_stream.testing.log_case import begun, known, rows
from tests.logs.processes import DEADLINE, another


def count_rows(db: sqlite3.Connection) -> object:
    return db.execute("SELECT count(*) FROM rows").fetchone()


def test_another_process_that_closes_it_takes_nothing_away(log: SqliteLog, made: str) -> None:
    """The last one that has it open moves all into the one file; and that is not the last one."""
    claim = begun(log, "r")
    log.write([Write(claim, rows(1))])
    assert known(log, "r").last == 1  # read and written, each by a connection of its own
    for last in (1, 2, 3):
        with another("print(log.state('r').last); log.close()", made) as process:
            assert process.communicate(timeout=DEADLINE)[0] == f"{last}\n"
        log.write([Write(claim, rows(1, after=last))])


def test_when_new_files_are_deleted_all_have_the_same_ones_again(
    log: SqliteLog, path: Path, made: str
) -> None:
    """Somebody deletes the three, one after the other, and a process is faster than that."""
    script = """
begun(log, "b")
print("begun", flush=True)
while not log.state("a"):
    log.wait({"b": 0}, 0.1)
print(log.write([Write(Claim("a", 1), rows(1))]) == set(), flush=True)
"""
    begun(log, "old")
    assert known(log, "old").leased
    for beside in ("-wal", "-shm"):
        path.with_name(path.name + beside).unlink()
    with another(script, made) as process:
        assert process.stdout
        assert process.stdout.readline() == "begun\n"
        begun(log, "a")
        assert process.communicate(timeout=DEADLINE)[0] == "True\n"
    assert [(each.id, each.last) for each in log.alive()] == [("b", 0), ("a", 1)]


@pytest.mark.parametrize("are_beside", [True, False])
def test_what_fails_since_its_files_are_deleted_is_done_with_new_ones(
    path: Path, are_beside: bool
) -> None:
    tried: list[bool] = []

    def count(db: sqlite3.Connection) -> object:
        tried.append(True)
        if len(tried) == 1:
            os.truncate(path.with_name(f"{path.name}-wal"), 0)  # so that it cannot be read
            for deleted in path.parent.glob(f"{path.name}*"):
                deleted.unlink()
        return count_rows(db)

    file = SqliteFile(path)
    other = SqliteFile(path, file if are_beside else None)
    other.look(count_rows)  # it has made the tables
    assert file.look(count) == (0,)
    assert len(tried) == 2
    file.close()
    other.close()


def test_one_that_has_old_files_is_no_harm_to_the_other(path: Path, made: str) -> None:
    """It looked which ones they are a moment too late, and SQLite gives a new one what it has."""
    file = SqliteFile(path)
    old = SqliteFile(path, file)
    old.change(lambda db: db.execute("INSERT INTO rows VALUES ('r', 1, 1, zeroblob(1000000))"))
    for beside in ("-wal", "-shm"):
        path.with_name(path.name + beside).unlink()
    with another("begun(log, 'b'); print('begun', flush=True); time.sleep(60)", made) as process:
        assert process.stdout
        assert process.stdout.readline() == "begun\n"
        old._opened = old._is_now()
        assert file.look(lambda db: db.execute("SELECT id FROM runs").fetchone()) == ("b",)
    file.close()
    old.close()


@pytest.mark.parametrize("is_there", [True, False])
def test_what_no_connection_can_do_is_told(path: Path, is_there: bool) -> None:
    path.write_bytes(b"garbage " * 1000)
    if not is_there:
        path.unlink()
        path.mkdir()
    with pytest.raises(LogError, match="cannot be used: "):
        SqliteFile(path).look(count_rows)
