"""SQLite, opened for a moment at a time: a stream lasts too long to keep a connection."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask, current_app

SCHEMA = """
CREATE TABLE IF NOT EXISTS secret (id INTEGER PRIMARY KEY CHECK (id = 1), key TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS reader (
    id TEXT PRIMARY KEY,
    folded TEXT NOT NULL UNIQUE,  -- his name, in which case does not count
    name TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS conversation (
    id TEXT PRIMARY KEY,
    reader TEXT NOT NULL REFERENCES reader,
    title TEXT NOT NULL DEFAULT '',
    changed REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS conversation_by_reader ON conversation (reader, changed);
-- An id is never given again: the run of a question that was dropped may still save its answer.
CREATE TABLE IF NOT EXISTS question (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation TEXT NOT NULL REFERENCES conversation ON DELETE CASCADE,
    submission TEXT NOT NULL,
    text TEXT NOT NULL,
    answer TEXT NOT NULL DEFAULT '',
    outcome TEXT,  -- NULL while the answer is on its way
    error TEXT,
    model TEXT,
    answered TEXT,
    sources TEXT NOT NULL DEFAULT '[]',
    rating TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS question_by_conversation ON question (conversation, id);
CREATE TABLE IF NOT EXISTS file (
    id INTEGER PRIMARY KEY,
    question INTEGER NOT NULL REFERENCES question ON DELETE CASCADE,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    data BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS file_by_question ON file (question, id);
"""


def init_app(app: Flask) -> None:
    """Make the tables, and a secret key that all workers share and that outlives a restart."""
    path = Path(app.config["DATABASE"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.chmod(0o600)  # what was said, and the key of the sessions, are for this user only
    with app.app_context(), connect() as db:
        db.executescript(SCHEMA)
        db.execute("INSERT OR IGNORE INTO secret VALUES (1, ?)", [secrets.token_hex()])
        (key,) = db.execute("SELECT key FROM secret").fetchone()
    app.secret_key = app.secret_key or key


@contextmanager
def connect() -> Iterator[sqlite3.Connection]:
    """Open the database for one transaction."""
    db = sqlite3.connect(current_app.config["DATABASE"])
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA foreign_keys = ON")  # so that what belongs to a row goes with it
    try:
        with db:
            yield db
    finally:
        db.close()
