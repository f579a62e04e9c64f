"""The relays under way: those of one view's call, and then of its run, told by each itself.

An app may keep a relay's events to itself, or begin one before there is a run: so whatever
the run must know of it does not hang on its events.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import count
from typing import Protocol, TypeVar
from weakref import WeakSet

from ..result import MOST_CHARACTERS, Result
from ..told import logger
from .prose import gap
from .source import MOST_EVENT_BYTES, Source

A = TypeVar("A")
R = TypeVar("R")

_UNREAD = (
    "relay() was called, and nothing has read what it gave, so that its stream was closed unread. "
    "Write «result = yield from relay(…)»."
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of a provider's is taken, so that none can fill a worker's memory.

    :ivar event_bytes: of one event: STREAM_MAX_EVENT_BYTES.
    :ivar characters: of all that a run tells: STREAM_MAX_CHARACTERS.
    """

    event_bytes: int = MOST_EVENT_BYTES
    characters: int = MOST_CHARACTERS


class Waited(Protocol):
    """What an app's code may wait for that is no provider's: a bridge, or a channel."""

    def cancel(self) -> None:
        """Wake whoever waits for it, from any thread; it ends."""

    def release(self) -> None:
        """The run is over, and nobody reads it any more."""


class Relays:
    """The relayed streams of one view's call, and then of its run.

    :ivar bounds: what each of them, and the run, is held to.
    :ivar partial: each tells what is whole of a tool call's arguments by now.
    :ivar sources: those that may still be read, the last of them begun last.
    :ivar steps: the Result of each, in the order in which they began.
    :ivar numbers: see `numbers`.
    :ivar said: the run's Result: what of it all has reached the reader.
    :ivar stopped: the run is to end: each relay ends at once, and so does whoever reads it.
    :ivar cut_short: one was ended in that way.
    :ivar closed: the run is over.
    """

    def __init__(self, bounds: Bounds | None = None, *, partial: bool = False) -> None:
        self.bounds = bounds or Bounds()
        self.partial = partial
        self.sources: list[Source] = []
        self.steps: list[Result] = []
        self.numbers: dict[str, Iterator[int]] = {}
        self.said = Result()
        self.stopped = self.cut_short = self.closed = self._is_let_go = False
        self._expected: list[Source] = []
        self._waited: WeakSet[Waited] = WeakSet()  # whoever waits for one keeps it
        # Looked up now: gevent may have put its own in its place since this was imported.
        self._lock = threading.Lock()
        self._ended_at: dict[str, int] = {}

    @property
    def whole(self) -> bool:
        """Whether all relays have come to an end of their own."""
        return not self.cut_short and all(step.outcome is not None for step in self.steps)

    def go_on(self, said: Result) -> list[Result]:
        """A run goes on with what the view has begun, and has not read to its end."""
        self.said = said
        self.sources = [source for source in self.sources if not source.closed]
        self.steps[:] = [step for step in self.steps if step.outcome is None]
        return self.steps

    def expect(self, source: Source) -> None:
        """It is to be read, but nobody has taken its first event yet."""
        with self._lock:
            self._expected.append(source)

    def begin(self, source: Source, step: Result) -> None:
        source.watched = True
        source.most_event_bytes = self.bounds.event_bytes
        with self._lock:  # an app may read several, each in a thread
            self._expected = [other for other in self._expected if not other.begun]
            self.sources = [*(other for other in self.sources if not other.closed), source]
            self.steps.append(step)

    def look_after(self, waited: Waited) -> None:
        """Have it woken as the run stops, and closed at the end."""
        with self._lock:
            self._waited.add(waited)

    def stop(self) -> None:
        """Wake whoever reads one, from any thread; those that begin later end at once."""
        with self._lock:
            if not self._is_let_go:
                self.stopped = True
                for source in self.sources:
                    source.cancel()
                for waited in list(self._waited):
                    waited.cancel()

    def stop_here(self) -> None:
        """End the app's code where it stands, if its reader has left, or its time is up.

        By the one exception that no fallback of its catches: nobody is to buy tokens for nobody.
        """
        if self.stopped:
            self.cut_short = True
            raise GeneratorExit

    def let_go(self) -> None:
        """Somebody else reads on, and no run looks after it."""
        with self._lock:
            self._is_let_go, self.stopped = True, False
            for source in self.sources:
                source.watched = False

    def read_rest(self) -> None:
        """Of the last one, so that its connection can be used again."""
        for source in self.sources[-1:]:
            source.read_rest()

    def close(self, *, warn: bool) -> None:
        """Release what is still open.

        :param warn: of what nobody has begun to read.
        """
        self.closed = True
        unread = [source for source in self._expected if not source.begun]
        if unread and warn:
            logger.warning(_UNREAD)
        with self._lock:
            waited = list(self._waited)
        for source in [*self.sources, *unread]:
            with suppress(Exception):
                source.close()
        for each in waited:
            with suppress(Exception):
                each.release()

    def end(self, step: Result) -> None:
        """A relay is over. Called once all that it yielded has been passed on."""
        for kind, words in step.words.items():
            if words:
                self._ended_at[kind] = self.said.words[kind].added

    def gap(self, kind: str, text: str) -> str:
        """What sets a stream's first words off from those of the stream before it.

        Nothing where the app has said something of its own meanwhile: it knows how its words
        are to be joined.
        """
        said = self.said.words[kind]
        if not said or said.added != self._ended_at.get(kind):
            return ""
        return gap(said[-1], text)


# Those of whoever takes the next item: a view, or a run.
current_relays: ContextVar[Relays | None] = ContextVar("current_relays", default=None)


def bounds() -> Bounds:
    """What a stream that is read now is held to."""
    among = current_relays.get()
    return Bounds() if among is None else among.bounds


def numbers(kind: str, first: int = 0) -> Iterator[int]:
    """What stands for the ids of calls that have none: each number once in a run.

    The page tells a run's calls apart by their ids, whichever relay they came by.

    :param kind: of the ids that are made of them.
    """
    among = current_relays.get()
    return count(first) if among is None else among.numbers.setdefault(kind, count(first))


def outside_run(function: Callable[[A], R], argument: A) -> R:
    """Call it; what it relays is none of the run's, which may be over."""
    token = current_relays.set(None)
    try:
        return function(argument)
    finally:
        current_relays.reset(token)
