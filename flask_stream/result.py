"""`Result`: what the events of a run, or of one relayed stream, add up to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from .events import (
    JSON,
    Event,
    Failed,
    Meta,
    Source,
    ToolCall,
    ToolCallDelta,
    ToolResult,
    Usage,
    Words,
)
from .pieces import Pieces

MOST_CHARACTERS = 4_000_000  # of a run, unless the app says otherwise
# Of an id, which is sent with each piece of a call's arguments.
_USUAL_ID = 40


def size_of(event: Event) -> int:
    """How many characters an event brings, more or less: nothing that comes is for nothing.

    A call's `partial` brings none: it is made of what has been counted.
    """
    if isinstance(event, Words):
        return len(event.text)
    if isinstance(event, ToolCallDelta):
        return len(event.arguments) + max(0, len(event.id) - _USUAL_ID)
    return characters(event.payload())


def characters(value: Any) -> int:
    """Of a JSON value."""
    total, values = 0, [value]
    while values:
        value = values.pop()
        if isinstance(value, str):
            total += len(value)
        elif isinstance(value, dict):
            total += sum(map(len, value)) + len(value)
            values.extend(value.values())
        elif isinstance(value, list | tuple):
            total += 1 + len(value)
            values.extend(value)
        else:
            total += 1
    return total


def utf16_length(text: str) -> int:
    """In UTF-16 code units, as JavaScript counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


class Result:
    """What a run, or one relayed stream of it, came to.

    :ivar id: the run's id; None for a step.
    :ivar seconds: how long it took from the view's call to its end; None while it goes on, and
        for a step.
    :ivar first_text_seconds: from the view's call to the first words of its text; None where
        there were none, and for a step.
    :ivar outcome: ``complete``, ``stopped`` (a reader of a resumable run asked for its end),
        ``disconnected`` (its reader left; nobody read a resumable one any more) or ``failed``; None
        while it goes on.
    :ivar usage: the run's total; of a step, its own.
    :ivar error: the :class:`Failed` that ended it, or None.
    :ivar raw_usage: the provider's own usage object, as it came (Python only).
    :ivar message: the provider's own turn, ready to append to the next request's
        ``messages`` (Anthropic, Chat Completions: a dict) or to extend its ``input`` with
        (Responses: a list of items). None when there was none. Of a run: its last step's.
    :ivar steps: the Result of each relayed stream, in order (Python only).
    :ivar size: how many characters its events have brought, of whatever kind.
    :ivar words: `text`, `reasoning` and `refusal` by their names, as they came.
    """

    def __init__(self, id: str | None = None) -> None:
        self.id = id
        self.outcome: str | None = None
        self.seconds: float | None = None
        self.first_text_seconds: float | None = None
        self.provider: str | None = None
        self.model: str | None = None
        self.response_id: str | None = None
        self.tool_calls: list[ToolCall] = []
        self.server_tool_calls: list[ToolCall] = []
        self.tool_results: list[ToolResult] = []
        self.sources: list[Source] = []
        self.stop_reason: str | None = None
        self.provider_stop_reason: str | None = None
        self.usage: Usage | None = None
        self.error: Failed | None = None
        self.raw_usage: Mapping[str, Any] | None = None
        self.message: Any = None
        self.steps: list[Result] = []
        self.size = 0
        self._known_sources: set[Source] = set()
        self.words = {kind: Pieces() for kind in ("text", "reasoning", "refusal")}

    @property
    def text(self) -> str:
        """All that the user read."""
        return self.words["text"].text

    @property
    def reasoning(self) -> str:
        return self.words["reasoning"].text

    @property
    def refusal(self) -> str:
        return self.words["refusal"].text

    def add(self, events: list[Event], most: float = math.inf) -> list[Event]:
        """Add events up. Usage, stop reason and outcome are set by whoever knows them.

        :returns: all of them; or those before one with which there are more than `most`
            characters.
        """
        for at, event in enumerate(events):
            text = event.text if isinstance(event, Words) else None
            size = self.size + (size_of(event) if text is None else len(text))
            if size > most:
                return events[:at]
            self.size = size
            if text is None:
                self._add(event)
            else:
                words = self.words[event.kind]
                words.append(text)  # `Pieces.add`, without its call
                if len(words) == words.full:
                    words.join_latest()
        return events

    def _add(self, event: Event) -> None:
        if isinstance(event, Meta):
            self.provider = event.provider or self.provider
            self.model = event.model or self.model
            self.response_id = event.response_id or self.response_id
        elif isinstance(event, ToolCall):
            (self.server_tool_calls if event.server else self.tool_calls).append(event)
        elif isinstance(event, ToolResult):
            self.tool_results.append(event)
        elif isinstance(event, Source) and event not in self._known_sources:
            self._known_sources.add(event)
            self.sources.append(event)

    def conclude(self, outcome: str, usage: Usage | None) -> None:
        """The run is over: say of the whole what its steps, and the app, have told of parts.

        :param usage: the run's total.
        """
        self.outcome, self.usage = outcome, usage
        for step in self.steps:
            step.outcome = step.outcome or "disconnected"  # the app has not read it to its end
        for step in reversed(self.steps):  # which model answered, if the app told nobody
            self.provider = self.provider or step.provider
            self.model = self.model or step.model
            self.response_id = self.response_id or step.response_id
        if self.steps:
            last = self.steps[-1]
            self.message, self.raw_usage = last.message, last.raw_usage
            self.stop_reason = last.stop_reason
            self.provider_stop_reason = last.provider_stop_reason
        if self.stop_reason is None and outcome == "complete":
            self.stop_reason = "stop"

    def to_dict(self) -> JSON:
        """The JSON format's body."""
        return {
            "id": self.id,
            "outcome": self.outcome,
            "provider": self.provider,
            "model": self.model,
            "text": self.text,
            "reasoning": self.reasoning,
            "refusal": self.refusal,
            "tool_calls": [call.payload() for call in self.tool_calls],
            "server_tool_calls": [call.payload() for call in self.server_tool_calls],
            "tool_results": [result.payload() for result in self.tool_results],
            "sources": [source.payload() for source in self.sources],
            "stop_reason": self.stop_reason,
            "provider_stop_reason": self.provider_stop_reason,
            "usage": self.usage.payload() if self.usage else None,
            "error": self.error.payload() if self.error else None,
        }

    def __repr__(self) -> str:
        return f"<Result {self.id or ''} {self.outcome} {len(self.text)} characters>"
