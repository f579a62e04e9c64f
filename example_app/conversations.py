"""Conversations: a reader's own, newest first, and the questions in each of them, oldest first."""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from sqlite3 import Row

from flask_stream import Result

from .attachments import Attachment
from .database import connect

LONGEST_TITLE = 48


def of(reader: str) -> list[Row]:
    """Give all of a reader's conversations."""
    with connect() as db:
        return db.execute(
            "SELECT * FROM conversation WHERE reader = ? ORDER BY changed DESC", [reader]
        ).fetchall()


def find(reader: str, id: str) -> Row | None:
    """Give one of them: another reader's is not there."""
    with connect() as db:
        found: Row | None = db.execute(
            "SELECT * FROM conversation WHERE reader = ? AND id = ?", [reader, id]
        ).fetchone()
    return found


def begin(reader: str) -> str:
    """Give the id of an empty conversation; one in which nothing was asked yet is taken first."""
    with connect() as db:
        empty = db.execute(
            "SELECT id FROM conversation WHERE reader = ?"
            " AND NOT EXISTS (SELECT 1 FROM question WHERE conversation = conversation.id)",
            [reader],
        ).fetchone()
        id = str(empty["id"]) if empty else secrets.token_urlsafe(8)
        db.execute(
            "INSERT INTO conversation (id, reader, changed) VALUES (?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET title = '', changed = excluded.changed",
            [id, reader, time.time()],
        )
    return id


def delete(id: str) -> None:
    """Delete a conversation, with all that was said in it."""
    with connect() as db:
        db.execute("DELETE FROM conversation WHERE id = ?", [id])


# -- what was said ----------------------------------------------------------------------


def questions(conversation: str) -> list[Row]:
    """Give what was asked, each with its answer."""
    with connect() as db:
        return db.execute(
            "SELECT * FROM question WHERE conversation = ? ORDER BY id", [conversation]
        ).fetchall()


def files(conversation: str) -> dict[int, list[Attachment]]:
    """Give the files that went with its questions, by the question's id."""
    found: dict[int, list[Attachment]] = {}
    with connect() as db:
        for question, *file in db.execute(
            "SELECT question, name, type, data FROM file"
            " JOIN question ON question.id = file.question WHERE conversation = ? ORDER BY file.id",
            [conversation],
        ):
            found.setdefault(question, []).append(Attachment(*file))
    return found


def names_of_files(conversation: str) -> dict[int, list[str]]:
    """Give the names of those, without the files."""
    names: dict[int, list[str]] = {}
    with connect() as db:
        for question, name in db.execute(
            "SELECT question, name FROM file JOIN question ON question.id = file.question"
            " WHERE conversation = ? ORDER BY file.id",
            [conversation],
        ):
            names.setdefault(question, []).append(name)
    return names


def ask(
    conversation: str, submission: str, text: str, files: Sequence[Attachment], *, again: bool
) -> int:
    """Save a question, and give its id.

    :param again: it may be there already, and what came from there on makes room for it.
    """
    with connect() as db:
        if again:
            db.execute(
                "DELETE FROM question WHERE conversation = :conversation AND id >= (SELECT min(id)"
                " FROM question WHERE conversation = :conversation AND submission = :submission)",
                {"conversation": conversation, "submission": submission},
            )
        _name(db, conversation, text)
        cursor = db.execute(
            "INSERT INTO question (conversation, submission, text) VALUES (?, ?, ?)",
            [conversation, submission, text],
        )
        id = cursor.lastrowid
        assert id is not None
        db.executemany(
            "INSERT INTO file (question, name, type, data) VALUES (?, ?, ?, ?)",
            [(id, file.name, file.type, file.data) for file in files],
        )
    return id


def _name(db: sqlite3.Connection, conversation: str, text: str) -> None:
    """Call a conversation by its first question, and have it first among the others."""
    (is_first,) = db.execute(
        "SELECT NOT EXISTS (SELECT 1 FROM question WHERE conversation = ?)", [conversation]
    ).fetchone()
    db.execute("UPDATE conversation SET changed = ? WHERE id = ?", [time.time(), conversation])
    if is_first:
        title = title_of(text)
        db.execute("UPDATE conversation SET title = ? WHERE id = ?", [title, conversation])


def title_of(text: str) -> str:
    """A question's first words: to have a model think of a title would cost a request."""
    words = " ".join(text.split())
    if len(words) <= LONGEST_TITLE:
        return words
    cut = words[:LONGEST_TITLE]
    return f"{cut.rpartition(' ')[0] or cut}…"


def answer(question: int, result: Result) -> None:
    """Save an answer as far as it came, and how it ended."""
    with connect() as db:
        db.execute(
            "UPDATE question SET answer = ?, outcome = ?, error = ?, model = ?, answered = ?,"
            " sources = ? WHERE id = ?",
            [
                result.text,
                result.outcome,
                result.error and result.error.message,
                result.model,
                datetime.now(UTC).isoformat(timespec="seconds"),
                json.dumps([asdict(source) for source in result.sources]),
                question,
            ],
        )


def rate(conversation: str, submission: str, value: str) -> bool:
    """Save what the reader says of an answer; False where there is none."""
    with connect() as db:
        cursor = db.execute(
            "UPDATE question SET rating = ? WHERE conversation = ? AND submission = ?",
            [value, conversation, submission],
        )
    return cursor.rowcount > 0
