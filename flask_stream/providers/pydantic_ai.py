"""Pydantic AI's agents and models: their events, and their results that are streamed (2.68).

`run_stream_events` and the direct requests give events: the parts of the model's answers as they
begin, grow and end, and the tools' results. `run_stream` and `run_stream_sync` have come to the
final answer when they give their result, which tells its parts so far, again and again; what came
before it is in its messages.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Generator, Iterable
from contextlib import aclosing
from functools import partial
from typing import Any, NamedTuple

from ..errors import ProviderError, SourceError
from ..events import Event, Meta, Text, Usage
from .libraries import End, Read, has_greenlets, made_by, made_of
from .names import class_names, with_article
from .pydantic_ai_parts import Answer, Grown
from .turn import as_count

_WHOLE = {"AgentRunResult", "ModelResponse"}
_NO_STREAMS = {"AbstractAgent", "AgentRun"}


def reader_of(obj: Any) -> Read | None:
    """:param obj: an event, or what an agent or a direct request gives.

    :raises SourceError: it is no stream; what to ask for in its place.
    """
    if made_by(obj):
        return _reader_of_generator(obj)
    names = class_names(obj, "pydantic_ai")
    if names & {"StreamedRunResultSync", "StreamedRunResult"}:
        return partial(read_result, result=obj)
    if "StreamedResponseSync" in names:
        return read_response
    if "StreamedResponse" in names:
        return partial(read, response=obj)
    _refuse(obj, names)
    return read if hasattr(obj, "event_kind") else None


def _refuse(obj: Any, names: set[str]) -> None:
    """:raises SourceError: it is no stream; what to ask for in its place."""
    if names & _WHOLE or names & _NO_STREAMS:
        kind = with_article(type(obj).__name__)
        what = "a complete answer" if names & _WHOLE else "which is no stream"
        raise SourceError(
            f"{kind[0].upper()}{kind[1:]} of Pydantic AI's was given, {what}. To stream an answer, "
            "ask with agent.run_stream_events(…), or agent.run_stream_sync(…)."
        )


def _reader_of_generator(generator: Any) -> Read | None:
    """Of what a result's methods give, asynchronous or not."""
    method, called_with = made_by(generator).rpartition(".")[2], made_of(generator)
    if method == "stream_sync":  # around the asynchronous one
        makes = called_with["make_aiter"]
        called_with = inspect.getclosurevars(makes).nonlocals
        names = makes.__code__.co_names
        method = next((each for each in ("stream_text", "stream_output") if each in names), "")
    if method == "stream_output":
        raise SourceError(
            "stream_output() of Pydantic AI gives the whole output again and again as it grows. "
            "Return the result itself, or what its stream_text(delta=True) gives."
        )
    if method == "stream_text":
        result = called_with.get("self") or called_with.get("result")
        is_run = "StreamedRunResult" in class_names(result, "pydantic_ai")
        return partial(
            read_texts,
            is_delta=bool(called_with.get("delta")),
            result=result if is_run else None,
        )
    return None


def items_of(obj: Any) -> Any:
    """What async code reads of a result that is no stream itself; None of what is none.

    :raises SourceError: as `reader_of`.
    """
    names = class_names(obj, "pydantic_ai")
    _refuse(obj, names)
    if "StreamedRunResult" in names:
        return _responses(obj)
    return None


class _Begun(NamedTuple):
    """A result as it is before it is read.

    :ivar messages: those before the answer that is streamed.
    :ivar answer: what there is of that.
    :ivar is_whole: it is among the messages: it has calls to answer, or somebody has read it.
    """

    messages: list[Any]
    answer: Any
    is_whole: bool


def _begun(result: Any) -> _Begun:
    messages, answer = [*result.new_messages()], result.response
    is_known = any(message is answer for message in messages)
    return _Begun(messages, answer, result.is_complete or is_known)


async def _responses(result: Any) -> AsyncIterator[Any]:
    """What it had when it began; then its answer so far, again and again."""
    yield _begun(result)  # here: the loop goes on while its reader looks at it
    async with aclosing(result.stream_response(debounce_by=None)) as responses:
        async for response in responses:
            yield response


def read(events: Iterable[Any], response: Any = None) -> Generator[Event, None, End]:
    """:param response: of a direct request: has its answer, once the events are over."""
    answer, result = Answer(), None
    for event in events:
        kind = event.event_kind
        if kind == "agent_run_result":
            result = event.result
        else:
            yield from answer.handle(kind, event)
    if result is not None:
        yield from answer.final(result.output)
        return (yield from _ended(result.response, result.usage, result.new_messages()))
    if response is None:
        return End()
    whole = response.get()
    return (yield from _ended(whole, whole.usage, [whole]))


def read_response(stream: Any) -> Generator[Event, None, End]:
    """:param stream: what `model_request_stream_sync` gives."""
    answer = Answer()
    with stream:
        for event in stream:
            yield from answer.handle(event.event_kind, event)
        whole = stream.response
        return (yield from _ended(whole, whole.usage, [whole]))


def read_texts(
    texts: Iterable[str], is_delta: bool, result: Any
) -> Generator[Event, None, End | None]:
    """:param is_delta: whether each text is what has come since the last one.

    :param result: whose texts they are, where it is known.
    :raises ProviderError: that was closed before its end.
    """
    had = 0
    for text in texts:
        yield Text(text[had:])
        had = 0 if is_delta else len(text)
    if result is None:
        return None
    return (yield from _ended(result.response, result.usage, result.new_messages()))


def read_result(stream: Any, result: Any) -> Generator[Event, None, End]:
    """:param stream: `result`, where it is sync; else the responses that it tells."""
    if stream is not result:
        responses = iter(stream)
        return (yield from _read_result(next(responses), responses, result))
    if has_greenlets():
        raise SourceError(
            "run_stream_sync() of Pydantic AI runs an event loop in the thread that asks, and with "
            "gevent one thread is all requests'. Return what agent.run_stream_events(…) gives."
        )
    try:
        with result:
            snapshots = result.stream_response(debounce_by=None)
            try:
                return (yield from _read_result(_begun(result), snapshots, result))
            finally:
                snapshots.close()
    except RuntimeError as error:
        if "thread where it was created" not in str(error):
            raise
        raise SourceError(
            "run_stream_sync() of Pydantic AI can only be read by the thread that called it, which "
            "a resumable run is not. Return what agent.run_stream_events(…) gives."
        ) from error


def _read_result(
    begun: _Begun, snapshots: Iterable[Any], result: Any
) -> Generator[Event, None, End]:
    answer = Answer()
    before, at_end = begun.messages, begun.answer
    yield from answer.whole(before)
    if not begun.is_whole:
        yield from answer.step()
        grown = Grown(answer)
        for at_end in snapshots:
            yield from grown.to(at_end.parts)
        yield from grown.to(at_end.parts, is_last=True)
        yield from answer.results(result.new_messages()[len(before) + 1 :])
    return (yield from _ended(at_end, result.usage, result.new_messages()))


def _ended(response: Any, used: Any, messages: list[Any]) -> Generator[Event, None, End]:
    """:param messages: for the next run's `message_history`."""
    yield Meta(response.provider_name, response.model_name, response.provider_response_id)
    if response.state == "incomplete":
        raise ProviderError(
            "truncated",
            detail="Pydantic AI has an incomplete response: the provider has cut it off, or the "
            "view's own «async with» had ended before it was read (return run_stream(…) itself)",
        )
    is_known = used.input_tokens or used.output_tokens  # it counts what it does not know as 0
    usage = Usage(
        input_tokens=as_count(used.input_tokens) if is_known else None,
        output_tokens=as_count(used.output_tokens) if is_known else None,
        cache_read_tokens=as_count(used.cache_read_tokens) or None,
        cache_write_tokens=as_count(used.cache_write_tokens) or None,
        reasoning_tokens=as_count(used.output_reasoning_tokens) or None,
    )
    if usage.payload():
        yield usage
    raw = {key: value for key, value in vars(used).items() if value and key != "cost"}
    details = response.provider_details or {}
    reason = details.get("finish_reason") or response.finish_reason
    return End(reason if isinstance(reason, str) else None, messages, raw)
