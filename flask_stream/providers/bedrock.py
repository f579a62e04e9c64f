"""boto3's `converse_stream`: its answer, which is a dict, or the stream in it (boto3 1.44).

Each item is a dict with one event of ConverseStream's. What a model's own API sends, by
`invoke_model_with_response_stream`, is not read: it is another one for each maker of models.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from ..errors import ProviderError, SourceError
from ..events import Event, Meta, Usage
from ..giving_way import give_way
from .bedrock_blocks import Blocks
from .libraries import End, Read, held_in
from .not_streams import CLOSED
from .turn import added, count

# Of which each item has one. (`metadata` would be anybody's.)
_EVENTS = {
    *("messageStart", "messageStop"),
    *("contentBlockStart", "contentBlockDelta", "contentBlockStop"),
}


def reader_of(obj: Any) -> Read | None:
    """:param obj: the answer, its stream, or the first item of that.

    :raises SourceError: it is another operation's stream, or one that is closed.
    """
    if isinstance(obj, Mapping) and len(obj) == 1 and not _EVENTS.isdisjoint(obj):
        return read
    stream = held_in(obj)
    if type(stream).__name__ != "EventStream":
        return None
    operation = str(getattr(stream, "_operation_name", "ConverseStream"))
    if operation != "ConverseStream":
        stream.close()
        raise SourceError(
            f"A view returned the stream of {operation}, whose events are of another kind. "
            "Ask with client.converse_stream(…), which all models have in common; or read it in "
            "the view, and yield its words."
        )
    if getattr(getattr(stream, "_raw_stream", None), "closed", False):
        raise SourceError(CLOSED)
    return read


def read(answer: Any) -> Generator[Event, None, End | None]:
    told = answer.get("ResponseMetadata") if isinstance(answer, Mapping) else None
    yield Meta("bedrock", response_id=told.get("RequestId") if told else None)
    blocks = Blocks()
    stop_reason: str | None = None
    usage: Any = None
    stream = held_in(answer)
    try:
        for item in stream:
            give_way()  # it may be an event that says nothing
            if (stop := item.get("messageStop")) is not None:
                stop_reason = stop.get("stopReason")
            elif (metadata := item.get("metadata")) is not None:
                usage = metadata.get("usage")
                if router := (metadata.get("trace") or {}).get("promptRouter"):
                    yield Meta("bedrock", router.get("invokedModelId"))
            else:
                yield from blocks.read(item)
    except Exception:
        if stop_reason is None:
            raise  # else the answer is whole, and only its usage is lost
    if stop_reason is None:
        raise ProviderError("truncated", detail="Bedrock's answer ended without a messageStop")
    if usage is not None:
        yield _usage(usage)
    return End(stop_reason, blocks.message(), usage)


def _usage(raw: Mapping[str, Any]) -> Usage:
    """`inputTokens` are those that were not cached."""
    read, written = count(raw, "cacheReadInputTokens"), count(raw, "cacheWriteInputTokens")
    given, answered = count(raw, "inputTokens"), count(raw, "outputTokens")
    whole = None if given is None else added(given, read, written)
    return Usage(whole, answered, cache_read_tokens=read, cache_write_tokens=written)
