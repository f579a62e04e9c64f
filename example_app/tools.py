"""The tool loop: before it answers, the model may search our notes."""

from __future__ import annotations

from collections.abc import Generator
from time import sleep
from typing import Any

from flask_stream import Data, Event, Source, StreamFailed, ToolCall, ToolResult, relay

from .languages import gettext
from .notes import NOTES, Note, best
from .provider import Messages, Provider, Tool

SEARCH = Tool(
    name="search_notes",
    description="Search a few notes about streaming from a server to the browser.",
    parameters={
        "type": "object",
        "properties": {"query": {"type": "string", "description": "A few words"}},
        "required": ["query"],
    },
)
MAX_TURNS = 6  # a model that never stops searching would cost money for ever
SECONDS_A_NOTE = 0.1


def answered(provider: Provider, messages: Messages, turn: Any) -> Generator[Any, None, None]:
    """Relay the model's turns up to the one in which it searches no more.

    :param turn: the stream of the first one, which was asked for with these messages.
    """
    for left in reversed(range(MAX_TURNS)):
        result = yield from relay(turn)
        if not result.tool_calls:
            return
        if not left:
            message = gettext("The model searched again and again, and never answered.")
            raise StreamFailed(message, error_code="no_answer", status=502)
        messages.append(result.message)
        found = {}
        for call in result.tool_calls:
            found[call.id] = yield from search(call)
            if not provider.cites:
                yield from (Source(note.url, note.title) for note in found[call.id])
        messages += provider.tool_results(found)
        turn = provider.ask(messages, [SEARCH])


def search(call: ToolCall) -> Generator[Event, None, list[Note]]:
    """Run the tool, and tell how far it has come: a real one may take its time."""
    given = call.arguments  # whatever the model wrote: null, or a list
    query = str(given.get("query", "")) if isinstance(given, dict) else ""
    for number, _ in enumerate(NOTES, 1):
        sleep(SECONDS_A_NOTE)
        yield Data("progress", {"query": query, "done": number, "of": len(NOTES)})
    found = best(NOTES, query)
    titles = [note.title for note in found]
    yield ToolResult(call.id, titles or "Nothing was found.", call.name, is_error=not found)
    return found
