"""Which function reads another library's stream: one of ours, or one that an app has registered."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import FrameType
from typing import Any

from ..errors import SourceError
from ..events import Event
from .names import class_names, with_article


@dataclass(frozen=True, slots=True)
class End:
    """What a reading function may return: how the stream has ended.

    :ivar stop_reason: the provider's own word for why it stopped; None where it has none.
    :ivar message: the model's own turn, as the library takes it back: see `Result.message`.
    :ivar raw_usage: the library's own usage, where it has one: see `Result.raw_usage`.
    """

    stop_reason: str | None = None
    message: Any = None
    raw_usage: Mapping[str, Any] | None = None


def end_of(returned: object) -> End:
    """What a reading function has returned.

    :raises SourceError: it may not return that.
    """
    if returned is None:
        return End()
    if not isinstance(returned, End):
        raise SourceError(
            f"A function below @stream.source returned {returned!r:.80}, "
            f"{with_article(type(returned).__name__)}. What it says it yields; it may return how "
            "the stream has ended: End(stop_reason)."
        )
    if not isinstance(returned.stop_reason, str | None):
        raise SourceError(
            f"A function below @stream.source returned {returned!r:.200}, but its stop_reason must "
            "be the provider's own word, a str, or None."
        )
    return returned


#: Yields what a stream says: `str` and Events, each as it comes.
Read = Callable[[Any], Generator[str | Event, None, End | None]]


def batches_of(
    reading: Generator[Any, None, Any],
    take: Callable[[Iterator[Any]], Any],
    tells_end: Callable[[], bool],
) -> Generator[list[Any], None, None]:
    """What a reading function says, item by item, and at last how the stream has ended.

    :param take: gives the next item of `reading`.
    :param tells_end: whether that end is the stream's own.
    :raises SourceError: it has returned what it may not.
    """
    while True:
        try:
            said = take(reading)
        except StopIteration as stop:
            returned = stop.value
            break
        except GeneratorExit:
            if tells_end():
                raise
            return  # its reader was woken, see `Source._in_turns`
        yield [said]
    if tells_end():
        yield [end_of(returned)]


# Where an object comes from (its class's package, or that of the code that made a generator), and
# our module that knows it. It is imported when such an object comes, and not before.
_OURS = {
    "botocore": "bedrock",
    "cohere": "cohere",
    "google": "google",
    "langchain_core": "langchain",
    "langgraph": "langgraph",
    "llama_index": "llamaindex",
    "ollama": "ollama",
    "agents": "openai_agents",
    "claude_agent_sdk": "claude_agent",
    "pydantic_ai": "pydantic_ai",
    "workflows": "llamaindex",
}
# Whose items are plain dicts and tuples, to be known by their shape.
_OF_SHAPE = ("botocore", "langgraph", "langchain_core")

#: The packages whose exceptions are a provider's, all of them or those of these classes: an agent's
#: has others, too, for the app's mistakes, tools, guards and limits.
ERRORS_OF: dict[str, frozenset[str] | None] = {
    "botocore": None,
    "cohere": None,
    "google.genai": None,
    "llama_index": None,
    "litellm": None,
    "mistralai": None,
    "ollama": None,
    "agents": frozenset({"ModelBehaviorError", "ModelRefusalError", "ModelTimeoutError"}),
    "claude_agent_sdk": frozenset({"ProcessError", "CLIJSONDecodeError", "MessageParseError"}),
    "langchain_core": frozenset({"ModelError", "OutputParserException"}),
    "pydantic_ai": frozenset(
        {"ModelAPIError", "UnexpectedModelBehavior", "FallbackExceptionGroup"}
    ),
}

# The app's own: the latest one first.
_registered: list[tuple[Callable[[Any], bool], Read]] = []


def register(predicate: Callable[[Any], bool], read: Read) -> None:
    """Have `read` read what `predicate` knows, before all that was registered earlier."""
    _registered.insert(0, (predicate, read))


def reader_of(obj: Any, *, is_item: bool = False) -> Read | None:
    """What reads a stream; None where it is not known to be one.

    :param obj: the stream; or its first item, where that alone tells what it is.
    :param is_item: it is that: a dict may be one, which is for Flask where a view returns it.
    """
    for predicate, read in _registered:
        if _is_known(predicate, read, obj):
            return read
    of_shape = _OF_SHAPE if is_item and isinstance(obj, tuple | Mapping) else ()
    for root in (*of_shape, *roots_of(obj)):
        known = _known_as(root)
        found: Read | None = None if known is None else known.reader_of(obj)
        if found is not None:
            return found
    return None


def _is_known(predicate: Callable[[Any], bool], read: Read, obj: Any) -> bool:
    try:
        return bool(predicate(obj))
    except Exception as error:
        raise SourceError(
            f"What @stream.source was given above {getattr(read, '__name__', read)} has raised "
            f"{error!r:.200} for {with_article(type(obj).__name__)}. It is asked with whatever any "
            "view returns, and must say False of what is not its own: "
            "lambda obj: isinstance(obj, acme.Answer)."
        ) from error


def items_of(obj: Any) -> Any:
    """The async stream that an object leads to which only its library knows how to read.

    :returns: an async iterable, which has not begun; None for all other objects.
    """
    for root in roots_of(obj):
        known = _known_as(root)
        if known is not None and hasattr(known, "items_of"):
            return known.items_of(obj)
    return None


def _known_as(root: str) -> Any:
    """Our module for a package; None where there is none."""
    return import_module(f".{_OURS[root]}", __package__) if root in _OURS else None


def roots_of(obj: Any) -> Iterable[str]:
    """The top-level packages that an object comes from, the nearest one first."""
    obj = held_in(obj)
    made = made_in(obj)
    if made:
        return (made.partition(".")[0],)
    return dict.fromkeys(cls.__module__.partition(".")[0] for cls in type(obj).__mro__)


def held_in(obj: Any) -> Any:
    """The stream in boto3's answer, a dict where each operation has it elsewhere; or `obj`."""
    for each in obj.values() if isinstance(obj, Mapping) else ():  # a view's own may have many
        if type(each).__name__ == "EventStream" and class_names(each, "botocore"):
            return each
    return obj


def frame_of(obj: object) -> FrameType | None:
    """The frame of a generator, asynchronous or not, or of a coroutine; None where it is none."""
    for prefix in ("gi", "ag", "cr"):
        frame = getattr(obj, f"{prefix}_frame", None)
        if inspect.isframe(frame):
            return frame
    return None


def has_ended(obj: object) -> bool:
    """Whether it is a generator, asynchronous or not, that gives nothing more; or LiteLLM's stream.

    It was read to its end, or closed: where it was made nobody can tell any more.
    """
    if hasattr(obj, "completion_stream"):
        return getattr(obj, "_closed", False) is True
    return (inspect.isgenerator(obj) and obj.gi_frame is None) or (
        inspect.isasyncgen(obj) and obj.ag_frame is None
    )


def made_in(obj: object) -> str:
    """The module whose code a generator runs; "" where it is none."""
    frame = frame_of(obj)
    return "" if frame is None else str(frame.f_globals.get("__name__", ""))


def made_by(obj: object) -> str:
    """The qualified name of the function that made a generator: `BaseChatModel.stream`, say."""
    for prefix in ("gi", "ag", "cr"):
        code = getattr(obj, f"{prefix}_code", None)
        if inspect.iscode(code):
            return code.co_qualname
    return ""


def made_of(obj: object) -> Mapping[str, Any]:
    """The local variables of a generator: before it begins, what its function was called with."""
    frame = frame_of(obj)
    return {} if frame is None else frame.f_locals


def has_greenlets() -> bool:
    """Whether gevent has put its own in the place of threads: some libraries cannot be run then."""
    monkey: Any = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))
