"""A conversation: the turns of one browser session, oldest first."""

from __future__ import annotations

import sqlite3
from uuid import uuid4

from flask import session

from flask_stream import Result

from .database import connect
from .provider import Messages


def begin() -> None:
    """Begin a new conversation; the old one stays in the database."""
    session["conversation"] = uuid4().hex


def current() -> str:
    """Give the conversation's id; there is one from the first question on."""
    if "conversation" not in session:
        begin()
    return str(session["conversation"])


def turns() -> list[sqlite3.Row]:
    """Give what was said so far."""
    with connect() as db:
        return db.execute(
            "SELECT * FROM turn WHERE conversation = ? ORDER BY id", [session.get("conversation")]
        ).fetchall()


def forget_failed(question: str) -> None:
    """Remove the last turn if its answer to this question failed: it is asked again."""
    with connect() as db:
        db.execute(
            "DELETE FROM turn WHERE question = ? AND outcome = 'failed'"
            " AND id = (SELECT max(id) FROM turn WHERE conversation = ?)",
            [question, session.get("conversation")],
        )


def ask(question: str) -> int:
    """Save a question, and give its turn's id."""
    with connect() as db:
        cursor = db.execute(
            "INSERT INTO turn (conversation, question) VALUES (?, ?)", [current(), question]
        )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def answer(turn: int, result: Result) -> None:
    """Save an answer as far as it came, and how it ended."""
    usage, first_word = result.usage, result.first_text_seconds
    with connect() as db:
        db.execute(
            "UPDATE turn SET answer = ?, outcome = ?, error = ?, first_word_ms = ?,"
            " input_tokens = ?, output_tokens = ? WHERE id = ?",
            [
                result.text,
                result.outcome,
                result.error and result.error.message,
                None if first_word is None else round(1000 * first_word),
                usage and usage.input_tokens,
                usage and usage.output_tokens,
                turn,
            ],
        )


def messages(question: str) -> Messages:
    """Give the conversation as a provider wants it: no empty answers, the new question last."""
    found: Messages = []
    for turn in turns():
        found.append({"role": "user", "content": turn["question"]})
        if turn["answer"]:
            found.append({"role": "assistant", "content": turn["answer"]})
    return [*found, {"role": "user", "content": question}]
