"""What an object is that a view returned, or `relay` was given: the Source that reads it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from ..errors import SourceError
from ..events import Event
from . import plain, shapes
from .blocks import take_over
from .errors import is_misuse
from .http_responses import adapt_httpx, adapt_requests, refuse_entered, refuse_read
from .libraries import has_ended, held_in, reader_of
from .library_stream import LibraryStream, UnknownItems, WireItems
from .names import class_names, with_article
from .not_streams import CLOSED, discard, no_stream
from .over_async import OfRelay, OverAsync, is_async_source
from .shapes import SDKS
from .source import Source
from .wire import SDKItems, SDKManager, SDKStream

# What can be iterated, and is no stream.
_WHOLE = (str, bytes, bytearray, Mapping, list, tuple, Event)


def adapt(obj: Any) -> Source | None:
    """The source for a provider's stream; None for what is not known to be one.

    :raises SourceError: it is one, but cannot be streamed; the message says what to do.
    """
    if has_ended(obj):
        raise SourceError(CLOSED)
    read = reader_of(obj)
    if read is not None:
        _refuse_item(obj)
        return LibraryStream(read, obj, held_in(obj))
    if inspect.isgenerator(obj):  # a tracer's may be one, as its first item tells
        return None
    kind = type(obj).__name__
    if class_names(obj, "requests") & {"Response"}:
        return adapt_requests(obj)
    if class_names(obj, "httpx", "httpx2") & {"Response"}:
        return adapt_httpx(obj)
    if shapes.is_manager(obj):
        refuse_entered(obj)
        return SDKManager(obj)
    if shapes.is_iterated(obj):
        refuse_read(obj)
        if shapes.is_stream(obj) and _is_ours(obj):
            return SDKStream(obj)
        return SDKItems(obj)
    _refuse_whole(obj, kind)
    return None


def _is_ours(stream: Any) -> bool:
    """Whether we read an SDK's stream ourselves."""
    return shapes.is_of_events(stream, stream.response) and not shapes.is_watched(stream)


def adapt_async(obj: Any) -> OverAsync | None:
    """The source for what only async code can read; None for all else."""
    return OverAsync(obj, _refuse_whole_one) if is_async_source(obj) else None


def adapt_relayed(obj: Any) -> Source:
    """The source for what `relay` was given: all of a provider's that a view may return.

    :raises SourceError: it is no provider's stream, or one that cannot be streamed.
    """
    if is_async_source(obj):
        return OfRelay(obj, _refuse_whole_one)
    source = adapt(obj)
    if source is not None:
        return source
    if isinstance(obj, _WHOLE) or not hasattr(obj, "__iter__"):
        raise SourceError(no_stream(obj))
    if shapes.response_of(obj) is not None:  # a tracer's wrapper, such as LangSmith's
        refuse_read(obj)
        return SDKItems(obj)
    return UnknownItems(obj)


def adapt_items(
    items: Iterable[Any], iterator: Iterator[Any], most_event_bytes: int
) -> Iterator[list[Event]] | Source:
    """An iterable that is no SDK's own: the app's, or a wrapper around a stream.

    Only its first item tells the two apart, so it is taken here, and put back.

    :param iterator: over `items`; it is whoever made it who closes it.
    :param most_event_bytes: of the wrapped one's may have.
    """
    if (response := shapes.response_of(items)) is not None:
        refuse_read(items)
        if shapes.is_of_events(items, response):
            take_over(response, most_event_bytes)
    try:
        first = next(iterator)
    except StopIteration:
        return iter(())
    except Exception as error:
        if not is_misuse(error):
            raise
        raise SourceError(CLOSED) from error
    whole = chain([first], iterator)
    read = reader_of(first, is_item=True)
    if read is not None:
        return LibraryStream(read, whole, items)
    if not isinstance(first, str) and shapes.is_item(first):
        return WireItems(whole, items) if response is None else SDKItems(whole, items)
    return plain.read(whole)


def _refuse_item(obj: Any) -> None:
    """:raises SourceError: of another library's, `obj` is an answer, or one of a stream's items."""
    if hasattr(obj, "model_dump"):
        raise SourceError(
            f"A view returned {with_article(type(obj).__name__)}, a complete answer. To stream it, "
            "return what the library gives when it is asked to stream (stream=True, or a method "
            "with «stream» in its name)."
        )


def _refuse_whole_one(obj: Any) -> None:
    _refuse_whole(obj, type(obj).__name__)


def _refuse_whole(obj: Any, kind: str) -> None:
    """:raises SourceError: `obj` is an SDK's, but no stream."""
    if reader_of(obj) is not None:
        _refuse_item(obj)
    if shapes.is_answer(obj):
        raise SourceError(
            f"A view returned a {kind}, a complete answer. To stream it, ask for it with "
            "stream=True, or use the SDK's .stream()."
        )
    if kind == "_GeneratorContextManager":
        raise SourceError(
            "A view returned a context manager that nobody has entered, such as httpx's "
            "client.stream(…). Return what client.send(client.build_request(…), stream=True) "
            "gives, or have the view yield: «with client.stream(…) as response: yield from "
            "relay(response)»."
        )
    if hasattr(obj, "parse") and hasattr(obj, "http_response"):
        raise SourceError(
            f"A view returned a {kind}, which with_raw_response gives. Return what its .parse() "
            "gives."
        )
    if not class_names(obj, *SDKS):
        return
    discard(obj)
    raise SourceError(
        f"A view returned a {kind}, which cannot be streamed. Return what create(stream=True) "
        "or .stream() gives for messages, chat completions or responses, and not by way of "
        "with_streaming_response."
    )
