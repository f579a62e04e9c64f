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
CREATE TABLE IF NOT EXISTS turn (
    id INTEGER PRIMARY KEY,
    conversation TEXT NOT NULL,
    question TEXT NOT NULL,
    answer TEXT NOT NULL DEFAULT '',
    outcome TEXT,  -- NULL while the answer is on its way
    error TEXT,
    first_word_ms INTEGER,
    input_tokens INTEGER,
    output_tokens INTEGER
);
CREATE INDEX IF NOT EXISTS turn_by_conversation ON turn (conversation, id);
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
    try:
        with db:
            yield db
    finally:
        db.close()
