"""What an SDK's objects are, by the names of their classes and by their shape.

No SDK is imported, and those that are made like OpenAI's and Anthropic's (Groq's, Together's,
Mistral's, Cerebras') are known without being listed.
"""

from __future__ import annotations

import inspect
import types
from typing import Any

from .names import class_names

SDKS = ("anthropic", "openai")

_HELPERS = {"MessageStream", "BetaMessageStream", "ChatCompletionStream", "ResponseStream"}
_HELPERS |= {"AsyncMessageStream", "BetaAsyncMessageStream", "AsyncChatCompletionStream"}
_HELPERS |= {"AsyncResponseStream"}
_MANAGERS = {f"{name}Manager" for name in _HELPERS}
# The second of each is Mistral's.
_STREAMS = {"Stream", "EventStream", "AsyncStream", "EventStreamAsync"}
_ANSWERS = {"Message", "BetaMessage", "ChatCompletion", "Response", "Completion"}
_MISTRALS = {"ConversationResponse"}  # whose object is only "conversation.response"
# The items of OpenAI's older completions are of the answer's class.
_ANSWERS_AMONG_ITEMS = _ANSWERS - {"Completion"}

# Where an SDK's helper, and LiteLLM's wrapper, keep the stream that they read.
_INNER = ("_raw_stream", "completion_stream")
_ASYNC_CALLS = ("acompletion", "atext_completion")
_OTHER_TYPES = ("vnd.amazon.eventstream", "ndjson", "jsonl")

# The methods by which an SDK's stream is read.
_READING = ("__iter__", "__next__", "__aiter__", "__anext__", "__stream__", "_iter_events")


def sdk_of(obj: object) -> str | None:
    """ "anthropic" or "openai": whose object it is, by its class's module."""
    for name in SDKS:
        if class_names(obj, name):
            return name
    return None


def response_of(stream: object) -> Any:
    """The HTTP response below an SDK's stream; its helpers keep it private."""
    for name in ("response", "_response"):
        response = getattr(stream, name, None)
        if _is_response(response):
            return response
    inner = getattr(stream, "completion_stream", None)  # LiteLLM's, around one of OpenAI's SDK
    return response_of(inner) if inner is not None else None


def content_of(response: Any) -> bytes | None:
    """An httpx response's whole body, unpacked, where somebody has read it; else None.

    The mock transports of people's tests do that, and what was read so can be read again.
    """
    try:
        content: bytes = response.content
    except Exception:  # httpx's ResponseNotRead
        return None
    return content


def _is_response(obj: object) -> bool:
    """Whether `obj` is made like an httpx response. Without `vars`, of which proxies have none."""
    return all(hasattr(obj, name) for name in ("iter_bytes", "is_closed", "is_stream_consumed"))


def is_async_response(obj: object) -> bool:
    """Whether `obj` is a response of an async client's that nobody has read to its end."""
    if not _is_response(obj):  # else its `stream` may be anybody's, and anything
        return False
    body = getattr(obj, "stream", None)
    return hasattr(body, "__aiter__") and not hasattr(body, "__iter__")


def is_async_wrapper(obj: object) -> bool:
    """Whether it is a stream of LiteLLM's that only async code can read.

    Its class says that it is both; what it was made by tells.
    """
    if not hasattr(obj, "completion_stream"):
        return False
    return getattr(getattr(obj, "logging_obj", None), "call_type", None) in _ASYNC_CALLS


def is_made_up(stream: object, first: object) -> bool:
    """Whether LiteLLM has made the first item: it says «stop» where its provider has said nothing.

    :param stream: whose first item it is.
    """
    if getattr(stream, "received_finish_reason", "") is not None or getattr(
        stream, "is_mock", False
    ):
        return False
    choices = getattr(first, "choices", None) or ()
    return any(getattr(choice, "finish_reason", None) for choice in choices)


def is_manager(obj: object) -> bool:
    """What `.stream()` gives, to be entered; also in a tracer's proxy."""
    return bool((class_names(obj, *SDKS) | _proxied(obj)) & _MANAGERS)


def is_stream(obj: object) -> bool:
    """What an SDK's `create(stream=True)` gives."""
    return _stream_class(obj) is not None and response_of(obj) is not None


def is_iterated(obj: object) -> bool:
    """An SDK's stream, or what a manager gives when it is entered; also in a tracer's proxy."""
    proxied = _proxied(obj)
    is_helper = (class_names(obj, *SDKS) | proxied) & _HELPERS
    return is_stream(obj) or bool(is_helper) or bool({"Stream", "AsyncStream"} & proxied)


def is_streamed(obj: object) -> bool:
    """Anything of a provider's that is read as it comes, and has to be closed."""
    return is_iterated(obj) or _is_response(obj) or "Response" in class_names(obj, "requests")


def is_answer(obj: object) -> bool:
    """Whether `obj` is a complete, non-streamed answer."""
    if not hasattr(obj, "model_dump"):
        return False
    if class_names(obj, *SDKS) & _ANSWERS or class_names(obj, "mistralai") & _MISTRALS:
        return True
    kind = getattr(obj, "object", None) or getattr(obj, "type", None)
    return kind in ("chat.completion", "response", "message")


def is_answer_among_items(obj: object) -> bool:
    """The same of what stands where a stream's items do.

    By its class alone: a dialect's chunk may say that it is a whole answer.
    """
    return bool(class_names(obj, *SDKS) & _ANSWERS_AMONG_ITEMS)


def is_item(obj: object) -> bool:
    """Whether `obj` is what a stream of one of the three wires consists of, as an SDK has it."""
    if not hasattr(obj, "model_dump"):
        return False
    if names := class_names(obj, *SDKS):
        return not names & _ANSWERS_AMONG_ITEMS
    kind = getattr(obj, "type", None)
    if isinstance(kind, str) and kind.startswith(("message_", "content_block_", "response.")):
        return True
    return hasattr(obj, "choices") or is_around_data(obj)


def is_around_data(obj: object) -> bool:
    """Whether `obj` is an event of Mistral's, whose `data` is what was on the wire."""
    if hasattr(obj, "choices"):
        return False
    data = getattr(obj, "data", None)
    return hasattr(data, "choices") or bool(class_names(obj, "mistralai") & {"ConversationEvents"})


def is_of_events(stream: Any, response: Any) -> bool:
    """Whether what its reader decodes are server-sent events, so that we may do so, too.

    Bedrock's body, for one, is AWS's binary event stream, which its client has a decoder for.
    Where that can be seen it tells: a provider may call its body anything.
    """
    for each in (stream, *(getattr(stream, name, None) for name in _INNER)):
        decoder = getattr(each, "_decoder", None)
        if decoder is not None:
            return "SSE" in type(decoder).__name__
    content_type = response.headers.get("content-type", "").lower()
    return not any(name in content_type for name in _OTHER_TYPES)


def is_watched(stream: Any) -> bool:
    """Whether reading past the SDK would hide the stream from somebody, or lose its start."""
    theirs = _stream_class(stream)
    if theirs is None or _root(type(stream).__module__) != _root(theirs.__module__):
        return True  # a tracer's subclass
    if not all(_is_the_sdks_own(type(stream), name, theirs) for name in _READING):
        return True
    own = vars(stream)
    iterator = own.get("_iterator")
    if iterator is not None and getattr(iterator, "__name__", "") != "__stream__":
        return True  # a tracer has put its own in its place
    if not own.keys().isdisjoint(_READING):
        return True
    response = stream.response
    observer = getattr(getattr(response, "stream", None), "stream_observer", None)
    return observer is not None or bool(response.is_stream_consumed)


def was_entered(manager: Any) -> bool:
    """The managers keep the stream that they gave in a private `__stream`."""
    return any(
        key.endswith("__stream") and value is not None for key, value in vars(manager).items()
    )


def _is_the_sdks_own(cls: type, name: str, theirs: type) -> bool:
    """Whether a method is as the SDK has it, and not what a tracer has put into the class.

    By the module that the function was compiled in, since `functools.wraps` copies the names.
    """
    method = inspect.getattr_static(cls, name, None)
    if method is None:
        return True
    if not isinstance(method, types.FunctionType):
        return False
    return _root(method.__globals__.get("__name__", "")) == _root(theirs.__module__)


def _stream_class(obj: object) -> type | None:
    return next((c for c in type(obj).__mro__ if c.__name__ in _STREAMS), None)


def _proxied(obj: object) -> set[str]:
    """The SDK's classes that a tracer's proxy says to be of, beside its own."""
    return {c.__name__ for c in obj.__class__.__mro__ if _root(c.__module__) in SDKS}


def _root(module: str) -> str:
    return module.partition(".")[0]
