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
from .http_responses import adapt_httpx, adapt_requests
from .names import class_names
from .not_streams import CLOSED, discard, no_stream
from .shapes import SDKS
from .source import Source
from .wire import SDKItems, SDKManager, SDKStream, UnknownItems

# What can be iterated, and is no stream.
_WHOLE = (str, bytes, bytearray, Mapping, list, tuple, Event)


def adapt(obj: Any) -> Source | None:
    """The source for a provider's stream; None for what is not known to be one.

    :raises SourceError: it is one, but cannot be streamed; the message says what to do.
    """
    if inspect.isgenerator(obj):  # a tracer's may be one, as its first item tells
        return None
    kind = type(obj).__name__
    refuse_async(obj)
    if class_names(obj, "requests") & {"Response"}:
        return adapt_requests(obj)
    if class_names(obj, "httpx", "httpx2") & {"Response"}:
        return adapt_httpx(obj)
    if shapes.is_manager(obj):
        if shapes.was_entered(obj):
            raise SourceError(
                f"This {kind} was used before. Entering it again would ask (and pay) the "
                "provider a second time. Return it as .stream() gave it, without a with block, "
                "or return the stream that the with block gives, before the block ends."
            )
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


def adapt_relayed(obj: Any) -> Source:
    """The source for what `relay` was given: all of a provider's that a view may return.

    :raises SourceError: it is no provider's stream, or one that cannot be streamed.
    """
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
    if not isinstance(first, str) and shapes.is_item(first):
        return SDKItems(whole, items)
    return plain.read(whole)


def refuse_async(obj: Any) -> None:
    """:raises SourceError: `obj` is a coroutine, or streams only to async code."""
    kind = type(obj).__name__
    if inspect.iscoroutine(obj):
        obj.close()  # it would warn that it was never awaited
        raise SourceError(
            "A view returned a coroutine. Flask-Stream runs in sync views: call the sync client "
            "(Anthropic, OpenAI) instead of the async one, in a plain def."
        )
    is_async = hasattr(obj, "__aiter__") or hasattr(obj, "__aenter__")
    if is_async and not hasattr(obj, "__iter__") and not hasattr(obj, "__enter__"):
        raise SourceError(
            f"A view returned a {kind}, an async stream, which sync Flask cannot read. Use the "
            "sync client (Anthropic instead of AsyncAnthropic, OpenAI instead of AsyncOpenAI)."
        )


def refuse_read(stream: Any) -> None:
    """:raises SourceError: a stream's body was closed, or read to its end."""
    response = shapes.response_of(stream)
    if response is not None and response.is_closed and shapes.content_of(response) is None:
        raise SourceError(
            f"This {type(stream).__name__} is closed: it was read to its end, or a with block that "
            "has ended closed it. Return the stream itself, unread and outside of a with block; "
            "Flask-Stream closes it."
        )


def _refuse_whole(obj: Any, kind: str) -> None:
    """:raises SourceError: `obj` is an SDK's, but no stream."""
    if shapes.is_answer(obj):
        raise SourceError(
            f"A view returned a {kind}, a complete answer. To stream it, ask for it with "
            "stream=True, or use the SDK's .stream()."
        )
    if shapes.is_langchains(obj):
        raise SourceError(
            f"A view returned a {kind}, one of LangChain's messages. To stream it, ask with "
            "model.stream(…), and yield each chunk's text: «yield chunk.text»."
        )
    if kind == "_GeneratorContextManager":
        raise SourceError(
            "A view returned a context manager that nobody has entered, such as httpx's "
            "client.stream(…). Return what client.send(client.build_request(…), stream=True) "
            "gives, or have the view yield: «with client.stream(…) as response: yield from "
            "relay(response)»."
        )
    if not class_names(obj, *SDKS):
        return
    if hasattr(obj, "parse") and hasattr(obj, "http_response"):
        raise SourceError(
            f"A view returned a {kind}, which with_raw_response gives. Return what its .parse() "
            "gives."
        )
    discard(obj)
    raise SourceError(
        f"A view returned a {kind}, which cannot be streamed. Return what create(stream=True) "
        "or .stream() gives for messages, chat completions or responses, and not by way of "
        "with_streaming_response."
    )
