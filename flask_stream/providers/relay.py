"""`relay`: a provider's stream as Events, and the Result that they add up to.

Which wire it is, and which reader reads that, is known here.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from typing import Any

from ..errors import ProviderError, TooLong
from ..events import JSON, Event, Failed, Meta, Reasoning, Step, Text
from ..giving_way import give_way
from ..result import Result
from .adapt import adapt_relayed
from .anthropic import AnthropicReader
from .error_fields import failure_of
from .errors import from_exception
from .events_reader import EventsReader
from .library_errors import from_answer
from .mistral_conversations import KINDS, ConversationReader
from .not_streams import discard
from .openai_chat import ChatReader
from .openai_responses import ResponsesReader
from .reader import Reader
from .source import Source
from .surrogates import Mender
from .turn import DONE, Turn
from .under_way import Relays, bounds, current_relays

_READERS: dict[str, type[Reader]] = {
    "anthropic": AnthropicReader,
    "openai_chat": ChatReader,
    "openai_responses": ResponsesReader,
}
# Besides, what only one SDK gives; and what is no wire, but read by a library's own function.
_OF_KIND: dict[str, type[Reader]] = {
    **_READERS,
    "mistral_conversations": ConversationReader,
    "events": EventsReader,
}
_PROVIDER = {"anthropic": "anthropic", "openai_chat": "openai", "openai_responses": "openai"}

Batches = Generator[list[Event], None, Result]

_MOST_WORD = 200  # characters


def relay(
    stream: Any, *, wire: str | None = None, partial: bool = False
) -> Generator[Event, None, Result]:
    """Pass a provider's stream on, event by event, and give back its `Result`.

    ``result = yield from relay(claude.messages.create(…, stream=True))`` in a generator view. A
    `Step` comes first, then a `Meta`, both before anything is read.

    :param stream: what a view may return as a provider's stream (an SDK's stream, helper
        stream or `.stream()` manager, what a tracing tool made of it, or a ``requests.Response``
        or ``httpx.Response`` that is being streamed); also an async client's, or the coroutine
        or async context manager that gives one.
    :param wire: "anthropic", "openai_chat" or "openai_responses", for an endpoint whose first
        event does not tell.
    :param partial: have `ToolCallDelta.partial` say what is whole of a call's arguments by now, as
        `@stream.response(partial=True)` does for all streams of a route.
    :raises SourceError: `stream` is something else; the message says what to do.
    :raises ProviderError: the provider failed; its ``result`` has what came so far.
    """
    if wire is not None and wire not in _READERS:
        discard(stream)
        raise ValueError(f"wire is {wire!r}, but it must be one of: {', '.join(_READERS)}.")
    source = adapt_relayed(stream)
    if wire is not None and source.wire != "events":  # a library's is read by its own function
        source.wire = wire
    return relay_source(source, partial=partial)


def relay_source(source: Source, *, partial: bool = False) -> Generator[Event, None, Result]:
    """`relay` for a source that is known already."""
    return _one_by_one(relay_batches(source, partial=partial))


def relay_batches(source: Source, *, partial: bool = False, reads_rest: bool = True) -> Batches:
    """The events of a source, a batch at a time (see `batches`).

    :param partial: as of `relay`.
    :param reads_rest: of the body, behind the provider's last word, before this ends, so that
        the connection can be used again. Without, whoever has read a whole answer calls
        `source.read_rest()`, which does it: once that word has been passed on.
    :raises ProviderError: as `relay`.
    """
    among = current_relays.get()
    if among is not None:
        among.expect(source)
    return _batches(source, partial, reads_rest)


def _one_by_one(batches: Batches) -> Generator[Event, None, Result]:
    """For an app's generator, which may say something of its own between any two events."""
    among = current_relays.get()
    begun: set[str] = set()
    try:
        while True:
            try:
                events = next(batches)
            except StopIteration as end:
                result: Result = end.value
                return result
            for event in events:
                if isinstance(event, Text | Reasoning) and event.kind not in begun:
                    begun.add(event.kind)
                    gap = among.gap(event.kind, event.text) if among is not None else ""
                    yield type(event)(gap + event.text) if gap else event
                else:
                    yield event
                _stop_here(among)  # the app may have taken its time
    finally:
        batches.close()


def _batches(source: Source, partial: bool, reads_rest: bool) -> Batches:
    step, turn = Result(), Turn()
    among = current_relays.get()
    partials = None
    if partial or (among is not None and among.partial):
        from .partial import Partials  # loaded where it is asked for: most apps never do

        partials = Partials()
    source.begun = True
    if among is not None:
        among.begin(source, step)
    try:
        _stop_here(among)  # before a manager is entered, which would ask the provider
        _open(source, step)
        yield [Step(), Meta(source.provider)]
        most = bounds().characters
        try:
            source.asked_at = time.monotonic()
            for events in _told(source, turn, step):
                if partials is not None:
                    events = partials.feed(events)
                fitting = step.add(events, most)  # an app may keep all of it to itself
                source.asked_at = None
                yield fitting
                if len(fitting) < len(events):
                    raise TooLong(most)
                source.asked_at = time.monotonic()
        finally:
            source.asked_at = None  # what is still to be done is not the provider's to hurry
        error = _failure(source, step, turn, among)
        if reads_rest:
            source.read_rest()
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
        if reads_rest or step.outcome != "complete":
            source.close()


def _stop_here(among: Relays | None) -> None:
    if among is not None:
        among.stop_here()


def _open(source: Source, step: Result) -> None:
    try:
        source.open()
    except Exception as error:
        told = from_exception(error) or from_answer(error)
        if told is None:
            raise
        raise _failed(step, told) from error


def _failure(
    source: Source, step: Result, turn: Turn, among: Relays | None
) -> ProviderError | None:
    """Why a stream that has come to its end is no whole answer; None where it is one."""
    _settle(step, turn)
    error = turn.error
    if error is None and not turn.complete:
        if source.cancelled:
            _stop_here(among)
        error = ProviderError("truncated", detail="the stream ended without its end mark")
    if error is not None:
        return _failed(step, error)
    step.outcome = "complete"
    return None


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


def _told(source: Source, turn: Turn, step: Result) -> Iterator[list[Event]]:
    """What the reader that the source's kind, or its first dict, calls for makes of each batch."""
    mender = Mender()
    reader: Reader | None = None
    early: list[JSON] = []  # before the dict that tells which reader
    try:
        for dicts in source.batches(turn):
            if reader is not None:
                told = reader.feed(dicts)
            else:
                at = _telling(source, dicts, turn)
                early += dicts[:at]
                if source.wire is None:
                    continue
                source.provider = source.provider or _PROVIDER.get(source.wire)
                reader = _OF_KIND[source.wire](turn)
                told = _beginning(reader, early, dicts[at:])
            if events := mender.feed(told):
                yield events
        if reader is not None:
            events = [*mender.feed(reader.end()), *mender.end()]
            step.usage = turn.usage
            if events:
                yield events
    finally:
        if reader is not None:
            reader.settle()


def _telling(source: Source, dicts: list[JSON], turn: Turn) -> int:
    """The place of the dict from which the source's wire is known; behind the last one if none."""
    if source.wire is not None:
        return 0
    for at, d in enumerate(dicts):
        turn.keep(d)  # which waits until one tells
        source.wire = wire_of(d, source.provider)
        if source.wire is not None:
            return at
    return len(dicts)


# Of the early dicts, before others have their turns: there may be a million.
_DICTS_AT_ONCE = 100


def _beginning(reader: Reader, early: list[JSON], dicts: list[JSON]) -> list[Event]:
    """The first events. An end mark among the early dicts marks no answer's end: none had begun."""
    told: list[Event] = []
    for at in range(0, len(early), _DICTS_AT_ONCE):
        give_way()
        told += reader.feed(early[at : at + _DICTS_AT_ONCE])
        if reader.turn.ended:
            break
    reader.turn.complete = False
    return told if reader.turn.ended else told + reader.feed(dicts)


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
        if kind.startswith(KINDS):
            return "mistral_conversations"
    if "choices" in d or d.get("object") == "chat.completion.chunk" or failure_of(d) is not None:
        return "openai_chat"
    return None
