"""LangChain's messages, which LangGraph has too: what the chunks and the whole ones say."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from ..events import Event, Meta, Step, Text, ToolCall, ToolCallStart, ToolResult, Usage
from .langchain_message import Message
from .names import class_names
from .tool_values import json_of
from .turn import added, count, only_text

# A conversation's first message; or `RemoveMessage`, which stands before one that is replaced.
_BEGINNINGS = ("human", "system", "remove")

# Ids that LangChain and LangGraph make themselves, where the integration has none.
_MADE_ID = re.compile(r"(?:lc_|run-)|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")


def is_message(obj: object) -> bool:
    return "BaseMessage" in class_names(obj, "langchain_core")


def messages_in(update: Any) -> Iterator[Any]:
    """The messages of what a node gives back: alone, in a list, or in the fields of a state."""
    return chain.from_iterable(lists_in(update))


def lists_in(update: Any) -> Iterator[list[Any]]:
    """The same, field by field."""
    if is_message(update):
        yield [update]
    elif isinstance(update, list | tuple):
        yield _only_messages(update)
        for each in update:  # one for each tool that has run
            if isinstance(each, list):
                yield _only_messages(each)
            elif isinstance(each, Mapping) or is_command(each):
                yield from lists_in(each)
    elif is_command(update):
        yield from lists_in(update.update)
    else:
        fields = update if isinstance(update, Mapping) else getattr(update, "__dict__", {})
        for value in fields.values():
            if is_message(value):
                yield [value]
            elif isinstance(value, list | tuple):
                yield _only_messages(value)


def _only_messages(values: Iterable[Any]) -> list[Any]:
    return [each for each in values if is_message(each)]


def is_command(obj: object) -> bool:
    """Whether it says where a graph is to go on, and has an update in it."""
    return "Command" in class_names(obj, "langgraph")


def made_by_node(update: Any, is_known: Callable[[Any], bool]) -> Iterator[Any]:
    """Of what a node gives back the messages that it has made.

    A list that begins as a conversation does is all of one: a graph within a graph gives its whole
    state, and who has summed up what was said gives the rest again. What was made now is behind
    the last question, and behind what is known.
    """
    for messages in lists_in(update):
        begin = 0
        if messages and messages[0].type in _BEGINNINGS:
            for at, message in enumerate(messages):
                if message.type in _BEGINNINGS or is_known(message):
                    begin = at + 1
        yield from messages[begin:]


class Messages:
    """What chat models, and the tools that were called, have said so far.

    :param keep: whether the last model's turn will be wanted.
    :ivar stop_reason: the last model's word for why it stopped.
    :ivar raw_usage: of the last model's usage, the sum in LangChain's words.
    """

    def __init__(self, *, keep: bool = False) -> None:
        self.stop_reason: str | None = None
        self.raw_usage: Mapping[str, Any] | None = None
        self._keep = keep
        self._open: dict[Hashable, Message] = {}
        self._last: Message | None = None
        self._known: set[str] = set()  # the ids of all messages that were told
        # And those that had none yet: a graph's state gives them one, and is told of later.
        self._nameless: dict[int, Any] = {}
        self._answered: dict[str, bool] = {}  # calls: whether they were, since they were told last
        self._told = 0  # messages of models that have said something
        self._usages: Usage | None = None
        self._who_is: dict[str, str] = {}  # as Meta has it

    @property
    def message(self) -> Any:
        """The last model's turn; the sum of its chunks."""
        return self._last.sum.total() if self._last is not None else None

    @property
    def are_none(self) -> bool:
        """Whether no model has spoken, be it an empty message."""
        return self._last is None

    def know(self, message: Any) -> None:
        """It is told now, or was said before this stream."""
        if message.id:
            self._known.add(message.id)
        else:
            self._nameless[id(message)] = message

    def is_known(self, message: Any) -> bool:
        return message.id in self._known or id(message) in self._nameless

    def answers(self, message: Any) -> bool:
        """Whether it is the result of a call that was told, and has none yet."""
        return message.type == "tool" and self._answered.get(message.tool_call_id) is False

    def chunk(self, chunk: Any, of: Hashable = None) -> Iterator[Event]:
        """A message as a stream of them gives it: a piece of a model's, or a whole one.

        :param of: tells apart models that speak at the same time.
        """
        kind = chunk.type
        if kind != "AIMessageChunk":
            yield from self.whole(chunk)
            return
        self.know(chunk)
        message = self._open.get(of)
        if message is None:
            message = self._open[of] = self._begin()
        if self._keep:
            message.sum.add(chunk)
        yield from self._beside(chunk, message)
        yield from self._stepped(message, message.chunk(chunk))
        if chunk.chunk_position == "last":
            del self._open[of]
            yield from self._stepped(message, message.end())

    def whole(self, message: Any) -> Iterator[Event]:
        """One that no chunks have told: a model's that does not stream, a tool's result."""
        kind = message.type
        if kind not in ("ai", "tool", "AIMessageChunk") or self.is_known(message):
            return
        self.know(message)
        if kind == "tool":
            id = message.tool_call_id
            if id and self._answered.get(id):  # the tool itself and its node tell of it
                return
            self._answered[id] = True
            result = json_of(message.content)
            failed = getattr(message, "status", None) == "error"
            yield ToolResult(id, result, message.name or None, failed)
            return
        told = self._begin()
        if self._keep:
            told.sum.add(message)
        yield from self._beside(message, told)
        yield from self._stepped(told, told.whole(message))

    def words(self, text: str, of: Hashable) -> Iterator[Event]:
        """What a model says that is no chat model: it has no messages."""
        message = self._open.get(of)
        if message is None:
            message = self._open[of] = self._begin()
        if text:
            yield from self._stepped(message, iter((Text(text),)))

    def whole_words(self, text: str, of: Hashable) -> Iterator[Event]:
        """All of them, once such a model has ended."""
        message = self._open.get(of)
        if message is None or not message.has_said:
            yield from self.words(text, of)
        self._open.pop(of, None)

    def end(self) -> Iterator[Event]:
        """The stream is over: some of an app's own have no last chunk.

        A message that another one has followed has none where it was cut, and its model was asked
        again: its calls are nobody's.
        """
        for message in self._open.values():
            if message is self._last:
                yield from self._stepped(message, message.end(cut=True))

    def _begin(self) -> Message:
        self._last = Message()
        self.stop_reason = self.raw_usage = None
        return self._last

    def _stepped(self, message: Message, events: Iterator[Event]) -> Iterator[Event]:
        """`events` of a message, and before its first one that another model begins."""
        for event in events:
            if not message.has_said:
                message.has_said = True
                self._told += 1
                if self._told > 1:
                    yield Step()
            if isinstance(event, ToolCallStart | ToolCall):
                self._answered[event.id] = False
            yield event

    def _beside(self, chunk: Any, message: Message) -> Iterator[Event]:
        """What is told beside the words."""
        about = chunk.response_metadata
        if about:
            message.about(about)
            self.stop_reason = message.why or self.stop_reason
        yield from self._who(chunk)
        if chunk.usage_metadata:
            self._usages = Usage.total(filter(None, (self._usages, _usage(chunk.usage_metadata))))
            self.raw_usage = message.use(chunk.usage_metadata)
            if self._usages is not None:
                yield self._usages

    def _who(self, chunk: Any) -> Iterator[Meta]:
        """Who answers, where more of it is known than before."""
        about, id = chunk.response_metadata, only_text(chunk.id)
        told = {
            "provider": only_text(about.get("model_provider")),
            "model": only_text(about.get("model_name") or about.get("model")),
            "response_id": "" if _MADE_ID.match(id) else id,
        }
        new = {
            key: value for key, value in told.items() if value and value != self._who_is.get(key)
        }
        if new:
            self._who_is |= new
            yield Meta(**self._who_is)


def _usage(told: Mapping[str, Any]) -> Usage:
    """LangChain's counts are as ours; nothing is 0 that was asked."""
    write = [
        count(told, "input_token_details", kind)
        for kind in ("cache_creation", "ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
    ]
    return Usage(
        count(told, "input_tokens") or None,
        count(told, "output_tokens"),
        count(told, "input_token_details", "cache_read"),
        added(*write),
        count(told, "output_token_details", "reasoning"),
    )
