"""What one answer of Google's says, part by part, and its turn put together for the next request.

Its classes are those of the parts that have come: the client is not imported.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator
from typing import Any

from ..events import (
    Event,
    Reasoning,
    Text,
    ToolCall,
    ToolCallStart,
    ToolResult,
)
from .depth import MOST
from .tool_calls import call_of
from .tool_values import as_json, json_of

_CODE = "code_execution"  # the tool of the provider's that its own parts are for


class Content:
    """The parts of one answer.

    :param ids: for the calls that have none, as those of older models.
    :ivar open_calls: the id and the name of each call that somebody owes a result.
    """

    def __init__(self, ids: Iterator[int]) -> None:
        self.open_calls: list[tuple[str, str]] = []
        self._content: Any = None
        self._parts: list[Any] = []
        self._pieces: list[str] = []  # of the last part, where that is text that may go on
        self._ids = ids
        self._server_id = ""  # of the provider's own tool that was called last
        self._growing: _Call | None = None

    def read(self, content: Any) -> Generator[Event, None, None]:
        self._content = self._content or content
        for part in content.parts or ():
            if part.function_call is not None:
                yield from self._call(part)
                continue
            self._keep(part)
            yield from self._said(part)

    def whole(self) -> Any:
        """The turn, as the next request's `contents` take it; None where nothing was said.

        Pieces of text are joined, but never one that has a signature: it belongs to its part.
        """
        if not self._parts:
            return None
        self._join()
        return self._content.model_copy(update={"parts": self._parts})

    def _said(self, part: Any) -> Generator[Event, None, None]:
        if part.text:
            yield (Reasoning if part.thought else Text)(part.text)
        elif (code := part.executable_code) is not None:
            self._server_id = code.id or self._new_id()
            told = {"code": code.code, "language": _value(code.language)}
            yield ToolCall(self._server_id, _CODE, _known(told), server=True)
        elif (ran := part.code_execution_result) is not None:
            failed = _value(ran.outcome) not in ("OUTCOME_OK", None)
            yield ToolResult(ran.id or self._server_id, ran.output or "", _CODE, is_error=failed)
        elif (called := part.tool_call) is not None:
            self._server_id = called.id or self._new_id()
            name = str(_value(called.tool_type) or "").lower()
            yield ToolCall(self._server_id, name, as_json(called.args or {}), server=True)
        elif (given := part.tool_response) is not None:
            name = str(_value(given.tool_type) or "").lower()
            yield ToolResult(given.id or self._server_id, json_of(given.response or {}), name)

    def _call(self, part: Any) -> Generator[Event, None, None]:
        call = part.function_call
        if self._growing is None:
            id = call.id or self._new_id()
            self._growing = _Call(id, call.name or "", part)
            yield ToolCallStart(id, call.name or "")
        growing = self._growing
        growing.add(call)
        if call.will_continue:
            return
        self._growing = None
        self.open_calls.append((growing.id, growing.name))
        self._keep(growing.part)
        yield call_of(growing.id, growing.name, growing.arguments)

    def _new_id(self) -> str:
        return str(next(self._ids))

    def _keep(self, part: Any) -> None:
        if _is_empty(part):
            return
        last = self._parts[-1] if self._pieces else None
        if last is not None and _goes_on(last, part):
            self._pieces.append(part.text)
            return
        self._join()
        self._parts.append(part)
        if _is_bare_text(part):
            self._pieces.append(part.text)

    def _join(self) -> None:
        if len(self._pieces) > 1:
            self._parts[-1] = self._parts[-1].model_copy(update={"text": "".join(self._pieces)})
        self._pieces = []


def _is_empty(part: Any) -> bool:
    """Whether nothing is in it, which Google does not take back: the last item's text, mostly.

    Or a part of a kind that the client does not know.
    """
    return not part.text and not part.model_dump(exclude_none=True).keys() - {"text", "thought"}


def _is_bare_text(part: Any) -> bool:
    return isinstance(part.text, str) and not part.thought_signature


def _goes_on(last: Any, part: Any) -> bool:
    return _is_bare_text(part) and bool(last.thought) == bool(part.thought)


class _Call:
    """A call whose arguments may come in parts, each with the path where it belongs."""

    def __init__(self, id: str, name: str, part: Any) -> None:
        self.id = id
        self.name = name
        self.arguments: Any = {}
        self._part = part
        self._is_partial = False
        self._texts: dict[str, list[str]] = {}  # by their paths, as long as they grow

    def add(self, call: Any) -> None:
        if call.args:
            self.arguments.update(call.args)
        for piece in call.partial_args or ():
            self._is_partial = True
            if piece.string_value is not None:
                texts = self._texts.setdefault(piece.json_path or "$", [])
                texts.append(piece.string_value)
                if piece.will_continue:
                    continue
                value: Any = "".join(self._texts.pop(piece.json_path or "$"))
            elif piece.number_value is not None:
                number = piece.number_value
                value = int(number) if number.is_integer() else number
            else:
                value = piece.bool_value
            _put(self.arguments, piece.json_path or "$", value)

    @property
    def part(self) -> Any:
        """The whole call's."""
        if not self._is_partial:
            return self._part
        whole = {"args": self.arguments, "partial_args": None, "will_continue": None}
        call = self._part.function_call.model_copy(update=whole)
        return self._part.model_copy(update={"function_call": call})


_STEPS = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")
# A path may name any place of a list: so many may be left open before it, and no more.
_MOST_OPEN = 100


def _put(into: Any, path: str, value: Any) -> None:
    """Set what stands at a JSON path, such as `$.rooms[0].name`."""
    steps: list[str | int] = [
        int(place[:9]) if place else name or quoted or double
        for name, place, quoted, double in _STEPS.findall(path)
    ]
    if len(steps) > MOST:
        return
    for at, step in enumerate(steps):
        is_last = at == len(steps) - 1
        below: Any = value if is_last else [] if isinstance(steps[at + 1], int) else {}
        if isinstance(into, list) and isinstance(step, int) and step <= len(into) + _MOST_OPEN:
            into.extend([None] * (step + 1 - len(into)))
            if is_last or into[step] is None:
                into[step] = below
        elif isinstance(into, dict):
            if is_last or into.get(str(step)) is None:
                into[str(step)] = below
            step = str(step)
        else:
            return
        into = into[step]


def results_in(
    history: Iterable[Any] | None, calls: list[tuple[str, str]]
) -> Generator[Event, None, None]:
    """What the functions gave back that the client has called itself.

    :param history: of the conversation; its last content has the results.
    :param calls: those of the answer before, in order. Results have no ids.
    """
    last = history[-1] if isinstance(history, list) and history else None
    for part in (last.parts if last is not None else None) or ():
        given = part.function_response
        at = next((n for n, (_, name) in enumerate(calls) if given and name == given.name), None)
        if at is not None:
            id, name = calls.pop(at)
            told = given.response or {}
            is_error = set(told) == {"error"}
            result = told["error"] if is_error else told.get("result", told)
            yield ToolResult(id, json_of(result), name, is_error=is_error)


def _value(told: Any) -> Any:
    """What an enum's member stands for."""
    return getattr(told, "value", told)


def _known(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
