"""A provider's stream that only async code can read: over a bridge, in the way of its sync twin.

What leads to it (a coroutine, a manager) is awaited and entered on the event loop, by the task that
then reads it. Of an SDK's `AsyncStream` the body's bytes come over, and are decoded here, as those
of a `Stream` are; of other streams the items.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AsyncExitStack, closing
from itertools import chain
from typing import Any, NamedTuple

from ..async_streams import close_at_end, given_by, is_async, name_of
from ..bridging import Bridge
from ..errors import ProviderError, SourceError
from ..events import JSON
from ..sse import Decoder
from . import shapes
from .blocks import take_over_async
from .errors import is_misuse
from .http_responses import (
    client_of,
    refuse_entered,
    refuse_httpx_read,
    refuse_other_kinds,
    refuse_read,
)
from .libraries import Read, batches_of, has_ended, items_of, reader_of
from .library_stream import failure_of
from .names import with_article
from .not_streams import CLOSED, discard, no_stream
from .stray import Strays
from .under_way import bounds
from .unpack import OURS, coding_of, unpacked
from .wire import WIRE_OF, Body, dicts_of


def is_async_source(obj: object) -> bool:
    """Whether `obj` is, or leads to, what only async code can read."""
    is_async_only = is_async(obj) or shapes.is_async_response(obj) or shapes.is_async_wrapper(obj)
    return items_of(obj) is not None or is_async_only


class OverAsync(Body):
    """Whatever only async code can read; what it is, is known once it is open.

    :param refuse: raises where what a coroutine has given is known to be no stream.
    :ivar stream: what it has led to, once it is open.
    :ivar bridge: over which all of it comes.
    :ivar is_providers: it is a provider's stream, once it is open.
    """

    def __init__(self, stream: Any, refuse: Callable[[Any], None]) -> None:
        super().__init__()
        self.stream = stream
        self.provider = shapes.sdk_of(stream)
        self.wire = WIRE_OF.get(self.provider or "")
        self.is_providers = False
        self.bridge = Bridge(_told(stream), name_of(stream))
        self._refuse = refuse
        self._opened: _Opened | None = None
        self._items: Iterator[Any] = iter(())
        self._function: Read | None = None

    def open(self) -> None:
        """:raises SourceError: it has led to nothing that can be read.

        :raises GeneratorExit: the run that opens it is to end.
        """
        if self._opened is not None:
            return
        opened: _Opened = next(self.bridge)
        self._opened, stream = opened, opened.stream
        self.stream, self._items = stream, self.bridge
        if opened.response is None and not opened.has_items:
            self._refuse_sync(stream)
        if opened.response is stream:  # no SDK has looked at it
            refuse_other_kinds(client_of(stream), stream, self)
        self.provider = self.provider or shapes.sdk_of(stream)
        self.wire = self.wire or WIRE_OF.get(self.provider or "")
        self.is_providers = opened.response is not None or shapes.is_iterated(stream)
        if not self._is_librarys(opened.read):
            self._look_at_first()
        if self.is_providers:
            self.bridge.leave_run()

    def items(self) -> Iterator[Any]:
        """What the stream gives, where it is no provider's."""
        return self._items

    def refuse_others(self) -> None:
        """:raises SourceError: it is no provider's stream."""
        if not self.is_providers:
            first = next(self._items, None)
            self.close()
            discard(first)
            raise SourceError(no_stream(self.stream, first))

    def _is_librarys(self, read: Read | None) -> bool:
        if read is not None:
            self._function, self.wire, self.is_providers = read, "events", True
        return self.is_providers

    def _look_at_first(self) -> None:
        try:
            first = next(self._items)
        except StopIteration:
            return
        except Exception as error:
            if not is_misuse(error):
                raise
            raise SourceError(CLOSED) from error
        if not isinstance(first, str) and not self._is_librarys(reader_of(first, is_item=True)):
            self.is_providers = shapes.is_item(first)
        self._items = chain([first], self._items)

    def _refuse_sync(self, stream: Any) -> None:
        self.close()
        self._refuse(stream)
        discard(stream)
        kind = with_article(type(stream).__name__)
        raise SourceError(
            f"A coroutine, or an async context manager, gave {kind}, which is no async stream. "
            "A view may return one that gives an async client's stream, or an async iterable; what "
            "else it gives, an async def view returns itself."
        )

    def _read(self) -> Generator[list[JSON], None, None]:
        if self._opened is not None and self._opened.response is not None:
            return super()._read()
        if self._function is not None:
            return self._said(self._function)
        return dicts_of(self._items, self.stream)

    def _said(self, function: Read) -> Generator[list[JSON], None, None]:
        with closing(function(self._in_turns(self._items))) as reading:
            yield from batches_of(reading, next, lambda: not self._woken)

    def _is_the_apps(self) -> bool:
        return inspect.isasyncgen(self.stream) and self._function is None

    def _failure(self, error: Exception) -> ProviderError:
        return super()._failure(error) if self._function is None else failure_of(error)

    def _leaves_the_rest(self) -> bool:
        return self._function is not None

    def _events(self) -> Decoder:
        return Decoder(Strays(), self.most_event_bytes)

    def _bytes(self) -> Iterator[bytes]:
        chunks = _joined(self.bridge)
        coding = self._opened.coding if self._opened is not None else ""
        return unpacked(chunks, coding) if coding else chunks

    def _wake(self) -> None:
        self.bridge.cancel()

    def _close(self) -> None:
        self.bridge.close()
        if inspect.iscoroutine(self.stream):  # one that nobody has awaited would warn
            discard(self.stream)


class OfRelay(OverAsync):
    """What `relay` was given: it must be a provider's."""

    def open(self) -> None:
        super().open()
        self.refuse_others()


def _joined(bridge: Bridge) -> Iterator[bytes]:
    """All the bytes that are there, at a time."""
    while True:
        try:
            chunks = bridge.next_batch()
        except StopIteration:
            return
        yield b"".join(chunks)


# -- on the event loop ----------------------------------------------------------------------


class _Opened(NamedTuple):
    """What a stream has turned out to be.

    :ivar response: whose body is read by us; None where items are.
    :ivar coding: by which the bytes that come over are packed.
    :ivar read: what reads the items, where the stream tells. It is asked before it has begun: a
        generator that has ended tells nothing.
    :ivar has_items: it can be iterated, or what its library makes of it.
    """

    stream: Any
    response: Any = None
    coding: str = ""
    read: Read | None = None
    has_items: bool = False


async def _told(stream: Any) -> AsyncIterator[Any]:
    """First what it has turned out to be; then its bytes, or its items."""
    async with AsyncExitStack() as stack:
        while (own := items_of(stream)) is None and _leads_on(stream):
            if shapes.is_manager(stream):
                refuse_entered(stream)
            stream = await given_by(stream, stack)
        opened = _opened(stream)
        stream = stream if own is None else own
        close_at_end(stream, stack)
        yield opened._replace(has_items=hasattr(stream, "__aiter__"))
        if opened.response is not None:
            response = opened.response
            items = response.aiter_raw() if opened.coding else response.aiter_bytes()
        elif hasattr(stream, "__aiter__"):
            items = aiter(stream)
        else:
            return
        if items is not stream:
            close_at_end(items, stack)
        async for item in items:
            yield item


def _leads_on(stream: Any) -> bool:
    """Whether it is not the stream, but what gives one."""
    return is_async(stream) and not hasattr(stream, "__aiter__")


def _opened(stream: Any) -> _Opened:
    if has_ended(stream):
        raise SourceError(CLOSED)
    read = reader_of(stream)
    if read is not None:
        return _Opened(stream, read=read)
    if shapes.is_async_response(stream):
        refuse_httpx_read(client_of(stream), stream)
        return _body(stream, stream)
    if shapes.is_iterated(stream):
        refuse_read(stream)
        if shapes.is_stream(stream) and shapes.is_of_events(stream, stream.response):
            if not shapes.is_watched(stream):
                return _body(stream, stream.response)
    response = shapes.response_of(stream)
    if response is not None:
        is_of_events = shapes.is_of_events(stream, response)
        most = bounds().event_bytes if is_of_events else None
        take_over_async(response, most, by_sdk=True)
    return _Opened(stream)


def _body(stream: Any, response: Any) -> _Opened:
    coding = coding_of(response.headers.get("content-encoding"))
    is_packed = coding in OURS and shapes.content_of(response) is None
    if not is_packed:
        take_over_async(response)
    return _Opened(stream, response, coding if is_packed else "")
