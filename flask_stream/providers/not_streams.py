"""What is no provider's stream: what to say of it, and its connection closed."""

from __future__ import annotations

from contextlib import suppress

from .names import with_article
from .shapes import is_langchains

CLOSED = (
    "What this view returned reads a stream that is closed: it was read to its end, or a with "
    "block that has ended closed it. Return the stream itself, unread and outside of a with "
    "block; or make the view a generator, and yield inside of the block."
)


def no_stream(obj: object, first: object = None) -> str:
    """What to say of `obj` that `relay` was given, and of its first item."""
    told = f"relay() was given {with_article(type(obj).__name__)}, which is no provider's stream. "
    if is_langchains(first):
        kind = with_article(type(first).__name__)
        return told + f"It gives {kind}, one of LangChain's messages: «yield chunk.text» of each."
    return told + (
        "It takes what client.messages.create(stream=True) and its like return; what is your own "
        "you can yield as it is (text, events), or «yield from» (another generator)."
    )


def discard(obj: object) -> None:
    """Close what is refused: a stream that nobody reads would keep its connection for ever."""
    close = getattr(obj, "close", None)
    if close is not None:
        with suppress(Exception):
            close()
