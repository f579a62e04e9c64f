"""A tool call on its way, and the one that it comes to."""

from __future__ import annotations

import json
from typing import Any

from ..events import JSON, ToolCall, ToolCallDelta, ToolCallStart
from .turn import Tell


class OpenCall:
    """A tool call whose arguments are still arriving, as pieces of JSON text.

    :ivar started: it has been told that it begins, which it is once its name is known.
    """

    def __init__(self, id: str, name: str, server: bool = False) -> None:
        self.id = id
        self.name = name
        self.server = server
        self.pieces: list[str] = []  # no `Pieces`: `is_whole` walks them by their places
        self.size = 0  # of the pieces, in characters
        self.given = ""  # what came whole, and counts where no pieces did
        self.beside: JSON = {}  # fields that only the provider knows, for its own turn
        self.is_custom = False  # its input is free text, not JSON
        self.started = False

    @property
    def text(self) -> str:
        return "".join(self.pieces) or self.given

    def start(self, tell: Tell) -> None:
        """Tell its beginning, and what came before it."""
        if not self.started:
            self.started = True
            tell(ToolCallStart(self.id, self.name, server=self.server))
            if self.pieces:
                tell(ToolCallDelta(self.id, "".join(self.pieces)))

    def delta(self, piece: str, tell: Tell) -> None:
        if piece:
            self.pieces.append(piece)
            self.size += len(piece)
            if self.started:
                tell(ToolCallDelta(self.id, piece))

    def end(self, *, whole: bool = True) -> ToolCall:
        """The call.

        :param whole: false where the stream was cut, so that no arguments are not none.
        """
        if not whole and not self.text.strip():
            return ToolCall(self.id, self.name, None, raw=self.text, server=self.server)
        if self.is_custom:
            return ToolCall(self.id, self.name, self.text, server=self.server)
        return tool_call(self.id, self.name, self.text, server=self.server)


def call_of(id: str, name: str, arguments: Any) -> ToolCall:
    """The call whose arguments a library has read already: see `tool_call`.

    What JSON has nothing for is as it is shown; a number that is none makes all of it no JSON.
    """
    try:
        text = json.dumps(arguments, default=str)
    except (TypeError, ValueError, RecursionError):
        text = str(arguments)
    return tool_call(id, name, text)


def tool_call(id: str, name: str, text: str, *, server: bool = False) -> ToolCall:
    """The call whose arguments are the JSON `text`; no text at all means no arguments."""
    if not text.strip():
        return ToolCall(id, name, {}, server=server)
    try:
        return ToolCall(id, name, json.loads(text), server=server)
    except (ValueError, TypeError, RecursionError):  # TypeError: NaN, which our wire cannot carry
        return ToolCall(id, name, None, raw=text, server=server)
