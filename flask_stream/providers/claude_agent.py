"""The Claude Agent SDK: the messages of `query(…)` and `ClaudeSDKClient.receive_response()` (0.2).

Each message has whole blocks. With `include_partial_messages`, what the model's API sent comes
before that, event by event, and is read as Anthropic's stream. What agents of the agent's own say
is none of the answer: their tool's result is.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import Any

from ..errors import ProviderError, SourceError
from ..events import (
    Data,
    Event,
    Meta,
    Reasoning,
    Step,
    Text,
    ToolCall,
    ToolResult,
    Usage,
)
from .anthropic import AnthropicReader
from .errors import from_body, from_status
from .libraries import End, Read, has_greenlets, made_by, made_in
from .names import class_names
from .tool_values import json_of
from .turn import Turn, added, count

_MESSAGES = {
    *("AssistantMessage", "UserMessage", "SystemMessage", "ResultMessage"),
    *("StreamEvent", "RateLimitEvent", "ConversationResetMessage", "HookEventMessage"),
}
_STREAMS = {"query", "ClaudeSDKClient.receive_response", "ClaudeSDKClient.receive_messages"}


def reader_of(obj: Any) -> Read | None:
    """:param obj: the messages, or one of them.

    :raises SourceError: it is no stream; what to ask for in its place.
    """
    _refuse(obj)
    if made_in(obj):
        if made_by(obj) == "query" and has_greenlets():
            raise SourceError(
                "The Claude Agent SDK starts a process, which it cannot where gevent has put its "
                "own in the place of threads. Serve this route with threads: gunicorn -k gthread."
            )
        return read if made_by(obj) in _STREAMS else None
    return read if class_names(obj, "claude_agent_sdk") & _MESSAGES else None


def items_of(obj: Any) -> None:
    """:raises SourceError: as `reader_of`. A client is a context manager, but gives no stream."""
    _refuse(obj)


def _refuse(obj: Any) -> None:
    if "ClaudeSDKClient" in class_names(obj, "claude_agent_sdk"):
        raise SourceError(
            "A ClaudeSDKClient was given, which is no stream. Give what client.receive_response() "
            "gives, after client.query(…); or query(prompt=…, options=…)."
        )


def read(messages: Iterable[Any]) -> Generator[Event, None, End]:
    """:raises ProviderError: the run has failed, or ended before its result."""
    run, results = _Run(), []
    for message in messages:
        if getattr(message, "parent_tool_use_id", None) is not None:
            continue
        kind = type(message).__name__
        if kind == "StreamEvent":
            yield from run.raw(message.event)
        elif kind == "AssistantMessage":
            yield from run.said(message)
        elif kind == "UserMessage":
            yield from run.results(message.content)
        elif kind == "SystemMessage" and message.subtype == "init":
            yield from run.meta(message.data.get("model"))
        elif kind == "ResultMessage":
            results.append(message)
            yield from run.ended(message)
    if not results:
        raise ProviderError("truncated", detail="Claude's agent ended without a ResultMessage")
    last = results[-1]
    return End(last.stop_reason, last.session_id, last.usage)


class _Run:
    """What the model and the tools of a run have said so far."""

    def __init__(self) -> None:
        self._reader: AnthropicReader | None = None
        self._streamed: set[str | None] = set()  # the ids of messages that came event by event
        self._id: str | None = None  # the latest message's
        self._model: str | None = None
        self._names: dict[str, str] = {}  # of the tools, by the ids of their calls
        self._used: Usage | None = None
        self._begun = self._ran = self._has_text = False
        self._error = ""  # the kind of a failure, as a message has told it

    def raw(self, event: dict[str, Any]) -> Iterator[Event]:
        """An event of the API's."""
        if event.get("type") == "message_start":
            id = event.get("message", {}).get("id")
            yield from self._begin(id)
            self._streamed.add(id)
            self._reader = AnthropicReader(Turn())
        if self._reader is None:
            return
        turn, told = self._reader.turn, self._reader.feed([event])
        if turn.ended:
            told += self._reader.end()
            self._reader = None
        for each in told:
            if not isinstance(each, Usage):  # the result has them all
                yield self._noted(each)
        if turn.error is not None:
            raise turn.error

    def said(self, message: Any) -> Iterator[Event]:
        if message.error:  # its text is the failure's, and not for the reader
            self._error = message.error
            return
        if message.message_id in self._streamed:
            return
        yield from self._begin(message.message_id)
        yield from self.meta(message.model)
        for block in message.content:
            kind = type(block).__name__
            if kind == "TextBlock" and block.text:
                yield self._noted(Text(block.text))
            elif kind == "ThinkingBlock" and block.thinking:
                yield Reasoning(block.thinking)
            elif kind in ("ToolUseBlock", "ServerToolUseBlock"):
                server = kind == "ServerToolUseBlock"
                call = ToolCall(block.id, block.name, json_of(block.input), server=server)
                yield self._noted(call)
            else:
                yield from self.results([block])

    def results(self, blocks: Any) -> Iterator[Event]:
        for block in blocks if isinstance(blocks, list) else ():
            if type(block).__name__ in ("ToolResultBlock", "ServerToolResultBlock"):
                self._ran = True
                id, is_error = block.tool_use_id, bool(getattr(block, "is_error", False))
                yield ToolResult(id, json_of(block.content), self._names.get(id), is_error)

    def meta(self, model: str | None) -> Iterator[Event]:
        if model and model != self._model:
            self._model = model
            yield Meta("anthropic", model)

    def ended(self, result: Any) -> Iterator[Event]:
        if result.usage:
            self._used = Usage.total(filter(None, (self._used, _usage(result.usage))))
            if self._used is not None:
                yield self._used
        if result.is_error:
            raise self._failure(result)
        if result.structured_output is not None:
            yield Data("structured_output", json_of(result.structured_output))
        elif result.result and not self._has_text:  # a command's, which no model has answered
            yield self._noted(Text(result.result))

    def _begin(self, id: str | None) -> Iterator[Step]:
        if self._begun and (id != self._id or (id is None and self._ran)):
            yield Step()
        self._begun, self._ran, self._id = True, False, id

    def _noted(self, event: Event) -> Event:
        if isinstance(event, ToolCall):
            self._names[event.id] = event.name
        self._has_text = self._has_text or isinstance(event, Text)
        return event

    def _failure(self, result: Any) -> ProviderError:
        told = result.errors or result.result
        detail = f"Claude's agent: {result.subtype}, {result.terminal_reason}: {told}"[:4000]
        if result.api_error_status:
            return from_status(result.api_error_status, None, None, detail)
        if self._error:
            return from_body({"type": _KINDS.get(self._error, self._error), "message": detail})
        # A limit that the app has set is met again by whoever asks again.
        return ProviderError(detail=detail, retryable=not result.subtype.startswith("error_max"))


_KINDS = {"authentication_failed": "authentication_error"}


def _usage(raw: dict[str, Any]) -> Usage:
    fresh = count(raw, "input_tokens")
    read, written = (count(raw, f"cache_{way}_input_tokens") for way in ("read", "creation"))
    whole = None if fresh is None else added(fresh, read, written)
    return Usage(whole, count(raw, "output_tokens"), read, written)
