"""`EventsReader`: a library's stream, whose reading function says it in our own words already."""

from __future__ import annotations

from typing import Any

from ..errors import SourceError
from ..events import (
    JSON,
    Event,
    Reasoning,
    Refusal,
    Source,
    Step,
    Text,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    ToolResult,
    Usage,
)
from .libraries import End
from .names import with_article
from .not_streams import discard
from .plain import own
from .reader import Reader
from .turn import Turn


class EventsReader(Reader):
    """Joins its texts, tells of a call that it begins, and why it ended."""

    def __init__(self, turn: Turn) -> None:
        super().__init__(turn)
        self._begun: set[str] = set()  # the ids of calls that were told to begin
        self._open: set[str] = set()  # of those whose result the app owes
        self._has_called = False
        self._refuses = False

    def feed(self, dicts: list[JSON]) -> list[Event]:
        """What is wrong with an item is told: it is code that made it, and no provider."""
        for said in dicts:
            self.handle(said)
        return self.turn.take_events()

    def handle(self, d: Any) -> None:
        if isinstance(d, str):
            self.prose.text(d)
        elif isinstance(d, End):
            self._end(d)
        elif isinstance(d, Event):
            self._handle(own(d))
        else:
            discard(d)
            raise SourceError(
                f"A function of @stream.source yielded {d!r:.80}, "
                f"{with_article(type(d).__name__)}. It yields str and events, made of what the "
                "stream gives: the words of a piece, and not the piece."
            )

    def _handle(self, event: Event) -> None:
        if isinstance(event, Text):
            self.prose.text(event.text)
        elif isinstance(event, Reasoning):
            self.prose.reasoning(event.text)
        elif isinstance(event, Usage):
            if event.payload():
                self.turn.usage = event  # told at the end: the latest counts
        elif isinstance(event, Source):
            self.turn.new_source(event.url, event.title, event.cited_text, event.document)
        else:
            self._tell(event)

    def _tell(self, event: Event) -> None:
        if isinstance(event, ToolCallStart | ToolCallDelta | ToolCall | ToolResult):
            self.prose.aside()
            self._begin(event)
        elif isinstance(event, Step):  # whoever asks the model again has answered its calls
            self.prose.aside()
            self._open.clear()
        self._refuses = self._refuses or isinstance(event, Refusal)
        self.turn.tell(event)

    def _begin(self, event: ToolCallStart | ToolCallDelta | ToolCall | ToolResult) -> None:
        if isinstance(event, ToolResult):
            self._open.discard(event.id)
            return
        if isinstance(event, ToolCall):
            if event.id not in self._begun:  # libraries that have calls only as a whole
                self.turn.tell(ToolCallStart(event.id, event.name, server=event.server))
            if not event.server:
                self._has_called = True
                self._open.add(event.id)
        self._begun.add(event.id)

    def _end(self, end: End) -> None:
        turn = self.turn
        turn.message, turn.raw_usage = end.message, end.raw_usage
        turn.ended = True
        if end.stop_reason:
            turn.stop(end.stop_reason)
        else:
            turn.complete, turn.stop_reason = True, "stop"
        if turn.stop_reason in ("stop", "other") and self._open:
            turn.stop_reason = "tool_calls"
        elif turn.stop_reason == "tool_calls" and self._has_called and not self._open:
            turn.stop_reason = "stop"  # the library has answered them
        elif turn.stop_reason == "stop" and self._refuses and not self.prose.has_words:
            turn.stop_reason = "refusal"

    def finish(self) -> None:
        self.prose.end()
        if self.turn.usage is not None:
            self.turn.tell(self.turn.usage)

    def settle(self) -> None:
        """The message is the library's own, and whole."""
