"""Tool calls of Chat Completions, from the pieces that its dialects send.

OpenAI's own pieces have an `index`; the first has an id and a name, the others have arguments.
Dialects leave the index out, make it null, or give all calls the same; they send no id, another
one with each piece, or the name in a later piece or in every one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ..events import Event
from .chat_message import merged, settled
from .digits import written
from .turn import JSON, OpenCall, words

#: The index of a `function_call`, which came before `tool_calls`, and has none of its own.
LEGACY = "function_call"


class ChatCalls:
    """The calls of one message, in the order in which they began."""

    def __init__(self) -> None:
        self.all: list[ChatCall] = []
        self._of_index: dict[object, ChatCall] = {}  # the open call of each index
        self._of_id: dict[str, ChatCall] = {}

    def pieces(self, pieces: list[JSON]) -> Iterator[Event]:
        """What one chunk has of them."""
        touched: set[int] = set()  # two pieces of one chunk that have names are two calls
        for piece in pieces:
            yield from self.piece(piece, touched)

    def piece(self, d: JSON, touched: set[int]) -> Iterator[Event]:
        function = d.get("function") or d.get("custom") or {}
        id, name, index = words(d.get("id")), words(function.get("name")), d.get("index")
        arguments = _arguments(function)
        call = self._found(id, index)
        if call is not None and name and id != (call.id if id else None) and call.number in touched:
            call = None
        if call is None or call.is_over(id, name, arguments if index is None else ""):
            call = ChatCall(len(self.all), id)
            self.all.append(call)
        touched.add(call.number)
        self._of_index[index] = call
        if id:
            self._of_id.setdefault(id, call)
        call.keep(d, function)
        yield from call.piece(id, name, arguments)

    def _found(self, id: str, index: object) -> ChatCall | None:
        if index is not None:
            return self._of_index.get(index)
        # Without an index the id tells, or else it is the last one's.
        return self._of_id.get(id) or (self.all[-1] if self.all else None)

    def end(self, *, whole: bool) -> Iterator[Event]:
        for call in self.all:
            yield from call.begin()  # it may never have got a name
            yield call.end(whole=whole)

    def turn(self) -> list[JSON]:
        """As the provider's own message has them."""
        return [call.turn() for call in self.all if not call.is_legacy]


class ChatCall(OpenCall):
    """One call. It begins, for the reader, once it has a name."""

    def __init__(self, number: int, id: str) -> None:
        super().__init__(id or f"call_{number}", "")
        self.number = number
        self.is_legacy = False
        self._begun = False
        self._waiting: list[str] = []
        self._json = _Json()

    def piece(self, id: str, name: str, arguments: str) -> Iterator[Event]:
        if not self._begun:
            self.id = id or self.id
            self.name = self.name or name
        self._json.feed(arguments)
        if self.name:
            yield from self.begin()
            yield from self.delta(arguments)
        else:
            self._waiting.append(arguments)

    def begin(self) -> Iterator[Event]:
        if not self._begun:
            self._begun = True
            yield self.start()
            yield from self.delta("".join(self._waiting))

    def is_over(self, id: str, name: str, arguments: str) -> bool:
        """Whether a piece is of another call, whatever its index says.

        It is of the same one where the id says so, and where it has no name. Otherwise it is
        another's if the name is another, or if nothing is left to finish of this one.

        :param arguments: of a piece that has no index, and so may begin a call by its id alone.
        """
        if id and id == self.id:
            return False
        if name and self.name:
            return name != self.name or self._json.is_whole
        return bool(id and arguments.strip()) and self._json.is_whole

    def keep(self, d: JSON, function: JSON) -> None:
        """What else the provider put beside a call, such as Gemini's thought signatures."""
        for key, value in d.items():
            if key == "type" and value:
                self.beside[key] = value
            elif key not in ("index", "id", "type", "function", "custom"):
                self.beside[key] = merged(self.beside.get(key), value)
        self.is_custom = self.is_custom or function is d.get("custom")
        self.is_legacy = d.get("index") == LEGACY

    def turn(self) -> JSON:
        beside = {key: settled(value) for key, value in self.beside.items()}
        if self.is_custom:
            custom = {"name": self.name, "input": self.text}
            return {"id": self.id, "type": "custom", "custom": custom, **beside}
        function = {"name": self.name, "arguments": self.text}
        return {"id": self.id, "type": "function", "function": function, **beside}


class _Json:
    """Whether a JSON array or object that comes in pieces is there to its end: each character
    is looked at once."""

    def __init__(self) -> None:
        self.is_whole = False
        self._depth = 0
        self._in_string = self._escaped = False

    def feed(self, piece: str) -> None:
        for char in piece:
            if self._in_string:
                if self._escaped:
                    self._escaped = False
                elif char == "\\":
                    self._escaped = True
                elif char == '"':
                    self._in_string = False
            elif char == '"':
                self._in_string = True
            elif char in "{[":
                self._depth += 1
            elif char in "}]":
                self._depth -= 1
                self.is_whole = self._depth == 0


def _arguments(function: JSON) -> str:
    arguments: Any = function.get("arguments", function.get("input"))
    if isinstance(arguments, dict | list):  # Ollama's and others': an object
        return json.dumps(arguments, ensure_ascii=False)
    return written(arguments)
