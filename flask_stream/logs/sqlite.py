"""A log in a file of SQLite's, which all processes of one machine share. Nothing to install."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .log import (
    Claim,
    Fenced,
    Log,
    Once,
    OtherBody,
    Row,
    State,
    TooMany,
    Write,
    new_rows,
    some,
)
from .sqlite_file import SqliteFile

_STATE = (
    "id, owner, key, last, created, ended_at IS NOT NULL, leased_until - ?1, stopping,"
    " (SELECT TOTAL(count) FROM readers WHERE run = runs.id AND until > ?1)"
)

# Seconds: between two looks for whether anybody has written, and for what, whatever the first says.
_LOOKS, _LOOKS_ANYWAY = 0.01, 1.0
# In one transaction that forgets: others wait for it.
_AT_ONCE = 50  # runs
_PAGES_AT_ONCE = 2000  # of the file, given back to the disk


class SqliteLog(Log):
    """Keeps runs in the file at `path`, which is made, with its folder, where there is none."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        # One to write and one to read, so that a file that is locked for writing can be read.
        self._writer = SqliteFile(self.path)
        self._reader = SqliteFile(self.path, beside=self._writer)
        self._woken = threading.Event()

    def create(
        self,
        id: str,
        owner: str,
        lease: float,
        *,
        key: str | None = None,
        once: Once | None = None,
        most: int | None = None,
    ) -> Claim | str:
        def create(db: sqlite3.Connection) -> Claim | str:
            if once is not None:
                sql = "SELECT id, body FROM runs WHERE owner = ? AND once = ?"
                found = db.execute(sql, (owner, once.key)).fetchone()
                if found is not None:
                    if found[1] != once.body:
                        raise OtherBody(once.key)
                    return str(found[0])
            now = time.time()
            if most is not None:
                sql = (
                    "SELECT COUNT(*) FROM runs"
                    " WHERE owner = ? AND ended_at IS NULL AND leased_until > ?"
                )
                if db.execute(sql, (owner, now)).fetchone()[0] >= most:
                    raise TooMany(owner)
            db.execute(
                "INSERT INTO runs (id, owner, key, once, body, created, leased_until)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (id, owner, key, once and once.key, once and once.body, now, now + lease),
            )
            return Claim(id, 1)

        return self._writer.change(create)

    def forget(self, claim: Claim) -> None:
        def forget(db: sqlite3.Connection) -> None:
            sql = "SELECT id FROM runs WHERE id = ? AND token = ?"
            _forget(db, db.execute(sql, (claim.id, claim.token)).fetchall())

        self._writer.change(forget)

    def write(self, writes: Sequence[Write]) -> set[Claim]:
        def write_all(db: sqlite3.Connection) -> set[Claim]:
            fenced = set()
            for write in writes:
                try:
                    _write(db, write)
                except Fenced:
                    fenced.add(write.claim)
            return fenced

        return self._writer.change(write_all)

    def read(self, id: str, after: int, most: int) -> list[Row]:
        def read(db: sqlite3.Connection) -> list[Row]:
            sql = "SELECT last, count, data FROM rows WHERE run = ? AND last > ? ORDER BY last"
            return some((Row(*found) for found in db.execute(sql, (id, after))), most)

        return self._reader.look(read)

    def states(self, ids: Sequence[str]) -> Mapping[str, State]:
        def look(db: sqlite3.Connection) -> dict[str, State]:
            sql, now = f"SELECT {_STATE} FROM runs WHERE id = ?2", time.time()
            found = (db.execute(sql, (now, id)).fetchone() for id in ids)
            return {state.id: state for state in (_state(each) for each in found if each)}

        return self._reader.look(look)

    def newest(self, owner: str, key: str) -> str | None:
        def look(db: sqlite3.Connection) -> str | None:
            sql = "SELECT id FROM runs WHERE owner = ? AND key = ? ORDER BY rowid DESC LIMIT 1"
            return _id(db, sql, (owner, key))

        return self._reader.look(look)

    def answering(self, owner: str, once: str) -> str | None:
        def look(db: sqlite3.Connection) -> str | None:
            return _id(db, "SELECT id FROM runs WHERE owner = ? AND once = ?", (owner, once))

        return self._reader.look(look)

    def alive(self) -> list[State]:
        def look(db: sqlite3.Connection) -> list[State]:
            sql = f"SELECT {_STATE} FROM runs WHERE ended_at IS NULL ORDER BY created, rowid"
            return [*map(_state, db.execute(sql, (time.time(),)))]

        return self._reader.look(look)

    def renew(self, claims: Sequence[Claim], lease: float) -> Mapping[Claim, State]:
        def renew(db: sqlite3.Connection) -> dict[Claim, State]:
            kept = {}
            now = time.time()
            for claim in claims:
                done = db.execute(
                    "UPDATE runs SET leased_until = ?"
                    " WHERE id = ? AND token = ? AND ended_at IS NULL",
                    (now + lease, claim.id, claim.token),
                )
                if done.rowcount:
                    sql = f"SELECT {_STATE} FROM runs WHERE id = ?2"
                    kept[claim] = _state(db.execute(sql, (now, claim.id)).fetchone())
            return kept

        return self._writer.change(renew)

    def try_to_write(self) -> None:
        self._writer.change(lambda db: None)

    def attend(self, reader: str, counts: Mapping[str, int], seconds: float) -> None:
        def attend(db: sqlite3.Connection) -> None:
            until = time.time() + seconds
            db.executemany(
                "INSERT OR REPLACE INTO readers (run, reader, count, until)"
                " SELECT id, ?2, ?3, ?4 FROM runs WHERE id = ?1",
                [(id, reader, count, until) for id, count in counts.items()],
            )

        self._writer.change(attend)

    def take_over(self, id: str, lease: float) -> Claim | None:
        def take_over(db: sqlite3.Connection) -> Claim | None:
            now = time.time()
            done = db.execute(
                "UPDATE runs SET token = token + 1, leased_until = ?"
                " WHERE id = ? AND ended_at IS NULL AND leased_until <= ?",
                (now + lease, id, now),
            )
            if not done.rowcount:
                return None
            return Claim(id, *db.execute("SELECT token FROM runs WHERE id = ?", (id,)).fetchone())

        return self._writer.change(take_over)

    def request_stop(self, id: str) -> bool:
        def stop(db: sqlite3.Connection) -> bool:
            sql = "UPDATE runs SET stopping = 1 WHERE id = ? AND ended_at IS NULL"
            return db.execute(sql, (id,)).rowcount > 0

        return self._writer.change(stop)

    def wait(self, after: Mapping[str, int], seconds: float) -> set[str]:
        now = time.monotonic()
        end, due = now + seconds, now
        version = None
        while True:
            # It changes with what any other connection writes, this process's own too.
            latest = self._reader.look(_version)
            if latest != version or now >= due:
                version, due = latest, now + _LOOKS_ANYWAY
                more = self._reader.look(lambda db: _more(db, after))
                if more:
                    return more
            if now >= end:
                return set()
            if self._woken.wait(min(end - now, _LOOKS)):
                self._woken.clear()
                return set()
            now = time.monotonic()

    def wake(self) -> None:
        self._woken.set()

    def expire(self, seconds: float) -> int:
        def expire(db: sqlite3.Connection) -> int:
            before = time.time() - seconds
            found = db.execute(
                "SELECT id FROM runs WHERE ended_at <= ?1"
                " OR (ended_at IS NULL AND leased_until <= ?1) LIMIT ?2",
                (before, _AT_ONCE),
            ).fetchall()
            _forget(db, found)
            return len(found)

        forgotten = self._writer.change(expire)
        if forgotten:
            self._writer.look(_give_back)
        return forgotten

    def close(self) -> None:
        self.wake()
        self._writer.close()
        self._reader.close()


def _write(db: sqlite3.Connection, write: Write) -> None:
    """:raises Fenced: its claim is no claim any more."""
    id, token = write.claim
    if write.rows and not write.ends:
        last = write.rows[0].last - write.rows[0].count
        # It goes on where the run is, as nearly always: then that need not be asked before.
        done = db.execute(
            "UPDATE runs SET last = ? WHERE id = ? AND token = ? AND last = ? AND ended_at IS NULL",
            (write.rows[-1].last, id, token, last),
        )
        if done.rowcount:
            _add(db, id, new_rows(write, token, last, ended=False))
            return
    found = db.execute("SELECT token, last, ended_at FROM runs WHERE id = ?", (id,)).fetchone()
    if found is None:
        raise Fenced(id)
    token, last, ended_at = found
    rows = new_rows(write, token, last, ended=ended_at is not None)
    if write.ends and ended_at is None:
        ended_at = time.time()
    _add(db, id, rows)
    db.execute(
        "UPDATE runs SET last = ?, ended_at = ? WHERE id = ?",
        (rows[-1].last if rows else last, ended_at, id),
    )


def _add(db: sqlite3.Connection, id: str, rows: Sequence[Row]) -> None:
    sql = "INSERT INTO rows (run, last, count, data) VALUES (?, ?, ?, ?)"
    db.executemany(sql, [(id, row.last, row.count, row.data) for row in rows])


def _forget(db: sqlite3.Connection, ids: Sequence[tuple[str]]) -> None:
    for table, column in (("rows", "run"), ("readers", "run"), ("runs", "id")):
        db.executemany(f"DELETE FROM {table} WHERE {column} = ?", ids)


def _state(found: Sequence[Any]) -> State:
    id, owner, key, last, created, ended, lease, stopping, readers = found
    return State(id, owner, key, last, created, bool(ended), lease, bool(stopping), int(readers))


def _id(db: sqlite3.Connection, sql: str, values: tuple[str, ...]) -> str | None:
    """That of the run which is found first."""
    found = db.execute(sql, values).fetchone()
    return found and str(found[0])


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA data_version").fetchone()[0])


def _more(db: sqlite3.Connection, after: Mapping[str, int]) -> set[str]:
    sql = "SELECT last FROM runs WHERE id = ?"
    more = set()
    for id, known in after.items():
        found = db.execute(sql, (id,)).fetchone()
        if found is None or found[0] > known:
            more.add(id)
    return more


def _give_back(db: sqlite3.Connection) -> None:
    """What is free in the file, to the disk."""
    # `execute` would give back one page.
    db.executescript(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})")
