"""`relay`: a provider's stream as Events, and the Result that they add up to."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import chain
from typing import Any

from ..errors import ProviderError, TooLong
from ..events import FLUSH, Event, Failed, Meta, Reasoning, Text, Usage
from ..result import Result
from . import anthropic, openai_chat, openai_responses
from .adapt import adapt_relayed
from .errors import from_exception
from .failures import failure_of
from .refused import discard
from .relays import Relays, bounds, relays
from .source import Source
from .surrogates import mended
from .turn import DONE, JSON, Turn

_READERS: dict[str, Callable[[Iterable[JSON], Turn], Iterator[Event]]] = {
    "anthropic": anthropic.read,
    "openai_chat": openai_chat.read,
    "openai_responses": openai_responses.read,
}
_PROVIDER = {"anthropic": "anthropic", "openai_chat": "openai", "openai_responses": "openai"}


_MOST_WORD = 200  # characters


def relay(stream: Any, *, wire: str | None = None) -> Generator[Event, None, Result]:
    """Pass a provider's stream on, event by event, and give back its `Result`.

    ``result = yield from relay(claude.messages.create(…, stream=True))`` in a generator view.

    :param stream: what a view may return as a provider's stream (an SDK's stream, helper
        stream or `.stream()` manager, what a tracing tool made of it, or a ``requests.Response``
        or ``httpx.Response`` that is being streamed).
    :param wire: "anthropic", "openai_chat" or "openai_responses", for an endpoint whose first
        event does not tell.
    :raises SourceError: `stream` is something else; the message says what to do.
    :raises ProviderError: the provider failed; its ``result`` has what came so far.
    """
    if wire is not None and wire not in _READERS:
        discard(stream)
        raise ValueError(f"wire is {wire!r}, but it must be one of: {', '.join(_READERS)}.")
    source = adapt_relayed(stream)
    if wire is not None:
        source.wire = wire
    return relay_source(source)


def relay_source(source: Source) -> Generator[Event, None, Result]:
    """`relay` for a source that is known already."""
    among = relays.get()
    if among is not None:
        among.expect(source)
    return _relayed(source)


def _relayed(source: Source) -> Generator[Event, None, Result]:
    step, turn = Result(), Turn()
    among = relays.get()
    source.begun = True
    if among is not None:
        among.begin(source, step)
    try:
        _stop_here(among)  # before a manager is entered, which would ask the provider
        _open(source, step)
        yield Meta(source.provider)
        source.asked_at = time.monotonic()
        for event in _told(source, turn, step, among):
            asked_at, source.asked_at = source.asked_at, None
            yield event
            source.asked_at = asked_at if event is FLUSH else time.monotonic()
        _settle(step, turn)
        error = turn.error
        if error is None and not turn.complete:
            if source.cancelled:
                _stop_here(among)
            error = ProviderError("truncated", detail="the stream ended without its end mark")
        if error is not None:
            error = _failed(step, error)
        else:
            step.outcome = "complete"
        if not source.joins:  # the run does it otherwise, after it has sent `done`
            source.finish()
            _stop_here(among)  # whatever comes behind it in the app's generator
        if error is not None:
            raise error
        return step
    except GeneratorExit:
        step.outcome = step.outcome or "disconnected"
        raise
    except TooLong as error:
        step.outcome = "failed"
        step.error = Failed(error.error_code, error.message)
        raise
    finally:
        _settle(step, turn)
        if among is not None:
            among.end(step)
        if not source.joins or step.outcome != "complete":
            source.close()


def _stop_here(among: Relays | None) -> None:
    """End the app's generator where it stands, if its reader has left, or its time is up.

    By the one exception that no fallback of its catches: nobody is to buy tokens for nobody.
    """
    if among is not None and among.stopped:
        among.cut_short = True
        raise GeneratorExit


def _told(source: Source, turn: Turn, step: Result, among: Relays | None) -> Iterator[Event]:
    """The events of a source, added up; its first words set off from an earlier stream's."""
    begun: set[str] = set()
    most = bounds().characters
    for event in mended(_read(source, turn)):
        step.add(event, most)  # an app may keep all of it to itself
        if isinstance(event, Usage):
            step.usage = event
        elif among is not None and isinstance(event, Text | Reasoning) and event.kind not in begun:
            begun.add(event.kind)
            gap = among.gap(event.kind, event.text)
            if gap:
                event = type(event)(gap + event.text)
        yield event


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
    step.stop_reason = turn.stop_reason
    word = turn.provider_stop_reason  # which the page and the log get as it is
    step.provider_stop_reason = word if word is None else word[:_MOST_WORD]


def _read(source: Source, turn: Turn) -> Iterator[Event]:
    """The events of a source, by the reader that its first dict, or its kind, calls for."""
    dicts = source.dicts(turn)
    before: list[JSON] = []
    if source.wire is None:
        for d in dicts:
            turn.keep(d)
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
    if "choices" in d or d.get("object") == "chat.completion.chunk" or failure_of(d) is not None:
        return "openai_chat"
    return None
