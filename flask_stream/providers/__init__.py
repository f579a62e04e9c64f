"""From what a view may return to Events: `adapt` tells what it is, `relay` reads it."""

from __future__ import annotations

import inspect
import json
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import chain
from typing import Any

from ..errors import (
    ProviderError,
    SourceError,
    class_names,
    from_body,
    from_exception,
    from_status,
)
from ..events import FLUSH, Event, Failed, Meta, Usage
from ..result import Result
from . import anthropic, openai_chat, openai_responses, plain
from .over_requests import RequestsStream
from .source import Source, reader
from .surrogates import mended
from .turn import DONE, JSON, Turn
from .wire import SDKS, SDKItems, SDKManager, SDKStream, discard, error_of, response_of

__all__ = ["Source", "adapt", "plain", "reader", "relay", "relay_source"]

_READERS: dict[str, Callable[[Iterable[JSON], Turn], Iterator[Event]]] = {
    "anthropic": anthropic.read,
    "openai_chat": openai_chat.read,
    "openai_responses": openai_responses.read,
}
_PROVIDER = {"anthropic": "anthropic", "openai_chat": "openai", "openai_responses": "openai"}

_HELPERS = {"MessageStream", "BetaMessageStream", "ChatCompletionStream", "ResponseStream"}
_MANAGERS = {f"{name}Manager" for name in _HELPERS}
_ANSWERS = {"Message", "BetaMessage", "ChatCompletion", "Response", "Completion"}


def relay(stream: Any, *, wire: str | None = None) -> Generator[Event, None, Result]:
    """Pass a provider's stream on, event by event, and give back its `Result`.

    ``result = yield from relay(claude.messages.create(…, stream=True))`` in a generator view.

    :param stream: what a view may return as a provider's stream (an SDK's stream, helper
        stream or `.stream()` manager, or a streaming ``requests.Response``).
    :param wire: "anthropic", "openai_chat" or "openai_responses", for an endpoint whose first
        event does not tell.
    :raises SourceError: `stream` is something else; the message says what to do.
    :raises ProviderError: the provider failed; its ``result`` has what came so far.
    """
    if wire is not None and wire not in _READERS:
        discard(stream)
        raise ValueError(f"wire is {wire!r}, but it must be one of: {', '.join(_READERS)}.")
    source = adapt(stream)
    if source is None:
        raise SourceError(
            f"relay() was given a {type(stream).__name__}, which is no provider's stream. It "
            "takes what client.messages.create(stream=True) and its like return; what is your "
            "own you can yield as it is (text, events), or «yield from» (another generator)."
        )
    if wire is not None:
        source.wire = wire
    return relay_source(source)


def relay_source(source: Source) -> Generator[Event, None, Result]:
    """`relay` for a source that is known already."""
    step, turn = Result(), Turn()
    announce = reader.get()
    if announce is not None:
        announce(source)
    try:
        _open(source, step)
        yield Meta(source.provider, step=step)
        source.asked_at = time.monotonic()
        for event in mended(_read(source, turn)):
            asked_at, source.asked_at = source.asked_at, None
            if isinstance(event, Usage):
                step.usage = event
            step.add(event)
            yield event
            source.asked_at = asked_at if event is FLUSH else time.monotonic()
        if source.cancelled and turn.error is None and not turn.complete:
            yield FLUSH  # whoever cancelled it closes this generator here
        _settle(step, turn)
        if not source.joins:  # the run does it otherwise, after it has sent `done`
            source.finish()
        error = turn.error
        if error is None and not turn.complete:
            error = ProviderError("truncated", detail="the stream ended without its end mark")
        if error is None:
            step.outcome = "complete"
            return step
        raise _failed(step, error)
    except GeneratorExit:
        step.outcome = "disconnected"
        raise
    finally:
        _settle(step, turn)
        if not source.joins or step.outcome != "complete":
            source.close()


def _open(source: Source, step: Result) -> None:
    try:
        source.open()
    except Exception as error:
        told = from_exception(error)
        if told is None:
            raise
        raise _failed(step, told) from error


def _failed(step: Result, error: ProviderError) -> ProviderError:
    """`error`, with what came before it."""
    step.outcome = "failed"
    step.error = Failed(error.error_code, error.message, error.retryable)
    error.result = step
    return error


def _settle(step: Result, turn: Turn) -> None:
    step.message, step.usage, step.raw_usage = turn.message, turn.usage, turn.raw_usage
    step.stop_reason, step.provider_stop_reason = turn.stop_reason, turn.provider_stop_reason


def _read(source: Source, turn: Turn) -> Iterator[Event]:
    """The events of a source, by the reader that its first dict, or its kind, calls for."""
    dicts = source.dicts(turn)
    before: list[JSON] = []
    if source.wire is None:
        for d in dicts:
            before.append(d)
            source.wire = wire_of(d, source.provider)
            if source.wire is not None:
                break
        else:
            return
    source.provider = source.provider or _PROVIDER[source.wire]
    yield from _READERS[source.wire](chain(before, dicts), turn)


def wire_of(d: JSON, provider: str | None) -> str | None:
    """The wire that a stream's first dict belongs to; None where it does not tell."""
    if d is DONE:
        return "openai_chat"
    kind = d.get("type")
    if isinstance(kind, str):
        if kind.startswith("response."):
            return "openai_responses"
        if kind == "error":  # Responses' is numbered, or flat
            nested = "error" in d and "sequence_number" not in d
            return "anthropic" if nested and provider != "openai" else "openai_responses"
        if kind in ("message_start", "ping") or kind.startswith("content_block"):
            return "anthropic"
    if "choices" in d or "error" in d or d.get("object") in ("chat.completion.chunk", "error"):
        return "openai_chat"
    return None


# -- what a view may return -------------------------------------------------------------


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
