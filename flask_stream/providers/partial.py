"""`Partials`: on the pieces of tool calls, what is whole of their arguments by now, as JSON.

It works on events, whoever has read them: each wire's calls, and those that a provider answers
itself, are told in the same way.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..events import JSON, Event, ToolCall, ToolCallDelta, ToolCallStart
from .growing_json import GrowingJSON

# To tell all of them with each piece would be quadratic. So arguments of up to so many characters
# are told once a batch, longer ones once they have grown by a sixteenth, and at their end.
_SMALL = 1024
_SHARE = 16


class Partials:
    """Sees all events of one stream, and gives them on."""

    def __init__(self) -> None:
        self._calls: dict[str, _Arguments] = {}

    def feed(self, batch: list[Event]) -> list[Event]:
        """The batch, in which the last piece of each call has its `partial`, where that is due."""
        told = batch[:]
        latest: dict[str, int] = {}  # where in the batch each call's last piece is
        for at, event in enumerate(batch):
            if isinstance(event, ToolCallDelta):
                if event.id not in self._calls:
                    self._calls[event.id] = _Arguments()
                self._calls[event.id].feed(event.arguments)
                latest[event.id] = at
            elif isinstance(event, ToolCallStart | ToolCall) and event.id in self._calls:
                self._tell(told, event.id, latest.pop(event.id, None))
                del self._calls[event.id]  # the next one may have its id
        for id, at in latest.items():
            self._tell(told, id, at)
        return told

    def _tell(self, told: list[Event], id: str, at: int | None) -> None:
        if at is not None and (partial := self._calls[id].take()) is not None:
            piece: Any = told[at]
            told[at] = replace(piece, partial=partial)


class _Arguments(GrowingJSON):
    """Those of one call."""

    def __init__(self) -> None:
        super().__init__()
        self._due = 0  # the size from which they are told again
        self._is_all_told = False

    def take(self) -> JSON | None:
        """What is whole of them; None where that is not to be told now."""
        if self._is_all_told or (self.size < self._due and not self.is_whole):
            return None
        self._is_all_told = self.is_whole
        self._due = self.size + self.size // _SHARE if self.size > _SMALL else 0
        return self.value()
