"""What Pydantic AI's models say, part by part, and what its tools give, as events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..events import (
    Event,
    Reasoning,
    Source,
    Step,
    Text,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    ToolResult,
)
from .tool_calls import tool_call
from .tool_values import json_of

_NATIVE = "builtin-tool-"  # of the kinds of parts: what the provider has run
# How many parts of an answer that grows are looked at each time: a later one may well begin before
# an earlier one has ended, but not that many.
_GROWING = 16


class Answer:
    """The model's answers, and what the tools have given for their calls."""

    def __init__(self) -> None:
        self._calls: dict[int, Any] = {}  # the parts that are calls, by their place in the answer
        self._told: set[str] = set()  # the ids of calls
        self._has_output = False  # this one has a call of those that end the run
        self._outputs: list[Any] = []  # what those calls say
        self._is_thinking = False
        self._has_begun = False

    def handle(self, kind: str, event: Any) -> Iterator[Event]:
        if kind == "part_start":
            if event.index == 0:
                yield from self.step()
            yield from self.begin(event.index, event.part)
        elif kind == "part_delta":
            yield from self.grow(event.index, event.delta)
        elif kind == "part_end":
            yield from self.end(event.index, event.part)
        elif kind in ("function_tool_call", "output_tool_call"):
            if event.part.tool_call_id not in self._told:
                yield self._call(event.part)
            if kind == "output_tool_call":
                arguments = self._call(event.part).arguments
                self._has_output = True
                self._outputs += arguments.values() if isinstance(arguments, dict) else ()
        elif kind in ("function_tool_result", "output_tool_result"):
            yield self.result(event.part)

    def final(self, output: Any) -> Iterator[Event]:
        """:param output: of the run: it may be the words of an app's output function."""
        if self._has_output and isinstance(output, str) and output not in self._outputs:
            yield from self.step()
            yield from self.say(output)

    def step(self) -> Iterator[Event]:
        """An answer begins: be it since tools have run, or since the one before was refused."""
        self._has_output = False
        if self._has_begun:
            self._calls.clear()
            yield Step()
        self._has_begun = True

    def begin(self, index: int, part: Any) -> Iterator[Event]:
        kind = part.part_kind
        self._calls.pop(index, None)
        if kind == "text":
            yield from self.say(part.content)
            yield from _cited(part.citations)
        elif kind == "thinking":
            yield from self.think(part.content, is_new=True)
        elif kind in ("tool-call", f"{_NATIVE}call"):
            self._calls[index] = part
            yield ToolCallStart(part.tool_call_id, part.tool_name, server=kind.startswith(_NATIVE))
            yield from self.argue(index, part.args)
        elif kind == f"{_NATIVE}return":
            yield self.result(part)
            yield from _found(part)

    def grow(self, index: int, delta: Any) -> Iterator[Event]:
        kind = delta.part_delta_kind
        if kind == "text":
            yield from self.say(delta.content_delta)
            yield from _cited(delta.citations_delta)
        elif kind == "thinking":
            yield from self.think(delta.content_delta)
        elif kind == "tool_call":
            yield from self.argue(index, delta.args_delta)

    def end(self, index: int, part: Any) -> Iterator[Event]:
        if index in self._calls:
            del self._calls[index]
            yield self._call(part)

    def say(self, text: str) -> Iterator[Event]:
        if text:
            self._is_thinking = False
            yield Text(text)

    def think(self, text: str | None, *, is_new: bool = False) -> Iterator[Event]:
        if text:
            if is_new and self._is_thinking:
                text = f"\n\n{text}"
            self._is_thinking = True
            yield Reasoning(text)

    def result(self, part: Any) -> ToolResult:
        is_error = getattr(part, "outcome", "success") in ("failed", "retried")
        return ToolResult(part.tool_call_id, json_of(part.content), part.tool_name, is_error)

    def results(self, messages: list[Any]) -> Iterator[Event]:
        for message in messages:
            for part in message.parts:
                if part.part_kind == "tool-return":
                    yield self.result(part)

    def whole(self, messages: list[Any]) -> Iterator[Event]:
        """Tell what came before the final answer began."""
        for message in messages:
            if message.kind == "request":
                yield from self.results([message])
                continue
            yield from self.step()
            for index, part in enumerate(message.parts):
                yield from self.begin(index, part)
                yield from self.end(index, part)

    def argue(self, index: int, piece: Any) -> Iterator[Event]:
        if isinstance(piece, str) and piece and index in self._calls:
            yield ToolCallDelta(self._calls[index].tool_call_id, piece)

    def _call(self, part: Any) -> ToolCall:
        id, name, server = part.tool_call_id, part.tool_name, part.part_kind.startswith(_NATIVE)
        self._told.add(id)
        if isinstance(part.args, str):
            return tool_call(id, name, part.args, server=server)
        return ToolCall(id, name, json_of(part.args or {}), server=server)


class Grown:
    """What the snapshots of an answer have that the ones before them had not."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._had: list[int] = []  # of each part, how many characters

    def to(self, parts: Any, *, is_last: bool = False) -> Iterator[Event]:
        first = 0 if is_last else max(0, len(parts) - _GROWING)
        for index in range(min(first, len(self._had)), len(parts)):
            yield from self._part(index, parts[index])
            if is_last:
                yield from self._answer.end(index, parts[index])
                yield from _cited(getattr(parts[index], "citations", None))

    def _part(self, index: int, part: Any) -> Iterator[Event]:
        whole = getattr(part, "args" if part.part_kind.endswith("tool-call") else "content", "")
        whole = whole if isinstance(whole, str) else ""
        if index == len(self._had):
            self._had.append(len(whole))
            yield from self._answer.begin(index, part)
            return
        piece = whole[self._had[index] :]
        if piece:
            self._had[index] = len(whole)
            if part.part_kind == "text":
                yield from self._answer.say(piece)
            elif part.part_kind == "thinking":
                yield from self._answer.think(piece)
            else:
                yield from self._answer.argue(index, piece)


def _cited(citations: Any) -> Iterator[Source]:
    for citation in citations or ():
        for source in citation.sources:
            url = getattr(source, "url", None)
            document = None if url else source.document_id
            yield Source(url, source.title, next(iter(source.excerpts), None), document)


def _found(part: Any) -> Iterator[Source]:
    """What a search of the provider's has found."""
    content = part.content if part.tool_name == "web_search" else None
    for each in content if isinstance(content, list) else ():
        if isinstance(each, dict) and isinstance(each.get("url"), str):
            title = each.get("title")
            yield Source(each["url"], title if isinstance(title, str) else None)
