"""Reading wire dicts without HTTP, and looking at what they come to."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from itertools import pairwise
from typing import Any, TypeVar

from flask_stream import Event, Meta, ProviderError, Result
from flask_stream.events import JSON, Step
from flask_stream.providers.relay import relay_source
from flask_stream.providers.source import Source
from flask_stream.providers.wire import parse
from flask_stream.sse import decode
from tests.provider import transcript

T = TypeVar("T", str, bytes)


class Dicts(Source):
    """A stream that gives wire dicts as they are."""

    def __init__(self, dicts: Iterable[JSON], wire: str | None = None) -> None:
        super().__init__()
        self.given = dicts
        self.wire = wire

    def _read(self) -> Generator[list[JSON], None, None]:
        for d in self.given:
            yield [d]

    def _wake(self) -> None:
        pass

    def _close(self) -> None:
        pass


def dicts_of(name: str) -> list[JSON]:
    """A transcript's wire dicts."""
    found = (parse(event.data) for event in decode([transcript(name)]))
    return [d for d in found if d is not None]


def collect(relayed: Any) -> tuple[list[Event], Result]:
    """All events but the first two, which say whose stream it is before anything was read."""
    events: list[Event] = []
    try:
        while True:
            events.append(next(relayed))
    except StopIteration as end:
        result = end.value
    except ProviderError as error:
        result = error.result
    assert isinstance(events[0], Step)
    assert isinstance(events[1], Meta)
    return events[2:], result


def read(*dicts: JSON, wire: str | None = None) -> tuple[list[Event], Result]:
    """What a stream of these wire dicts comes to."""
    return collect(relay_source(Dicts(dicts, wire)))


def bytewise(body: bytes) -> list[bytes]:
    return cut(body, range(1, len(body)))


def cut(whole: T, places: Iterable[int]) -> list[T]:
    """`whole` in pieces, some of them perhaps empty."""
    bounds = [0, *sorted(place % (len(whole) + 1) for place in places), len(whole)]
    return [whole[a:b] for a, b in pairwise(bounds)]


def chunk(delta: Any = None, finish: str | None = None, index: int = 0, **more: Any) -> JSON:
    """A chunk of Chat Completions."""
    choice = {"index": index, "delta": delta or {}, "finish_reason": finish}
    return {
        "id": "c1",
        "object": "chat.completion.chunk",
        "model": "m",
        "choices": [choice],
        **more,
    }


STOP = chunk(finish="stop")


def piece(index: int | None = 0, id: Any = None, name: Any = None, arguments: Any = None) -> JSON:
    """One delta of a tool call; what is None is not there, but for the index."""
    function = {"name": name, "arguments": arguments}
    call = {
        "index": index,
        "id": id,
        "function": {k: v for k, v in function.items() if v is not None},
    }
    return {"tool_calls": [{k: v for k, v in call.items() if k == "index" or v is not None}]}


def chat(*dicts: JSON) -> Result:
    """What a stream of Chat Completions comes to."""
    return read(*dicts, wire="openai_chat")[1]


def start(**message: Any) -> JSON:
    """What a stream of Messages begins with."""
    return {"type": "message_start", "message": {"id": "m1", "role": "assistant", **message}}


def block(index: int, content: JSON, *deltas: JSON) -> list[JSON]:
    return [
        {"type": "content_block_start", "index": index, "content_block": content},
        *({"type": "content_block_delta", "index": index, "delta": d} for d in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def delta(stop_reason: str | None, **more: Any) -> JSON:
    """What a stream of Messages ends with, but for `message_stop`."""
    return {"type": "message_delta", "delta": {"stop_reason": stop_reason}, **more}
