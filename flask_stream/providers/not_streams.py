"""What is no provider's stream: what to say of it, and its connection closed."""

from __future__ import annotations

import inspect
from contextlib import suppress

from ..event_loop import loop_thread
from .names import with_article

CLOSED = (
    "What this view returned reads a stream that is closed: it was read to its end, or a with "
    "block that has ended closed it. Return the stream itself, unread and outside of a with "
    "block; or make the view a generator, and yield inside of the block."
)

ANOTHER = (
    "A generator went on to pass on a provider's events behind the end of an answer. It can pass "
    "on the items of one stream. For several, write «yield from relay(stream)» for each."
)


def no_stream(obj: object, first: object = None) -> str:
    """What to say of `obj` that `relay` was given, and of its first item."""
    told = f"relay() was given {with_article(type(obj).__name__)}, which is no provider's stream. "
    if first is not None:
        told += f"It gives {with_article(type(first).__name__)}. "
    return told + (
        "It takes what client.messages.create(stream=True) and its like return; what is your own "
        "you can yield as it is (text, events), or «yield from» (another generator, a channel, "
        "bridge(…) of an async one). Of a library that is not known, @stream.source says how its "
        "stream is read."
    )


def discard(obj: object) -> None:
    """Close what is refused: a stream that nobody reads would keep its connection for ever."""
    if inspect.iscoroutine(obj):  # it would warn that nobody has awaited it
        if inspect.getcoroutinestate(obj) == inspect.CORO_CREATED:
            obj.close()
        return
    close = getattr(obj, "close", None)
    if close is not None:
        with suppress(Exception):
            closing = close()
            if inspect.iscoroutine(closing):
                loop_thread().see_to(closing)
    elif hasattr(obj, "__aenter__"):  # an SDK's manager keeps the coroutine that would ask
        for held in [*getattr(obj, "__dict__", {}).values()]:
            if inspect.iscoroutine(held):
                discard(held)
