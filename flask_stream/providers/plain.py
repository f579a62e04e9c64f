"""Iterables of the app's own: `str` and `Event` to Events."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Iterable, Iterator

from ..async_streams import is_async
from ..errors import SourceError
from ..events import VOCABULARY, Done, Event, Failed, Start, Text, Words, from_wire
from . import shapes
from .libraries import reader_of
from .names import class_names, with_article
from .not_streams import discard
from .surrogates import Mender

# A whole frame, hand-written: users come from `yield f"data: {word}\n\n"`.
_FRAME = re.compile(r"(?:(?:data|event|id|retry):[^\r\n]*\r?\n)+\r?\n\Z")


def read(items: Iterable[object]) -> Iterator[list[Event]]:
    """Each item as a batch of its own: the app may take its time before the next one.

    :raises SourceError: an item is neither `str` nor `Event`.
    """
    mender = Mender()
    warned = False
    for item in items:
        if isinstance(item, Event):
            event = own(item)
        elif isinstance(item, str):
            event = Text(item)
            if not warned and _FRAME.match(item):
                warned = True
                _warn_of_frame(item)
        else:
            discard(item)
            raise SourceError(refusal(item))
        yield mender.feed([event])  # also where that is nothing: here the run can end
    if events := mender.end():
        yield events


def _warn_of_frame(item: str) -> None:
    warnings.warn(
        f"A view yielded {item[:40]!r}, which is a server-sent event already. Yield the bare words "
        "instead: Flask-Stream makes the frames, and the page would show this one as text.",
        stacklevel=3,
    )


def own(event: Event) -> Event:
    """An event that an app may yield, and that can be sent.

    :raises SourceError: it is one that Flask-Stream makes itself.
    :raises TypeError: a field is of another type than the class says.
    """
    if isinstance(event, Start | Done | Failed):
        raise SourceError(
            f"A view yielded {type(event).__name__}, which Flask-Stream sends itself, exactly "
            "once a run. To end a run early, return from the generator, or raise "
            "StreamFailed(message) to end it as failed."
        )
    if type(event) not in VOCABULARY:
        _check_subclass(event)
    if isinstance(event, Words):
        if not isinstance(event.text, str):
            raise TypeError(f"{event!r} was yielded, but its text must be a str.")
        return event
    try:
        from_wire(event.kind, event.payload())
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"{event!r:.200} was yielded, but: {error}") from error
    return event


def _check_subclass(event: Event) -> None:
    """One of a class of the app's own: it may know more than ours, but is sent as ours is."""
    base = next((cls for cls in type(event).__mro__ if cls in VOCABULARY), None)
    if base is None or event.kind != getattr(base, "kind", event.kind):
        of = f"a subclass of {base.__name__}" if base is not None else "no event of Flask-Stream's"
        raise SourceError(
            f"A view yielded {event!r:.80}, {of} with a kind of its own. Yield Data(name, value) "
            "for an event of your own."
        )


def refusal(item: object) -> str:
    of_kind = with_article(type(item).__name__)
    if shapes.is_answer_among_items(item):
        return (
            f"A view yielded {of_kind}, a complete answer. To stream it, ask for it with "
            "stream=True, and pass that on with «yield from relay(stream)»; or yield its text."
        )
    if shapes.is_manager(item) or shapes.is_iterated(item):
        return (
            f"A view yielded {of_kind}, a provider's stream. Pass it on with «yield from "
            "relay(stream)», or return the stream itself."
        )
    if shapes.is_item(item) or class_names(item, *shapes.SDKS) or reader_of(item):
        return (
            f"A view yielded {of_kind}, an event of a provider's stream. Pass the stream on with "
            "«yield from relay(stream)», or return the stream itself."
        )
    if isinstance(item, bytes):
        return "A view yielded bytes. Yield str instead: decode them, or yield the words."
    if hasattr(item, "__next__"):
        return f"A view yielded {item!r:.80}, {of_kind}. To yield what it yields: «yield from» it."
    if inspect.iscoroutine(item):
        return (
            f"A view yielded {item!r:.80}, which nobody has awaited. Await it. If it gives an "
            "async client's stream: return it as it is, or «yield from relay(…)» in a plain def "
            "view."
        )
    if is_async(item):
        return (
            f"A view yielded {item!r:.80}, {of_kind}, which is asynchronous. To yield what it "
            "yields: «async for» in an async def view, «yield from bridge(…)» in another; or "
            "return it."
        )
    if item is None:
        return (
            "A view yielded None. In a loop over a provider's stream, write «yield "
            'delta.content or ""», or «yield from relay(stream)» in place of the loop.'
        )
    advice = "yield Data(name, value) for an event of your own"
    if _is_content(item):
        advice = "it is a message's content, so yield its text, or return the library's stream"
    elif not isinstance(item, dict | list):
        advice = f"yield str(value) for its text, or {advice}"
    if type(item).__module__ != "builtins":
        advice += "; or have @stream.source say how its library's stream is read"
    return f"A view yielded {item!r:.80}, {of_kind}. Only str and Event can be streamed: {advice}."


def _is_content(item: object) -> bool:
    """Whether it is the list of parts that some libraries have where others have text."""
    return isinstance(item, list) and bool(item) and isinstance(item[0], dict) and "type" in item[0]
