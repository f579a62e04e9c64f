"""Another library's stream as a Source: what its reading function says, and how it is woken."""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import nullcontext, suppress
from functools import partial
from itertools import chain
from types import GeneratorType
from typing import Any

from ..errors import ProviderError, SourceError
from ..events import JSON
from .blocked import Waiting, keep_waking_pools
from .libraries import End, Read, batches_of, frame_of, reader_of
from .library_errors import AppsOwn, of_library
from .not_streams import discard, no_stream
from .shapes import is_item
from .source import Source
from .wire import dicts_of

# Whoever was woken may ask again (a library that repeats what has failed), and is woken again; but
# not before: a reading function may tell its provider, by HTTP, that nobody wants the rest.
_CLEAN_UP_SECONDS = 1.0


class LibraryStream(Source):
    """A stream that a function reads, which says what it means in our own words.

    :param read: the function: one of ours for the library, or the app's own.
    :param stream: what is read; an iterator that has begun, where the first item was looked at.
    :param owner: what is closed at the end.
    """

    def __init__(self, read: Read, stream: Any, owner: Any = None) -> None:
        super().__init__()
        self.wire = "events"
        self._function = read
        self._stream = stream
        self._owner = stream if owner is None else owner
        self._reading: Generator[Any, None, End | None] | None = None
        self._waiting: Waiting | None = None
        self._wake_from = 0.0  # on the monotonic clock

    def _read(self) -> Generator[list[JSON], None, None]:
        # Not dicts, unless it is a wire's: what its reader takes are events.
        stream = self._stream
        # A library's own object is given as it is: of that, more may be needed than its items.
        if self.wire == "events" and isinstance(stream, GeneratorType | chain):
            stream = self._in_turns(stream)
        self._reading = self._function(stream)
        return batches_of(self._reading, self._next, self._tells_end)

    def _tells_end(self) -> bool:
        return self.wire == "events" and not self._woken

    def _next(self, iterator: Iterator[Any]) -> Any:
        """Its next item, for which this thread may wait until it is woken."""
        self._waiting = Waiting(sys._getframe())
        try:
            return next(iterator)
        except BaseException as error:
            if self._woken and type(error).__name__ == "CancelledError":  # of its own event loop
                raise StopIteration from error
            raise
        finally:
            self._waiting = None

    def _leaves_the_rest(self) -> bool:
        return True

    def _failure(self, error: Exception) -> ProviderError:
        return failure_of(error)

    def _wake(self) -> None:
        now = time.monotonic()
        if self._waiting is not None and now >= self._wake_from and self._waiting.wake():
            self._wake_from = now + _CLEAN_UP_SECONDS

    def _close(self) -> None:
        """Where it is not at its end, the library may wait for threads of its own: woken, too."""
        is_under_way = self.wire == "events" and frame_of(self._reading) is not None
        with keep_waking_pools(Waiting(sys._getframe())) if is_under_way else nullcontext():
            if self._reading is not None:
                with suppress(Exception):
                    self._reading.close()
            discard(self._owner)


def failure_of(error: Exception) -> ProviderError:
    """What a library's stream has failed with.

    :raises Exception: itself, where it is of the app's own code: a tool's, a callback's.
    """
    told = of_library(error)
    if told is None:
        cause = error.__cause__
        raise cause if isinstance(error, AppsOwn) and cause is not None else error
    return told


class UnknownItems(LibraryStream):
    """An iterable that may be a provider's stream, as only its first item tells."""

    def __init__(self, items: Iterable[Any], owner: Any = None) -> None:
        super().__init__(partial(dicts_of, stream=owner), items, owner)  # type: ignore[arg-type]
        self.wire = None  # its first dict tells

    def open(self) -> None:
        """:raises SourceError: it is none."""
        iterator = iter(self._stream)
        try:
            first = self._next(iterator)
        except StopIteration:
            return
        read = reader_of(first, is_item=True)
        if read is not None:
            self._function, self.wire = read, "events"
        elif not is_item(first):
            discard(first)
            discard(self._owner)
            raise SourceError(no_stream(self._owner, first))
        self._stream = chain([first], iterator)

    def _read(self) -> Generator[list[JSON], None, None]:
        for said in super()._read():
            if self.wire == "events":
                yield said
            else:  # what `dicts_of` has made of an item
                yield from said  # type: ignore[misc]

    def _is_the_apps(self) -> bool:
        return inspect.isgenerator(self._owner) and self.wire != "events"


class WireItems(UnknownItems):
    """A wire's items from where no response can be seen: a wrapper's, or a generator's."""

    def open(self) -> None:
        """What they are is known."""

    def _failure(self, error: Exception) -> ProviderError:
        # The SDKs' own reading breaks with whatever it meets.
        return of_library(error) or Source._failure(self, error)
