"""OpenAI's Agents SDK: what `Runner.run_streamed` gives, and its `stream_events()` (0.24).

The model's events come as those of Responses, also where it is another model, and are read as
such; what the tools gave and who answers come beside them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from ..errors import SourceError
from ..events import Data, Event, Meta, Refusal, Step, Text, ToolCall, ToolResult, Usage
from .libraries import End, Read, made_by, made_of
from .names import class_names
from .not_streams import CLOSED
from .openai_responses import ResponsesReader
from .tool_values import json_of
from .turn import Turn, count, only_text
from .wire import dict_of

_EVENTS = {"RawResponsesStreamEvent", "RunItemStreamEvent", "AgentUpdatedStreamEvent"}
_NO_STREAMS = {"RunResult", "AgentBase"}

# The items that are the model's own: its raw events have told them before.
_SAID = {"message_output_item", "reasoning_item", "tool_call_item", "handoff_call_item"}

# Of an answer whose model has no Responses: its events are the SDK's own making.
_FAKE_ID = "__fake_id__"


def reader_of(obj: Any) -> Read | None:
    """:param obj: the result of a run, its events, or one of them.

    :raises SourceError: it is no stream; what to ask for in its place.
    """
    result = _result_of(obj)
    if result is not None:
        return partial(read, result=result)
    names = class_names(obj, "agents")
    if names & _NO_STREAMS and any(hasattr(obj, each) for each in ("to_input_list", "handoffs")):
        kind = type(obj).__name__
        raise SourceError(
            f"The Agents SDK's {kind} was given, which is no stream. Have an async def view return "
            "Runner.run_streamed(agent, …), or relay a coroutine that does."
        )
    return read if names & _EVENTS else None


def items_of(obj: Any) -> Any:
    """The events of a run, where `obj` is its result, or they themselves; else None."""
    result = _result_of(obj)
    if result is None:
        return None
    return _events(result, result.stream_events() if obj is result else obj)


def _result_of(obj: Any) -> Any:
    if "RunResultStreaming" in class_names(obj, "agents"):
        return obj
    if made_by(obj) == "RunResultStreaming.stream_events":
        return made_of(obj).get("self")
    return None


async def _events(result: Any, events: Any) -> AsyncIterator[Any]:
    """Whoever leaves ends the run: its events alone would wait for the run's own end."""
    try:
        async for event in events:
            yield event
    finally:
        if not result.is_complete:
            result.cancel()
        with suppress(Exception):
            await events.aclose()


def read(events: Iterable[Any], result: Any = None) -> Generator[Event, None, End]:
    """:param result: of the run, where it is known: it has the messages.

    :raises SourceError: somebody has read it.
    """
    answers, is_unread = _Answers(), False
    try:
        for event in events:
            is_unread = True
            yield from answers.handle(event)
    except Exception as error:
        if not _is_an_end(error, answers):
            raise
    if result is None:
        return End(answers.stop_reason, None, answers.raw_usage)
    if not is_unread:  # a run tells at least who answers
        raise SourceError(CLOSED)
    # With a type of the app's, it is what the model's JSON says, be it a str.
    if result.last_agent.output_type in (None, str):
        yield from answers.final(result.final_output)
    used = result.context_wrapper.usage
    raw = json_of(used)
    # What agents that are tools have used is in there, too; of a run that was taken up again so is
    # what it used before.
    if used.requests > answers.number == len(result.raw_responses):
        given, answered = "input_tokens_details", "output_tokens_details"
        yield Usage(
            count(raw, "input_tokens"),
            count(raw, "output_tokens"),
            count(raw, given, "cached_tokens") or None,
            count(raw, given, "cache_write_tokens") or None,  # which older versions do not have
            count(raw, answered, "reasoning_tokens") or None,
        )
    return End(answers.stop_reason, result.to_input_list(), raw)


def _is_an_end(error: Exception, answers: _Answers) -> bool:
    """Whether an exception only says how an answer has ended.

    The SDK takes one that was cut short for a misbehaviour, and a refusal for no answer.
    """
    names = class_names(error, "agents")
    return bool(
        (answers.is_cut_short and "ModelBehaviorError" in names)
        or (answers.has_refused and "ModelRefusalError" in names)
    )


class _Answers:
    """The model's answers, one for each of the run's turns.

    :ivar number: of those that have ended.
    """

    def __init__(self) -> None:
        self.number = 0
        self._reader: ResponsesReader | None = None
        self._used: Usage | None = None  # by all the answers so far
        self._names: dict[str, str] = {}  # of the tools, by the ids of their calls
        self._words: set[str] = set()  # what a final answer may be that was told: texts, results
        self._agents = 0
        self._is_made_up = False  # the latest one's events are the SDK's own
        self._items: ResponsesReader | None = None  # of the items, where those are all there is
        self._place = 0
        self.stop_reason: str | None = None
        self.is_cut_short = False  # the latest one, by its length or a filter
        self.has_refused = False  # the latest one
        self.raw_usage: Any = None

    def handle(self, event: Any) -> Iterator[Event]:
        if event.type == "raw_response_event":
            yield from self.raw(event.data)
        elif event.type == "run_item_stream_event":
            yield from self.item(event.item)
        elif event.type == "agent_updated_stream_event":
            self._agents += 1
            if self._agents > 1:  # another one takes over
                yield Data("agent", {"name": event.new_agent.name})

    def raw(self, event: Any) -> Iterator[Event]:
        d = dict_of(event)
        if d is None:
            return
        if self._reader is None or self._reader.turn.ended:
            if self._reader is not None:
                yield Step()
            self._reader = ResponsesReader(Turn())
            self.has_refused = False
        self._words.update(_texts_in(d))
        reader, turn = self._reader, self._reader.turn
        yield from self._told(reader.feed([d]))
        if turn.ended:
            self.number += 1
            yield from self._told(reader.end())
            if turn.usage is not None:
                used = _known(turn.usage) if self._is_made_up else turn.usage
                self._used = Usage.total(filter(None, (self._used, used)))
            if self._used is not None:
                yield self._used
            self.raw_usage = turn.raw_usage or self.raw_usage
            word = turn.provider_stop_reason or ""
            self.is_cut_short = word.startswith("incomplete:")
            self.stop_reason = word.removeprefix("incomplete:") or None
        if turn.error is not None:
            raise turn.error

    def _told(self, events: list[Event]) -> Iterator[Event]:
        for event in events:
            self.has_refused = self.has_refused or isinstance(event, Refusal)
            if isinstance(event, ToolCall):
                self._names[event.id] = event.name
            elif isinstance(event, Meta) and event.response_id == _FAKE_ID:
                self._is_made_up = True
                event = Meta(model=event.model)
            if not isinstance(event, Usage):
                yield event

    def item(self, item: Any) -> Iterator[Event]:
        """What a tool gave, or the one that hands a question over to another agent."""
        raw: Any = item.raw_item
        if item.type == "tool_call_output_item":
            id, value = item.call_id, item.output
        elif item.type == "handoff_output_item" and isinstance(raw, dict):
            id, value = raw.get("call_id"), raw.get("output")
        else:
            if item.type in _SAID and self._reader is None:
                yield from self._said(raw)
            elif item.type == "message_output_item" and self._reader and self._reader.turn.ended:
                yield from self.final(_text_of(dict_of(raw) or {}))
            return
        self._words.add(str(value))
        if id in self._names:
            yield ToolResult(id, json_of(value), self._names[id])
        elif id:
            yield ToolResult(str(id), json_of(value))

    def final(self, answer: Any) -> Iterator[Event]:
        """The app's own words, which end a run in the place of a model's.

        Those of its error handlers, and of a function that is a `tool_use_behavior`.
        """
        if isinstance(answer, str) and answer and answer not in self._words:
            self._words.add(answer)
            yield Step()
            yield Text(answer)

    def _said(self, raw: Any) -> Iterator[Event]:
        """One of the model's own items, where the app passes on none of what came before it."""
        if self._items is None:
            self._items = ResponsesReader(Turn())
        d = dict(raw) if isinstance(raw, Mapping) else dict_of(raw)
        done = {"type": "response.output_item.done", "output_index": self._place, "item": d}
        self._place += 1
        yield from self._told(self._items.feed([done]))


def _texts_in(event: Mapping[str, Any]) -> Iterator[str]:
    """Those of the messages that an event has whole."""
    if item := event.get("item"):
        yield _text_of(item)
    response = event.get("response")
    output = response.get("output") if isinstance(response, Mapping) else None
    yield from map(_text_of, output if isinstance(output, list) else ())


def _text_of(item: Any) -> str:
    """What a message says, as the SDK makes the final answer of it."""
    parts = item.get("content") if isinstance(item, Mapping) else None
    parts = parts if isinstance(parts, list) else []
    return "".join(only_text(part.get("text")) for part in parts if isinstance(part, Mapping))


def _known(usage: Usage) -> Usage:
    """Without those that are 0 where nobody has counted."""
    details = ("cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
    return replace(usage, **{name: getattr(usage, name) or None for name in details})
