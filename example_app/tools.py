"""The tool loop: before it answers, the model may search our notes."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from time import sleep
from typing import Any

from flask import Blueprint, render_template

from flask_stream import Data, Event, Source, StreamFailed, ToolCall, ToolResult, relay

from .extensions import stream
from .notes import NOTES, Note, best
from .provider import Tool, get_provider
from .question import asked

bp = Blueprint("tools", __name__, url_prefix="/tools")

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

SUGGESTIONS = [
    "What happens when the connection breaks?",
    "How does a proxy get in the way?",
    "Who notices that the reader leaves?",
]
CANNED_SUGGESTIONS = ["A search that finds nothing", "An answer that is cut off"]


@bp.get("")
def page() -> str:
    provider = get_provider()
    return render_template(
        "tools.html",
        provider=provider,
        suggestions=SUGGESTIONS + (CANNED_SUGGESTIONS if provider.canned else []),
    )


@bp.post("/run")
@stream.response
def run() -> Iterator[Any]:
    provider = get_provider()
    messages = [{"role": "user", "content": asked()}]
    for _ in range(MAX_TURNS):
        result = yield from relay(provider.ask(messages, [SEARCH]))
        if not result.tool_calls:
            return
        messages.append(result.message)
        found = {}
        for call in result.tool_calls:
            found[call.id] = yield from search(call)
            if not provider.cites:
                yield from (Source(note.url, note.title) for note in found[call.id])
        messages += provider.tool_results(found)
    message = "The model searched again and again, and never answered."
    raise StreamFailed(message, error_code="no_answer", status=502)


def search(call: ToolCall) -> Generator[Event, None, list[Note]]:
    """Run the tool, and show the page how far it has come: a real one may take its time."""
    given = call.arguments  # whatever the model wrote: null, or a list
    query = str(given.get("query", "")) if isinstance(given, dict) else ""
    for number, _ in enumerate(NOTES, 1):
        sleep(SECONDS_A_NOTE)
        yield Data("progress", {"query": query, "done": number, "of": len(NOTES)})
    found = best(NOTES, query)
    titles = [note.title for note in found]
    yield ToolResult(call.id, titles or "Nothing was found.", call.name, is_error=not found)
    return found
