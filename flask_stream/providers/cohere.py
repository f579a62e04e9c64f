"""Cohere's client: what the second version's `chat_stream` gives (cohere 7.3).

Each item is one event of its wire.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from typing import Any

from ..errors import ProviderError, SourceError
from ..events import (
    JSON,
    Event,
    Meta,
    Reasoning,
    Source,
    Text,
    ToolCallDelta,
    ToolCallStart,
    Usage,
)
from .errors import from_body
from .libraries import End, Read, made_in
from .tool_calls import tool_call
from .turn import count, only_text


def reader_of(obj: Any) -> Read | None:
    """:param obj: the client's generator, or one of its items.

    :raises SourceError: it is one of the first version's.
    """
    made = made_in(obj) or type(obj).__module__
    if made.startswith("cohere.v2."):
        return read
    if type(obj).__name__.endswith("StreamedChatResponse") or made == "cohere.base_client":
        raise SourceError(
            "A view returned a stream of Cohere's first chat API. Ask with cohere.ClientV2: "
            "client.chat_stream(model=…, messages=[…])."
        )
    return None


def read(stream: Iterable[Any]) -> Generator[Event, None, End]:
    """:raises ProviderError: the answer ended before its last event, or that tells an error."""
    turn = _Turn()
    yield Meta("cohere")
    for item in stream:
        kind, message = item.type, _at(item, "delta", "message")
        if kind == "message-start" and item.id:  # the client takes for one what it cannot read
            yield Meta("cohere", response_id=item.id)
        elif kind in ("content-start", "content-delta"):
            yield from turn.content(item.index, _at(message, "content"))
        elif kind == "tool-plan-delta":
            yield from turn.plan(_at(message, "tool_plan"))
        elif kind == "tool-call-start":
            yield from turn.call(item.index, _at(message, "tool_calls"))
        elif kind == "tool-call-delta":
            piece = _at(message, "tool_calls", "function", "arguments")
            yield from turn.arguments(item.index, piece)
        elif kind == "tool-call-end":
            yield from turn.end_call(item.index)
        elif kind == "citation-start":
            yield from turn.cite(_at(message, "citations"))
        elif kind == "message-end":
            reason = _at(item, "delta", "finish_reason")
            if told := _at(item, "delta", "error"):
                raise from_body({"message": told, "type": reason})
            raw = _plain(_at(item, "delta", "usage"))
            yield _usage(raw)
            return End(reason, turn.message(), raw or None)
    raise ProviderError("truncated", detail="Cohere's answer ended without a message-end")


class _Turn:
    """The model's, put together for the next request."""

    def __init__(self) -> None:
        self._content: dict[Any, tuple[str, list[str]]] = {}
        self._plan: list[str] = []
        self._calls: dict[Any, tuple[str, str, list[str]]] = {}
        self._citations: list[JSON] = []

    def content(self, at: Any, block: Any) -> Generator[Event, None, None]:
        kind = "thinking" if _at(block, "thinking") is not None else "text"
        piece = only_text(_at(block, kind))
        self._content.setdefault(at, (_at(block, "type") or kind, []))[1].append(piece)
        if piece:
            yield Text(piece) if kind == "text" else Reasoning(piece)

    def plan(self, piece: Any) -> Generator[Event, None, None]:
        if piece:
            self._plan.append(piece)
            yield Reasoning(piece)

    def call(self, at: Any, call: Any) -> Generator[Event, None, None]:
        id, name = only_text(_at(call, "id")), only_text(_at(call, "function", "name"))
        if not id or not name:
            return
        self._calls[at] = (id, name, [])
        yield ToolCallStart(id, name)
        yield from self.arguments(at, _at(call, "function", "arguments"))

    def arguments(self, at: Any, piece: Any) -> Generator[Event, None, None]:
        if piece and at in self._calls:
            id, _, pieces = self._calls[at]
            pieces.append(piece)
            yield ToolCallDelta(id, piece)

    def end_call(self, at: Any) -> Generator[Event, None, None]:
        if at in self._calls:
            id, name, pieces = self._calls[at]
            yield tool_call(id, name, "".join(pieces))

    def cite(self, citation: Any) -> Generator[Event, None, None]:
        if citation is None:
            return
        self._citations.append(_plain(citation))
        for source in _at(citation, "sources") or ():
            told = _at(source, "document") or _at(source, "tool_output") or {}
            url, title = only_text(told.get("url")), only_text(told.get("title"))
            yield Source(url or None, title or None, document=source.id)

    def message(self) -> JSON:
        message: JSON = {"role": "assistant"}
        if self._plan:
            message["tool_plan"] = "".join(self._plan)
        if self._calls:
            message["tool_calls"] = [
                {
                    "id": id,
                    "type": "function",
                    "function": {"name": name, "arguments": "".join(pieces)},
                }
                for id, name, pieces in self._calls.values()
            ]
        content = [
            {"type": kind, kind: "".join(pieces)}
            for kind, pieces in self._content.values()
            if any(pieces)
        ]
        if content:
            message["content"] = content
        if self._citations:
            message["citations"] = self._citations
        return message


def _at(value: Any, *names: str) -> Any:
    """What stands at the end of a path, whose objects the client does not check; else None."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
    return value


def _plain(value: Any) -> JSON:
    dump = getattr(value, "model_dump", None)
    told: JSON = dump(mode="json", exclude_none=True) if dump is not None else value or {}
    return told


def _usage(raw: JSON) -> Usage:
    return Usage(
        count(raw, "tokens", "input_tokens"),
        count(raw, "tokens", "output_tokens"),
        cache_read_tokens=count(raw, "cached_tokens"),
    )
