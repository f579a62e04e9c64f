"""What a view returned, as the batches of Events of the run that it is to be."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any

from flask import request
from werkzeug.wrappers import Response

from .errors import SourceError
from .events import Event
from .providers.adapt import adapt, adapt_async, adapt_items
from .providers.names import class_names
from .providers.not_streams import discard
from .providers.over_async import OverAsync, is_async_source
from .providers.relay import relay_batches
from .providers.shapes import SDKS, is_streamed
from .providers.source import Source
from .providers.under_way import bounds
from .reading import Reader


def batches_of(value: Any) -> Iterable[list[Event]] | None:
    """What is to be sent of what a view returned; None where that is for Flask.

    :raises SourceError: it is nothing that a view may return; the message says what to do.
    """
    if is_async_source(value):
        return Opening(value)
    source = adapt(value)
    if source is not None:
        return relay_batches(source, reads_rest=False)  # the run does, once it has sent `done`
    return None if _is_for_flask(value) else Opening(value)


def batches_of_source(value: Any) -> Iterable[list[Event]]:
    """The same of what an app publishes, which nothing but its readers is for.

    :raises SourceError: it is no stream.
    """
    if is_async_source(value):
        return Opening(value)
    source = adapt(value)
    if source is not None:
        return relay_batches(source, reads_rest=False)
    if isinstance(value, str | bytes | bytearray | dict | Event) or not hasattr(value, "__iter__"):
        raise SourceError(
            f"publish() was given {value!r:.200}, which is no stream. Give it a provider's stream "
            "(client.messages.create(…, stream=True)), or a generator or list of str and events."
        )
    return Opening(value)


class Opening:
    """An iterable of the app's own, looked at when its first item is asked for.

    Also whatever only async code can read: what that is, is known once it was awaited.
    """

    def __init__(self, items: Any) -> None:
        if isinstance(items, Reader):  # else what is another run's would be closed with this one
            items.refuse_other_runs()
        self._over = adapt_async(items)
        self._items: Any = items if self._over is None else self._over
        self._iterator: Any = None  # which may be a generator, where the items are none
        self._relayed: Any = None

    def __iter__(self) -> Iterator[list[Event]]:
        adapted = self._adapted(self._over)
        if isinstance(adapted, Source):
            adapted = self._relayed = relay_batches(adapted, reads_rest=False)
        return adapted

    def _adapted(self, over: OverAsync | None) -> Iterator[list[Event]] | Source:
        if over is None:
            self._iterator = iter(self._items)
            return adapt_items(self._items, self._iterator, bounds().event_bytes)
        over.open()
        if over.is_providers:
            return over
        return adapt_items(over.bridge, over.items(), bounds().event_bytes)

    def close(self) -> None:
        with ExitStack() as closing:  # all of them, whatever one of them raises
            # The last one first.
            for each in (*_held(self._items), self._items, self._iterator, self._relayed):
                close = getattr(each, "close", None)
                if close is not None:
                    closing.callback(close)


def _held(items: object) -> list[Any]:
    """The provider's streams that a generator was to read, and will not: it never began."""
    if not inspect.isgenerator(items) or inspect.getgeneratorstate(items) != inspect.GEN_CREATED:
        return []
    held = inspect.getgeneratorlocals(items).values()  # its arguments and what it closes over
    return [each for each in held if is_streamed(each)]


def _is_for_flask(value: Any) -> bool:
    """Whether `value` is something that Flask makes a response of without us."""
    if value is None:
        raise SourceError(
            f"The view of endpoint {request.endpoint!r} returned None. Return the provider's "
            "stream (client.messages.create(…, stream=True)), a generator or list of str, or a "
            "response; or did a return statement go missing?"
        )
    if isinstance(value, Event):
        raise SourceError(
            f"The view of endpoint {request.endpoint!r} returned one {type(value).__name__}. "
            "Return a list of events, or yield them."
        )
    if isinstance(value, Response):
        return True
    if isinstance(value, tuple):
        head = value[0] if value else None
        is_known = bool(class_names(head, *SDKS, "requests", "httpx", "httpx2"))
        if is_known or hasattr(head, "__next__") or is_async_source(head):
            discard(head)
            raise SourceError(
                f"The view of endpoint {request.endpoint!r} returned a tuple that begins with a "
                f"stream ({type(head).__name__}). A stream's status is always 200 and its headers "
                "are Flask-Stream's: return the stream alone, or set headers with "
                "after_this_request."
            )
        return True
    return isinstance(value, str | bytes | bytearray | dict) or not hasattr(value, "__iter__")
