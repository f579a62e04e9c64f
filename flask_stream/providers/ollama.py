"""Ollama's client: what `chat(…, stream=True)` and `generate(…, stream=True)` give (ollama 0.6).

Each item is one line of its answer: a piece of the text, the thinking or a call, and the last
one has `done`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any

from ..errors import ProviderError, SourceError
from ..events import Event, Meta, Reasoning, Text, Usage
from .libraries import End, Read, made_in
from .names import class_names, with_article
from .tool_calls import call_of
from .turn import count
from .under_way import numbers

_ITEMS = {"ChatResponse", "GenerateResponse"}


def reader_of(obj: Any) -> Read | None:
    """:param obj: the client's generator, or one of its items."""
    is_ollamas = made_in(obj) or class_names(obj, "ollama") & _ITEMS
    return read if is_ollamas else None


def read(stream: Iterable[Any]) -> Generator[Event, None, End]:
    """:raises ProviderError: the answer ended before its last line.

    :raises SourceError: the stream is no answer's, but tells of a model that is fetched, say.
    """
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[Any] = []
    ids = numbers("", 1)  # it has none
    model: str | None = None
    for item in stream:
        if not class_names(item, "ollama") & _ITEMS:
            raise SourceError(
                "A view returned a stream of Ollama's that gives "
                f"{with_article(type(item).__name__)}, and no answer. Return what "
                "chat(stream=True) or generate(stream=True) gives; or read it in the view, and "
                "yield Data(name, value) for what it tells."
            )
        if item.model and item.model != model:
            model = item.model
            yield Meta("ollama", model)
        said = getattr(item, "message", item)  # generate's item has its fields itself
        if thinking := getattr(said, "thinking", None):
            thoughts.append(thinking)
            yield Reasoning(thinking)
        if text := getattr(said, "content", None) or getattr(item, "response", None):
            texts.append(text)
            yield Text(text)
        for call in getattr(said, "tool_calls", None) or ():
            calls.append(call)
            asked = call.function
            yield call_of(str(next(ids)), asked.name, dict(asked.arguments))
        if item.done:
            raw = _usage(item)
            yield Usage(count(raw, "prompt_eval_count"), count(raw, "eval_count"))
            is_chat = hasattr(item, "message")
            message = _message(texts, thoughts, calls) if is_chat else None
            return End(item.done_reason, message, raw)
    raise ProviderError("truncated", detail="Ollama's answer ended before a line with done")


def _usage(item: Any) -> dict[str, Any]:
    names = ("prompt_eval_count", "eval_count", "total_duration", "eval_duration")
    return {name: getattr(item, name) for name in names if getattr(item, name, None) is not None}


def _message(texts: list[str], thoughts: list[str], calls: list[Any]) -> dict[str, Any]:
    """The turn, for the next request's `messages`."""
    message: dict[str, Any] = {"role": "assistant", "content": "".join(texts)}
    if thoughts:
        message["thinking"] = "".join(thoughts)
    if calls:
        message["tool_calls"] = [call.model_dump(exclude_none=True) for call in calls]
    return message
