"""What was said: as the page shows it, and as a model is told of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from sqlite3 import Row
from typing import Any

from . import conversations
from .attachments import Attachment
from .extensions import stream
from .languages import gettext, gettext_of_stream
from .provider import Messages, Provider


def turns(conversation: str) -> Iterator[dict[str, Any]]:
    """Give the turns as `stream_chat` takes them; what is being written now comes from its run."""
    # Only this tells an answer that is on its way from one whose worker was killed. It is asked
    # first: what ends meanwhile is saved by then.
    run = stream.active(f"chat:{conversation}")
    names = conversations.names_of_files(conversation)
    for row in conversations.questions(conversation):
        id = row["submission"]
        yield {"role": "user", "id": id, "text": row["text"], "files": names.get(row["id"])}
        if run is None or row["outcome"] is not None:
            yield {
                "role": "assistant",
                "id": id,
                "text": row["answer"],
                "model": row["model"],
                "at": row["answered"],
                "sources": json.loads(row["sources"]),
                "rating": row["rating"],
                "note": _note(row),
            }


def _note(row: Row) -> str | None:
    """How an answer ended, if not well."""
    match row["outcome"]:
        case "complete":
            return None
        case "stopped":
            return gettext("Stopped.")
        case "disconnected":
            return gettext("Nobody was reading any more, so this answer was ended.")
        case "failed":
            return gettext_of_stream(row["error"])
    return gettext("This answer was interrupted.")  # its worker was killed


def split(rows: list[Row], submission: str) -> tuple[list[Row], list[Row]]:
    """Give what was asked before that question, and the rest, which begins with it."""
    ids = [row["submission"] for row in rows]
    place = ids.index(submission) if submission in ids else len(rows)
    return rows[:place], rows[place:]


def messages(
    provider: Provider, rows: Iterable[Row], files: Mapping[int, list[Attachment]]
) -> Messages:
    """Give the same as a provider wants it: without empty answers."""
    told: Messages = []
    for row in rows:
        told.append(provider.question(row["text"], files.get(row["id"], [])))
        if row["answer"]:
            told.append({"role": "assistant", "content": row["answer"]})
    return told
