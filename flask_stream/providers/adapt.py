"""What an object is that a view returned, or `relay` was given: the Source that reads it."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from ..errors import ProviderError, SourceError
from ..events import Event
from . import plain
from .errors import class_names, from_body, from_status
from .over_requests import RequestsStream
from .source import Source
from .wire import SDKS, SDKItems, SDKManager, SDKStream, error_of, response_of

_HELPERS = {"MessageStream", "BetaMessageStream", "ChatCompletionStream", "ResponseStream"}
_MANAGERS = {f"{name}Manager" for name in _HELPERS}
_ANSWERS = {"Message", "BetaMessage", "ChatCompletion", "Response", "Completion"}


def adapt(obj: Any) -> Source | None:
    """The source for a provider's stream; None for what is no provider's stream.

    :raises SourceError: it is one, but cannot be streamed; the message says what to do.
    """
    kind = type(obj).__name__
    refuse_async(obj)
    names = class_names(obj, *SDKS)
    if class_names(obj, "requests") & {"Response"}:
        return _adapt_requests(obj)
    if (names | _proxied(obj)) & _MANAGERS:
        if _was_entered(obj):
            raise SourceError(
                f"This {kind} was used before. Entering it again would ask (and pay) the "
                "provider a second time. Return it as .stream() gave it, without a with block, "
                "or return the stream that the with block gives, before the block ends."
            )
        return SDKManager(obj)
    if names & _HELPERS or "Stream" in names:
        _refuse_read(obj, kind)
        if "Stream" in names and not _is_watched(obj):
            return SDKStream(obj)
        return SDKItems(obj)
    if names & _ANSWERS and hasattr(obj, "model_dump"):
        raise SourceError(
            f"A view returned a {kind}, a complete answer. To stream it, ask for it with "
            "stream=True, or use the SDK's .stream()."
        )
    if names and hasattr(obj, "parse") and hasattr(obj, "http_response"):
        raise SourceError(
            f"A view returned a {kind}, which with_raw_response gives. Return what its .parse() "
            "gives."
        )
    if names:
        raise SourceError(
            f"A view returned a {kind}, which cannot be streamed. Return what create(stream=True) "
            "or .stream() gives for messages, chat completions or responses, and not by way of "
            "with_streaming_response."
        )
    return None


def adapt_items(items: Iterable[Any]) -> Iterator[Event] | Source:
    """An iterable that is no SDK's own: the app's, or a tracing wrapper around a stream.

    Only its first item tells the two apart, so it is taken here, and put back.
    """
    iterator = iter(items)
    try:
        first = next(iterator)
    except StopIteration:
        return iter(())
    whole = chain([first], iterator)
    if class_names(first, *SDKS) and hasattr(first, "model_dump"):
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


def _refuse_read(stream: Any, kind: str) -> None:
    response = response_of(stream)
    if getattr(response, "is_closed", False) and not _is_in_memory(response):
        raise SourceError(
            f"This {kind} is closed: it was read to its end, or a with block that has ended "
            "closed it. Return the stream itself, unread and outside of a with block; "
            "Flask-Stream closes it."
        )


def _is_in_memory(response: Any) -> bool:
    """Whether the whole body came at once, as from the mock transports of people's tests."""
    try:
        return bool(response.content)
    except Exception:  # httpx's ResponseNotRead: it was streamed
        return False


def _is_watched(stream: Any) -> bool:
    """Whether reading past the SDK would hide the stream from somebody, or lose its start."""
    if type(stream).__module__.partition(".")[0] not in SDKS:
        return True  # a tracer's subclass
    iterator = vars(stream).get("_iterator")
    if iterator is not None and getattr(iterator, "__name__", "") != "__stream__":
        return True  # a tracer has put its own in its place
    response = stream.response
    observer = getattr(getattr(response, "stream", None), "stream_observer", None)
    return observer is not None or bool(getattr(response, "is_stream_consumed", True))


def _proxied(obj: Any) -> set[str]:
    """The SDK's classes that a tracing proxy says to be of, beside its own."""
    return {c.__name__ for c in obj.__class__.__mro__ if c.__module__.partition(".")[0] in SDKS}


def _was_entered(manager: Any) -> bool:
    """The managers keep the stream that they gave in a private `__stream`."""
    return any(
        key.endswith("__stream") and value is not None for key, value in vars(manager).items()
    )


def _adapt_requests(response: Any) -> Source:
    status = response.status_code
    if status >= 400:
        raise _requests_error(response)
    if response._content_consumed:
        raise SourceError(
            "This requests.Response has been read already. Ask for it with "
            "requests.post(…, stream=True), and do not read its .text, .content or .json()."
        )
    content_type = response.headers.get("content-type", "")
    if "text/event-stream" not in content_type.lower():
        error = error_of(response.content) if "json" in content_type else None
        response.close()
        if error is not None:
            raise from_body(error["error"])
        raise SourceError(
            f"This requests.Response is {content_type or 'of no declared type'}, not "
            f"text/event-stream. {_advice_for(content_type)}"
        )
    return RequestsStream(response)


def _requests_error(response: Any) -> ProviderError:
    with response:
        text = response.content[:10_000].decode(errors="replace")
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    detail = f"requests.Response with status {response.status_code} {response.reason}: {text}"
    return from_status(response.status_code, body, response, detail)


def _advice_for(content_type: str) -> str:
    if "ndjson" in content_type:
        return (
            "It is newline-delimited JSON, as Ollama's own /api/chat sends: use the "
            "OpenAI-compatible endpoint of the same server, /v1/chat/completions."
        )
    if "json" in content_type:
        return 'It is a complete answer: put "stream": true into the request\'s JSON body.'
    return "Check that the URL is the streaming endpoint of an Anthropic or OpenAI wire."
