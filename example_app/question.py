"""What the reader asks: there is a question, and it is not too long."""

from __future__ import annotations

from flask import abort, request

MOST_CHARACTERS = 8000
MOST_BYTES = 128 * 1024  # of a request: the longest question fits, whatever its script
TOO_LONG = f"That question is too long. Ask in at most {MOST_CHARACTERS:,} characters."


def asked() -> str:
    """Give the question of a form or a URL; refuse, in words for the page, what is none."""
    given = request.values
    question = (given.get("suggestion") or given.get("question", "")).strip()
    if not question:
        abort(400, "Type a question first.")
    if len(question) > MOST_CHARACTERS:
        abort(413, TOO_LONG)
    return question
