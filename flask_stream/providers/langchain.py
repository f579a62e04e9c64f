"""LangChain: a chat model's stream, a chain's, and `astream_events` (langchain_core 1.8)."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Any

from ..errors import SourceError
from ..events import Data, Event
from .langchain_errors import of_the_model
from .langchain_messages import Messages, is_message, made_by_node, messages_in
from .libraries import End, Read, made_by, made_in
from .names import class_names, with_article
from .turn import only_text

_EVENTS = "astream_events"  # in the names of the functions that make generators of them
_ENDS = ("on_chat_model_end", "on_tool_end")


def reader_of(obj: Any) -> Read | None:
    """:param obj: a generator of theirs, or one of its items.

    :raises SourceError: it is a model, a chain or the like, and nobody has asked it.
    """
    if made_in(obj):
        return read_events if _EVENTS in made_by(obj) else read
    if isinstance(obj, Mapping):
        return read_events if is_event(obj) else None
    refuse(obj)
    return read if is_message(obj) else None


def refuse(obj: Any) -> None:
    """:raises SourceError: `obj` is what is asked for a stream, or one of the third version."""
    kind = with_article(type(obj).__name__)
    if class_names(obj, "langchain_core") & {"Runnable", "RunnableSerializable"}:
        raise SourceError(
            f"A view returned {kind}, which nobody has asked yet. Return what its stream() gives: "
            "model.stream(messages), chain.stream(input), graph.stream(input, "
            'stream_mode=["messages", "updates"]).'
        )
    if "_ChatModelStreamBase" in class_names(obj, "langchain_core"):
        raise SourceError(
            f"A view returned {kind}, which stream_events(version='v3') gives. Return what "
            "model.stream(messages) or model.astream(messages) gives."
        )


def is_event(obj: Mapping[Any, Any]) -> bool:
    """Whether it is one of `astream_events`, by its shape."""
    return isinstance(obj.get("event"), str) and {"run_id", "name", "data"} <= obj.keys()


def read(stream: Iterable[Any]) -> Generator[str | Event, None, End]:
    """The chunks of a model, or what a chain makes of them: text or messages.

    :raises ProviderError: the answer is not whole.
    :raises SourceError: a chain gives something else.
    """
    messages = Messages(keep=True)
    for item in of_the_model(stream):
        if isinstance(item, str):
            yield item
        elif is_message(item):
            yield from messages.chunk(item)
        elif isinstance(item, Event):
            yield item
        else:
            raise SourceError(
                f"A chain gave {with_article(type(item).__name__)}, which is neither text nor a "
                "message. End the chain with StrOutputParser(); or make the view a generator that "
                "takes the chain's pieces, and yields the text in each, or "
                "Data(name, value)."
            )
    yield from messages.end()
    return End(messages.stop_reason, messages.message, messages.raw_usage)


def read_events(stream: Iterable[Any]) -> Generator[str | Event, None, End]:
    """The events of `astream_events`.

    :raises ProviderError: the answer is not whole.
    """
    messages = Messages()
    for item in of_the_model(stream):
        if isinstance(item, Mapping):
            yield from _said(item, messages)
    yield from messages.end()
    return End(messages.stop_reason, raw_usage=messages.raw_usage)


def _said(item: Mapping[str, Any], messages: Messages) -> Iterator[str | Event]:
    kind, data = item.get("event"), item.get("data")
    value = data.get("chunk", data.get("output")) if isinstance(data, Mapping) else None
    if kind == "on_custom_event":
        yield custom(data, str(item.get("name")))
    elif kind == "on_chat_model_stream" and is_message(value):
        yield from messages.chunk(value, item.get("run_id"))
    elif kind == "on_llm_stream":  # no chat model's
        yield from messages.words(_text_of(value), item.get("run_id"))
    elif kind == "on_llm_end":
        yield from messages.whole_words(_text_of(_generated(value)), item.get("run_id"))
    elif kind in _ENDS:
        for message in messages_in(_generated(value)):
            yield from messages.whole(message)
    elif kind == "on_chain_start" and _is_node(item):
        for message in messages_in(data.get("input") if isinstance(data, Mapping) else None):
            messages.know(message)
    elif kind == "on_chain_end" and _is_node(item):
        for message in made_by_node(value, messages.is_known):
            yield from messages.whole(message)
    elif kind == "on_chain_stream" and not item.get("parent_ids"):
        yield from interrupts(value)


def _text_of(chunk: Any) -> str:
    return only_text(chunk if isinstance(chunk, str) else getattr(chunk, "text", None))


def _generated(output: Any) -> Any:
    """What a model has given in one piece, where it comes as LangChain's callbacks have it."""
    if not isinstance(output, Mapping) or "generations" not in output:
        return output
    first: Any = next((each for answers in output["generations"] for each in answers), {})
    return first.get("message") or first.get("text")


def _is_node(item: Mapping[str, Any]) -> bool:
    """Whether an event is of one of LangGraph's nodes, and not of what that calls."""
    about = item.get("metadata")
    return isinstance(about, Mapping) and about.get("langgraph_node") == item.get("name")


def custom(value: Any, name: str = "custom") -> str | Event:
    """What an app's own code says in the midst of a stream."""
    return value if isinstance(value, str | Event) else Data(name, value)


def interrupts(update: Any) -> Iterator[Data]:
    """A graph waits for somebody: LangGraph's `__interrupt__`."""
    waiting = update.get("__interrupt__") if isinstance(update, Mapping) else None
    for each in waiting if isinstance(waiting, tuple | list) else ():
        yield Data("interrupt", {"id": getattr(each, "id", None), "value": each.value})
