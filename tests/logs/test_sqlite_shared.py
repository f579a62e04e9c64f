"""SQLite's own files beside a log's, which all who have it open must have in common."""

from __future__ import annotations

from pathlib import Path

from flask_stream.logs.log import Write
from flask_stream.logs.sqlite import SqliteLog
from flask_stream.testing.log_case import begun, known, rows
from tests.logs.processes import DEADLINE, another


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
