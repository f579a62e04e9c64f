"""The file of SQLite's that a log is in: how it is opened, waited for, and opened again."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from .log import LogError

T = TypeVar("T")

_VERSION = 1
_SCHEMA = """
CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    key TEXT,
    once TEXT,
    body TEXT,
    token INTEGER NOT NULL DEFAULT 1,
    last INTEGER NOT NULL DEFAULT 0,
    created REAL NOT NULL,
    leased_until REAL NOT NULL,
    ended_at REAL,
    stopping INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX answered_once ON runs (owner, once) WHERE once IS NOT NULL;
CREATE INDEX under_way ON runs (owner, leased_until) WHERE ended_at IS NULL;
CREATE INDEX by_key ON runs (owner, key, created) WHERE key IS NOT NULL;
CREATE INDEX by_end ON runs (ended_at, leased_until);
CREATE TABLE rows (
    run TEXT NOT NULL,
    last INTEGER NOT NULL,
    count INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (run, last)
) WITHOUT ROWID;
CREATE TABLE readers (
    run TEXT NOT NULL,
    reader TEXT NOT NULL,
    count INTEGER NOT NULL,
    until REAL NOT NULL,
    PRIMARY KEY (run, reader)
) WITHOUT ROWID;
"""

# Seconds: for a file that somebody else has locked, and between two tries.
_PATIENCE, _TRIES = 15.0, 0.01

# Errors of one whose files are being deleted, three of them, one after the other: what is opened
# meanwhile has old ones and new ones. (Measured: three processes beside one that deletes.) It is
# opened anew at most so often for one thing; a file that is harmed for good gives some of them too.
_OF_DELETED_FILES = {
    sqlite3.SQLITE_IOERR_SHORT_READ,
    sqlite3.SQLITE_IOERR_DELETE_NOENT,
    sqlite3.SQLITE_IOERR_FSTAT,
    sqlite3.SQLITE_READONLY_DBMOVED,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
}
_MOST_OPENINGS = 5


class SqliteFile:
    """A connection to the file, opened when it is needed, by one thread at a time.

    It is opened anew in a fork's child, which may not use its parent's; where the file is another
    one, or none, since it was deleted; and behind an error, which may have been of the connection.

    :param beside: another connection of this process to the same file.
    """

    def __init__(self, path: Path, beside: SqliteFile | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._opened: tuple[int, ...] | None = None  # the process, and which files they were
        self._beside = beside
        if beside is not None:
            beside._beside = self

    def change(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """In a transaction, which is on the disk's way when this returns."""

        def change(db: sqlite3.Connection) -> T:
            with _transaction(db):
                return work(db)

        return self.look(change)

    def look(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Have it do something.

        Again, as long as somebody else has locked the file; and by a new connection, where its
        files may have been deleted. A transaction that has failed has done nothing.

        :raises LogError: that took too long, or it could not.
        """
        end = time.monotonic() + _PATIENCE
        openings = 0
        while True:
            with self._lock:
                try:
                    return work(self._open())
                except (sqlite3.Error, OSError) as error:
                    is_busy, may_be_deleted = _is_busy(error), _code(error) in _OF_DELETED_FILES
                    if not is_busy:
                        self._close()
                    if may_be_deleted:
                        self._close_beside()  # SQLite would give a new one what this has open
                        openings += 1
                    again = is_busy or (may_be_deleted and openings <= _MOST_OPENINGS)
                    if not again or time.monotonic() >= end:
                        raise LogError(f"The log {self._path} cannot be used: {error}.") from error
            time.sleep(_TRIES)  # not SQLite's own: on gevent the whole worker would wait

    def close(self) -> None:
        with self._lock:
            self._close()

    def _open(self) -> sqlite3.Connection:
        if self._db is None or self._opened is None or self._opened != self._is_now():
            self._close()
            if self._has_other_gone_files() and not self._close_beside():
                raise _InUse("its files were deleted")
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # What people said is in it: nobody else's to read. One that is there is not opened
            # here: to close it again would end the locks that SQLite has on it in this process,
            # and the next process that closes it would take what is still to be moved with it.
            with suppress(FileExistsError):
                os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            self._db = _connected(self._path)
            self._opened = self._is_now()
        return self._db

    def _is_now(self) -> tuple[int, ...] | None:
        """None where there is no file.

        With those that SQLite has beside it: somebody who deletes all three may delete new ones
        with the old one, and then each process would have its own, and see nothing of the others.
        """
        if not (file := _inode(self._path)):
            return None
        return os.getpid(), file, _inode(f"{self._path}-wal"), _inode(f"{self._path}-shm")

    def _has_other_gone_files(self) -> bool:
        """Whether the connection beside has files that are gone: SQLite would use them for both."""
        other = self._beside
        return other is not None and other._db is not None and other._opened != self._is_now()

    def _close_beside(self) -> bool:
        """Whether it was closed. Not while it is at work: then it may wait for this one."""
        other = self._beside
        if other is None or not other._lock.acquire(blocking=False):
            return False
        try:
            other._close()
        finally:
            other._lock.release()
        return True

    def _close(self) -> None:
        if self._db is not None:
            if self._opened is not None and self._opened[0] != os.getpid():
                _inherited.append(self._db)
            else:
                with suppress(sqlite3.Error):
                    self._db.close()
        self._db = None


class _InUse(sqlite3.OperationalError):
    sqlite_errorcode = sqlite3.SQLITE_BUSY


def _inode(path: Path | str) -> int:
    """Which file it is; 0 where there is none."""
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return 0


# A fork's child may do nothing with its parent's connections, and closing is something: they stay.
_inherited: list[sqlite3.Connection] = []


def _connected(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if not version:
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")  # a power cut may lose the last words, no crash
        if not version:
            _make(db)
        elif version != _VERSION:
            raise sqlite3.DatabaseError(
                f"it was made by another version of Flask-Stream (its tables are of version "
                f"{version}, not {_VERSION}); delete it, and what it keeps is gone"
            )
    except BaseException:
        db.close()
        raise
    return db


def _make(db: sqlite3.Connection) -> None:
    """The tables; by whoever of several processes is first."""
    with _transaction(db):
        if not db.execute("PRAGMA user_version").fetchone()[0]:
            for statement in _SCHEMA.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {_VERSION}")


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All of the block, or nothing of it; nobody else writes meanwhile."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise


def _is_busy(error: Exception) -> bool:
    return _code(error) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _code(error: Exception) -> int:
    """SQLite's, the extended one; 0 for another's error."""
    return getattr(error, "sqlite_errorcode", 0)
