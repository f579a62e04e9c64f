"""Tool calls in Chat Completions, which nearly every provider cuts up in a way of its own."""

from __future__ import annotations

import json
import re

from ..events import JSON
from .chat_message import Keep, merged, settled
from .digits import Digits
from .surrogates import mend_all
from .tool_calls import OpenCall
from .turn import Turn, only_text, place, understood
from .under_way import numbers


class Calls:
    """The calls of one message, from their pieces.

    A call is told once its name is known: some send it late, or in pieces. So its beginning
    waits for its first argument, or for whatever else comes.

    :ivar waiting: the call that has a name, and was not told yet.
    """

    def __init__(self, turn: Turn) -> None:
        self._tell, self._keep = turn.tell, turn.keep
        self.all: list[ChatCall] = []
        self._current: dict[str | None, ChatCall] = {}  # the open call of each index
        self._by_id: dict[str, ChatCall] = {}
        self.waiting: ChatCall | None = None
        self._numbers = numbers("call")
        self._chunk = 0

    def __bool__(self) -> bool:
        return any(not call.is_nothing for call in self.all)

    def pieces(self, calls: list[JSON]) -> None:
        """The pieces that one chunk brings."""
        self._chunk += 1
        for d in calls:  # one that is not understood costs the others nothing
            understood(self._piece, d)

    def tell_waiting(self) -> None:
        """Something else comes, so the name that waits is whole."""
        if self.waiting is None:
            return
        call, self.waiting = self.waiting, None
        if not call.is_nothing:
            call.start(self._tell)

    def end(self, *, whole: bool) -> None:
        """All calls, at the stream's end. One that never got a name has no beginning."""
        self.tell_waiting()
        self.all = [call for call in self.all if not call.is_nothing]
        for call in self.all:
            self._tell(call.end(whole=whole))

    def message(self) -> list[JSON]:
        """The provider's own `tool_calls`."""
        return [call.message() for call in self.all if not (call.is_function or call.is_nothing)]

    def _piece(self, d: JSON) -> None:
        function = d.get("function") or d.get("custom") or {}
        name, arguments = only_text(function.get("name")), _arguments(function)
        call = self._of(d)
        if call is None or self._begins_another(call, only_text(d.get("id")), name, arguments):
            self.tell_waiting()
            call = self._open(d, call)
        elif call is not self.waiting:
            self.tell_waiting()
        if name and call.says_again(arguments):
            arguments = ""
        if name and not call.started:
            call.add_name(name)
            self.waiting = call
        call.put_beside(d, self._keep, is_custom=function is d.get("custom"))
        call.chunk = self._chunk
        if arguments and call.name:
            self.waiting = None if self.waiting is call else self.waiting
            call.start(self._tell)
        if not call.started:
            self._keep(arguments)
        call.delta(arguments, self._tell)

    def _of(self, d: JSON) -> ChatCall | None:
        """The call that a piece seems to belong to, by its index or its id."""
        index, id = place(d.get("index")), only_text(d.get("id"))
        if index is None and self.all:
            return self._by_id.get(id) or (self._current.get(None) if id else self.all[-1])
        return self._current.get(index)

    def _open(self, d: JSON, before: ChatCall | None) -> ChatCall:
        id = told = only_text(d.get("id"))
        if id in self._by_id:  # an answer to the call must name one of them
            id = f"{id}_{len(self.all)}"
        self._keep({id: told})
        call = ChatCall(id or self._new_id())
        call.told_id = told
        call.is_anonymous = not id
        call.is_function = d.get("index") == FUNCTION_CALL
        call.before = before if before is not None and before.chunk != self._chunk else None
        self.all.append(call)
        self._current[place(d.get("index"))] = call
        self._by_id[call.id] = self._by_id[told or call.id] = call
        return call

    def _new_id(self) -> str:
        ids = (f"call_{number}" for number in self._numbers)
        return next(id for id in ids if id not in self._by_id)

    def _begins_another(self, call: ChatCall, id: str, name: str, arguments: str) -> bool:
        """Whether a piece belongs to a call of its own, although its index says otherwise.

        Some give every parallel call the same index, or none, with ids or without; others
        repeat the id and the name with every piece, or change the id, or send the name late or
        in pieces.
        """
        if not name:
            return False
        if id and id == call.told_id:  # of every piece, or of every call
            more = not call.is_custom and bool(arguments.strip()) and call.is_whole()
            return more and not call.says_again(arguments)
        if not call.name:  # the name comes late; unless that one's arguments are there already
            return bool(call.pieces) and bool(arguments) and call.is_whole()
        if call.chunk == self._chunk and bool(id) == (not call.is_anonymous):
            return True  # two in one chunk
        if name != call.name:
            return bool(call.pieces) or bool(id)
        return bool(call.pieces) and call.is_whole()


# Characters: to add pieces up is quadratic, and no function's name is as long.
_MOST_NAME = 1000

FUNCTION_CALL = "function_call"  # stands for the index of the deprecated one


class ChatCall(OpenCall):
    """A call of Chat Completions."""

    def __init__(self, id: str) -> None:
        super().__init__(id, "")
        self.is_anonymous = self.is_function = False
        self.told_id = ""  # the provider's own, which may be that of several
        self.chunk = 0  # the last one that brought a piece
        self.before: ChatCall | None = None  # the one that had its index
        self._scan = _Scan()
        self._scanned = 0

    @property
    def is_nothing(self) -> bool:
        """Nothing to call: no name and no arguments; or only a name that was said again."""
        if self.pieces:
            return False
        repeated = self.before is not None and self.before.name == self.name
        return not self.name or (self.is_anonymous and repeated)

    def add_name(self, piece: str) -> None:
        """More of the name; or all of it again, or all of it so far."""
        if len(self.name) < _MOST_NAME:
            self.name = piece if piece.startswith(self.name) else self.name + piece

    def put_beside(self, d: JSON, keep: Keep, *, is_custom: bool) -> None:
        """What else the provider put beside it, such as Gemini's thought signatures."""
        for key, value in d.items():
            if key == "type" and value:
                keep(value, self.beside.get(key))
                self.beside[key] = value
            elif key not in ("index", "id", "type", "function", "custom"):
                self.beside[key] = merged(self.beside.get(key), value, key, keep)
        self.is_custom = self.is_custom or is_custom

    def is_whole(self) -> bool:
        """Whether its arguments are a whole object by now; each piece is looked at once."""
        for piece in self.pieces[self._scanned :]:
            self._scan.feed(piece)
        self._scanned = len(self.pieces)
        return self._scan.is_whole

    def says_again(self, arguments: str) -> bool:
        """Whether these are all of its arguments, which were there already."""
        same_size = bool(arguments) and len(arguments) == self.size
        return same_size and self.is_whole() and self.text == arguments

    def message(self) -> JSON:
        beside = {key: settled(value) for key, value in self.beside.items()}
        if self.is_custom:
            custom = {"name": self.name, "input": self.text}
            return {"id": self.id, "type": "custom", "custom": custom, **beside}
        function = {"name": self.name, "arguments": self.text}
        return {"id": self.id, "type": "function", "function": function, **beside}


def _arguments(function: JSON) -> str:
    arguments = function.get("arguments", function.get("input"))
    if isinstance(arguments, str) or arguments is None:
        return arguments or ""
    if isinstance(arguments, Digits):
        return arguments.digits
    return json.dumps(mend_all(arguments), ensure_ascii=False)  # Ollama's and others': an object


_MARKS = r'[\\"{}\[\]]'


class _Scan:
    """How deep JSON text is nested where its pieces end."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._escaped = -1  # where a character stands that a backslash has escaped
        self._begun = False

    @property
    def is_whole(self) -> bool:
        return self._begun and self._depth <= 0

    def feed(self, piece: str) -> None:
        for found in re.finditer(_MARKS, piece):
            mark = found[0]
            if found.start() == self._escaped:
                continue
            if mark == "\\":
                self._escaped = found.start() + 1
            elif mark == '"':
                self._in_string = not self._in_string
            elif not self._in_string:
                self._depth += 1 if mark in "{[" else -1
                self._begun = True
        self._escaped = 0 if self._escaped == len(piece) else -1
