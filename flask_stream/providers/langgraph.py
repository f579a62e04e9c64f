"""LangGraph: what `graph.stream` and `graph.astream` give, in all of its modes (langgraph 1.2).

One mode's items come as they are, those of several with its name: `(mode, item)`; and with
`subgraphs=True` or `version="v2"` with the graph that they are of.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any

from ..errors import SourceError
from ..events import Event
from . import langchain
from .langchain_errors import of_the_model
from .langchain_messages import (
    Messages,
    is_command,
    is_message,
    lists_in,
    made_by_node,
    messages_in,
)
from .libraries import End, Read, made_in, made_of
from .names import with_article

_MODES = {"messages", "updates", "custom", "values", "tasks", "checkpoints", "debug", "tools"}
_Path = tuple[str, ...]


def reader_of(obj: Any) -> Read | None:
    """:param obj: a graph's generator, or one of its items.

    :raises SourceError: it is a graph that nobody has asked.
    """
    made = made_in(obj)
    if made.startswith("langgraph.pregel.remote"):
        raise SourceError(
            "A RemoteGraph's stream gives messages as dicts, which are not read here. Have the "
            "view take from its items what the page is to get, and yield that."
        )
    if made.startswith("langgraph.pregel"):
        return partial(read, asked=_modes_of(obj), given=made_of(obj).get("input", ...))
    if isinstance(obj, tuple | Mapping):
        return read if _is_item(obj) else None
    langchain.refuse(obj)
    if hasattr(obj, "interrupted"):
        raise SourceError(
            f"A view returned {with_article(type(obj).__name__)}, which "
            "stream_events(version='v3') gives. Return what graph.stream(input, "
            'stream_mode=["messages", "updates"]) gives.'
        )
    return None


def _modes_of(generator: Any) -> str | Collection[str]:
    """The mode that a graph was asked with, whose items come without its name; or several."""
    known = made_of(generator)
    return known.get("stream_mode") or getattr(known.get("self"), "stream_mode", None) or ()


def _is_item(obj: Any) -> bool:
    """Whether it is, by its shape, an item of a stream that an app's generator passes on."""
    if isinstance(obj, Mapping) and langchain.is_event(obj):
        return False
    _, mode, value = _unpacked(obj, None)
    if mode is not None:
        return True
    if isinstance(value, Mapping):  # of `updates`, or of `values`
        return any(is_message(x) for part in (value, *value.values()) for x in messages_in(part))
    return False


def read(
    stream: Iterable[Any], asked: str | Collection[str] = (), *, given: Any = ...
) -> Generator[str | Event, None, End]:
    """:param asked: where it is known, the mode of items which come without its name; or all.

    :param given: what the graph was asked with, where that is known. A run that was interrupted
        goes on with a `Command`, or with None.

    :raises ProviderError: a model's answer is not whole.
    :raises SourceError: nothing of what the graph gave can be told.
    """
    mode = asked if isinstance(asked, str) else None
    goes_on = given is None or is_command(given)
    told = _Told(has_messages="messages" in ((asked,) if mode else asked), goes_on=goes_on)
    for message in messages_in(given):  # LangGraph knows those again which have ids
        told.messages.know(message)
    unsaid: set[str] = set()
    for item in of_the_model(stream):
        path, its_mode, value = _unpacked(item, mode)
        if not told.has_said and its_mode not in ("messages", "custom"):
            unsaid.add(its_mode or "states")
        yield from told.item(path, its_mode, value)
    yield from told.messages.end()
    if unsaid and not told.has_said and told.messages.are_none:
        raise SourceError(
            f"LangGraph gave nothing but {' and '.join(sorted(unsaid))} without a new message in "
            'them. Ask with stream_mode=["messages", "updates"] for what its models say; or with '
            '"custom", and write with get_stream_writer() what the page is to get.'
        )
    return End(told.messages.stop_reason, raw_usage=told.messages.raw_usage)


def _unpacked(item: Any, mode: str | None) -> tuple[_Path, str | None, Any]:
    """Of which graph an item is, its mode, and itself."""
    if isinstance(item, Mapping):
        if {"type", "ns", "data"} <= item.keys() and item["type"] in _MODES:
            path: _Path = item["ns"]
            value = item["data"]
            if item.get("interrupts"):
                value = {**value, "__interrupt__": item["interrupts"]}
            return path, item["type"], value
        return (), mode, item
    path = ()
    if mode == "custom" or not isinstance(item, tuple):
        return path, mode, item
    if len(item) > 1 and isinstance(item[0], tuple):
        path, *rest = item
        item = rest[0] if len(rest) == 1 else tuple(rest)
    if isinstance(item, tuple) and len(item) == 2:
        if item[0].__class__ is str and item[0] in _MODES:
            return path, item[0], item[1]
        if is_message(item[0]):
            return path, mode or "messages", item
    return path, mode, item


class _Told:
    """:param has_messages: the mode `messages` was asked for, which tells of each that is new.
        (Of what an app's generator passes on that is not known: it may leave some of them out.)

    :param goes_on: what nodes gave before the interrupt comes again.
    :ivar has_said: something has been told.
    """

    def __init__(self, *, has_messages: bool, goes_on: bool) -> None:
        self._has_messages = has_messages
        self._goes_on = goes_on
        self.messages = Messages()
        self.has_said = False
        self._begun: set[_Path] = set()  # graphs whose state has come
        self._running: set[_Path] = set()  # graphs of which a node has run
        self._waiting: set[Any] = set()  # the ids of interrupts that were told

    def item(self, path: _Path, mode: str | None, value: Any) -> Iterator[str | Event]:
        for event in self._events(path, mode, value):
            self.has_said = True
            yield event

    def _events(self, path: _Path, mode: str | None, value: Any) -> Iterator[str | Event]:
        if mode == "messages":
            message, about = value
            if is_message(message):
                yield from self.messages.chunk(message, _Same(about))
        elif mode == "custom":
            yield langchain.custom(value)
        elif mode == "updates" or (mode is None and next(messages_in(value), None) is None):
            yield from self._interrupts(value)
            yield from self._updates(path, value if isinstance(value, Mapping) else {})
        elif mode in ("values", None):
            yield from self._interrupts(value)
            yield from self._values(path, value)

    def _updates(self, path: _Path, nodes: Mapping[str, Any]) -> Iterator[Event]:
        """What nodes gave. `messages` has told of all that one made, unless it did not run.

        Then it was done before the interrupt, which a graph tells first of all; or it is cached.
        And unless it has handed over to a node of the graph around it: then the call that asked for
        that has its result here.
        """
        did_not_run = "__metadata__" in nodes
        if not did_not_run:
            self._running.add(path)
        elif self._goes_on and path not in self._running:
            for message in chain.from_iterable(map(messages_in, nodes.values())):
                self.messages.know(message)
            return
        for update in nodes.values():
            for message in made_by_node(update, self.messages.is_known):
                if did_not_run or not self._has_messages or self.messages.answers(message):
                    yield from self.messages.whole(message)

    def _values(self, path: _Path, state: Any) -> Iterator[Event]:
        """What is new in a state: in each of its fields behind the messages that are known."""
        is_first = path not in self._begun  # what the graph was asked with
        self._begun.add(path)
        for messages in lists_in(state):
            known = len(messages)
            while known and not (is_first or self.messages.is_known(messages[known - 1])):
                known -= 1
            for message in messages[known:]:
                yield from self.messages.whole(message)
            for message in messages if is_first else messages[known:]:
                self.messages.know(message)

    def _interrupts(self, update: Any) -> Iterator[Event]:
        for told in langchain.interrupts(update):
            id = told.data["id"]
            if id is None or id not in self._waiting:  # several modes tell of it
                self._waiting.add(id)
                yield told


class _Same:
    """A key for an object itself: a call's metadata, which all of its chunks come with."""

    __slots__ = ("_held",)

    def __init__(self, held: Any) -> None:
        self._held = held

    def __hash__(self) -> int:
        return id(self._held)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other._held is self._held
