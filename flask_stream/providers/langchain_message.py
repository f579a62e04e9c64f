"""One message of a chat model's in LangChain: what its chunks say, or it says as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import ProviderError
from ..events import Event, Reasoning, Refusal, Source, Text, ToolCall, ToolResult
from .langchain_sum import Sum
from .tool_calls import OpenCall
from .tool_values import json_of
from .turn import NOT_UNDERSTOOD, log_skipped, only_text, place

# Whose integrations pass on why the model stopped, always: a stream without it was cut.
_TELL_WHY = {"anthropic", "openai"}
_WHY = ("finish_reason", "stop_reason", "stopReason", "done_reason")


class Message:
    """One of a model's, as far as it has come."""

    def __init__(self) -> None:
        self.has_said = False
        self.why: str | None = None
        self.sum = Sum()
        self._tells_why = False
        self._calls: dict[str, OpenCall] = {}
        self._number = 0
        self._usage: dict[str, Any] = {}

    def about(self, metadata: Mapping[str, Any]) -> None:
        self._tells_why = self._tells_why or metadata.get("model_provider") in _TELL_WHY
        details = metadata.get("incomplete_details")  # Responses'
        words = [details.get("reason")] if isinstance(details, Mapping) else []
        words += [metadata.get(name) for name in (*_WHY, "status")]
        self.why = next((word for word in words if word and isinstance(word, str)), self.why)

    def use(self, usage: Mapping[str, Any]) -> Mapping[str, Any]:
        """The sum of what its chunks tell, since they are made to be added."""
        self._usage = _added(self._usage, usage)
        return self._usage

    def chunk(self, chunk: Any) -> Iterator[Event]:
        yield from self._content(chunk)
        for piece in chunk.tool_call_chunks:
            index, id = piece.get("index"), only_text(piece.get("id"))
            name = only_text(piece.get("name"))
            key = place(index) or id
            if not key:  # one that comes whole; or more of the one before it
                key = f"call {len(self._calls)}" if name else next(reversed(self._calls), "")
            yield from self._call(key, id, name, piece.get("args"))

    def whole(self, message: Any) -> Iterator[Event]:
        yield from self._content(message)
        for call in message.tool_calls:
            yield ToolCall(call.get("id") or self._next_id(), call["name"], call["args"])
        for call in message.invalid_tool_calls:
            id, name = call.get("id") or self._next_id(), call.get("name") or ""
            yield ToolCall(id, name, None, raw=call.get("args"))

    def end(self, *, cut: bool = False) -> Iterator[Event]:
        """:param cut: no last chunk came, so that nothing is known of its end.

        :raises ProviderError: it is not whole.
        """
        if not cut and self._tells_why and self.why is None:
            detail = "the model's answer ended, and nothing said why it had stopped"
            raise ProviderError("truncated", detail=detail)
        calls, self._calls = self._calls, {}
        for call in calls.values():
            yield call.end()

    def _next_id(self) -> str:
        """A call's that has none: its place."""
        self._number += 1
        return str(self._number)

    def _call(
        self, key: str, id: str, name: str, args: Any, *, server: bool = False
    ) -> Iterator[Event]:
        """A piece of a call: its beginning, some of its arguments, or all of it."""
        call = self._calls.get(key)
        if call is None or (id and name and id != call.id):
            if call is not None:  # two calls in one place, one behind the other
                yield self._calls.pop(key).end()
            call = self._calls[key] = OpenCall(id or self._next_id(), name, server)
        elif not call.name:
            call.name = name
        told: list[Event] = []
        if call.name:
            call.start(told.append)
        call.delta(only_text(args), told.append)
        yield from told

    def _content(self, message: Any) -> Iterator[Event]:
        content, beside = message.content, message.additional_kwargs
        if beside:
            if thought := only_text(beside.get("reasoning_content")):
                yield Reasoning(thought)
            if isinstance(content, str) and (refusal := only_text(beside.get("refusal"))):
                yield Refusal(refusal)
        if isinstance(content, str) and message.response_metadata.get("stop_reason") != "refusal":
            if content:
                yield Text(content)
            return
        for block in _blocks(message):
            if isinstance(block, str):
                yield Text(block)
            elif isinstance(block, Mapping):
                yield from self._block(block)

    def _block(self, block: Mapping[str, Any]) -> Iterator[Event]:
        """One of LangChain's standard blocks. Its calls are told by the message itself."""
        kind = block.get("type")
        if kind == "text":
            if text := only_text(block.get("text")):
                yield Text(text)
            for about in block.get("annotations") or ():
                yield from _sources(about)
        elif kind == "reasoning":
            if thought := only_text(block.get("reasoning")):
                yield Reasoning(thought)
        elif kind == "refusal":
            if refusal := only_text(block.get("refusal")):
                yield Refusal(refusal)
        elif kind in ("server_tool_call", "server_tool_call_chunk"):
            yield from self._server_call(block)
        elif kind == "server_tool_result":
            yield from self._server_result(block)

    def _server_call(self, block: Mapping[str, Any]) -> Iterator[Event]:
        id, name = only_text(block.get("id")), only_text(block.get("name"))
        args = block.get("args")
        if isinstance(args, Mapping):
            yield ToolCall(id or self._next_id(), name, dict(args), server=True)
        else:
            key = f"server {place(block.get('index')) or id}"
            yield from self._call(key, id, name, args, server=True)

    def _server_result(self, block: Mapping[str, Any]) -> Iterator[Event]:
        id = only_text(block.get("tool_call_id"))
        for key, call in self._calls.items():
            if call.id == id:
                yield self._calls.pop(key).end()
                break
        output = json_of(block.get("output"))
        yield ToolResult(id, output, is_error=block.get("status") == "error")
        found = output.get("sources") if isinstance(output, dict) else output
        for about in found if isinstance(found, list) else ():
            yield from _sources(about)


def _blocks(message: Any) -> list[Any]:
    try:
        blocks: list[Any] = message.content_blocks
    except NOT_UNDERSTOOD:  # of a dialect that LangChain itself does not read
        log_skipped({"content": message.content})
        return list(message.content)
    return blocks


def _sources(about: Any) -> Iterator[Event]:
    if not isinstance(about, Mapping):
        return
    fields = [only_text(about.get(key)) or None for key in ("url", "title", "cited_text")]
    if any(fields):
        yield Source(*fields)


def _added(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    added = dict(one)
    for key, value in other.items():
        before = added.get(key)
        if isinstance(value, Mapping):
            added[key] = _added(before if isinstance(before, Mapping) else {}, value)
        elif isinstance(before, int) and isinstance(value, int):
            added[key] = before + value
        elif value is not None:
            added[key] = value
    return added
