"""An async stream, and what gives one: known, named, opened and closed."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from .errors import SourceError
from .providers.names import with_article


def is_async(obj: object) -> bool:
    """Whether only async code can read `obj`, or what it gives."""
    if hasattr(obj, "__iter__") or hasattr(obj, "__enter__"):
        return False
    return hasattr(obj, "__aiter__") or hasattr(obj, "__aenter__") or inspect.isawaitable(obj)


def name_of(stream: Any) -> str:
    """What the log calls it."""
    return str(getattr(stream, "__qualname__", type(stream).__qualname__))


async def given_by(stream: Any, stack: AsyncExitStack) -> Any:
    """What a context manager, or a coroutine, gives."""
    if hasattr(stream, "__aenter__"):
        given = await stack.enter_async_context(stream)
        if given is stream:  # a client, say: it would be entered for ever
            kind = with_article(type(stream).__name__)
            raise SourceError(
                f"The async context manager {kind} gives itself, which is no async stream. Give "
                "what its method for streaming gives."
            )
        return given
    if inspect.isawaitable(stream):
        return await stream
    raise SourceError(
        f"A coroutine, or an async context manager, gave {with_article(type(stream).__name__)}, "
        "which is no async stream. Let it give an async iterable."
    )


def close_at_end(stream: Any, stack: AsyncExitStack) -> None:
    """Have it closed as the stack is."""
    close: Callable[[], Any] | None = getattr(stream, "aclose", None)
    if close is None and inspect.iscoroutinefunction(getattr(stream, "close", None)):
        close = stream.close
    if close is not None:
        stack.push_async_callback(close)
