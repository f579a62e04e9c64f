"""LlamaIndex (llama-index-core 0.14): its LLMs' streams, and those of its engines and agents.

- `llm.stream_chat(…)` and `stream_complete(…)`, and their async twins: each item has what is new
  of the answer, and all of it so far, which is looked at once, at the end.
- what a query engine and a chat engine give: words, and the nodes that they were made of.
- the events of a workflow's run, an agent's for one: see `llamaindex_agents`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterable, Iterator
from queue import Empty
from typing import Any

from ..errors import SourceError
from ..events import Event, Reasoning, Text
from .libraries import End, Read, has_ended, made_by, made_in
from .llamaindex_agents import opened_run, read_run
from .llamaindex_answers import Answer, source
from .names import class_names, with_article
from .not_streams import CLOSED

_ITEMS = {"ChatResponse", "CompletionResponse", "NodeWithScore"}
_WHOLE = {"Response", "PydanticResponse", "AgentChatResponse"}
_RUNNERS = {"Workflow", "BaseQueryEngine", "BaseChatEngine", "BaseLLM", "BaseIndex"}
_ENGINES = {"StreamingResponse", "AsyncStreamingResponse", "StreamingAgentChatResponse"}

# How long a chat engine's words are waited for at a time, in seconds.
_PATIENCE = 0.05


def reader_of(obj: Any) -> Read | None:
    """:param obj: one of the library's generators, or their items; what an engine gives; a run.

    :raises SourceError: it is an answer that is complete, or what is to be asked for one.
    """
    names = class_names(obj, "llama_index") | {
        c.__name__ for c in type(obj).__mro__ if c.__module__.startswith("workflows.")
    }
    if names & {"Event", "WorkflowHandler"}:
        return read_run
    if names & _ENGINES:
        return _read_engines
    if names & _ITEMS:
        return read
    kind = with_article(type(obj).__name__)
    if names & _WHOLE:
        raise SourceError(
            f"A view returned {kind}, a complete answer. To stream it, ask a query engine that was "
            "made with streaming=True, or a chat engine with stream_chat(…)."
        )
    if names & _RUNNERS:
        raise SourceError(
            f"A view returned {kind}, which has not been asked. Return what its stream_chat(…) "
            "gives, or a query engine's query(…); of an agent, from an async def view, what its "
            "run(…) gives."
        )
    return _reader_of_generator(obj)


def _reader_of_generator(obj: Any) -> Read | None:
    made = made_in(obj)
    if not hasattr(obj, "__iter__") and not hasattr(obj, "__aiter__"):
        return None
    if made.startswith("workflows."):
        return read_run if made_by(obj).endswith(".stream_events") else None
    return read if made.startswith("llama_index.") else None


def read(stream: Iterable[Any]) -> Generator[Event, None, End]:
    """:raises ProviderError: the answer ended before the model has said why.

    :raises SourceError: its items are neither words nor an LLM's.
    """
    answer = Answer()
    has_delta = False
    last: Any = None
    for item in stream:
        if isinstance(item, str):
            yield Text(item)
        elif type(item).__name__ == "NodeWithScore":
            yield source(item)
        elif not hasattr(item, "delta"):
            raise SourceError(
                f"LlamaIndex gave {with_article(type(item).__name__)}, which has no words. Such "
                "objects come again and again as they grow: have the view take from each what the "
                "page is to get, and yield that, as Data(name, value) for instance."
            )
        else:
            last = item
            raw = None if _is_the_apps(item) else item.raw
            yield from answer.read(raw, item.additional_kwargs)
            if thought := item.additional_kwargs.get("thinking_delta"):
                yield Reasoning(thought)
            if item.delta:
                has_delta = True
                yield Text(item.delta)
    message = getattr(last, "message", None)
    if last is not None and not has_delta:
        whole = message.content if message is not None else last.text
        yield Text(whole or "")
    if message is not None:
        yield from answer.calls(message)
    if (usage := answer.usage) is not None:
        yield usage
    if has_delta and message is not None and not message.content:
        message = None  # LlamaIndex has kept no more than its last piece
    return answer.end(message)


def _is_the_apps(item: Any) -> bool:
    """Whether what is below an item is the app's object, which a structured LLM has filled in."""
    return item.delta is None and hasattr(item.raw, "model_dump") and not hasattr(item.raw, "usage")


def _read_engines(response: Any) -> Generator[Event, None, End]:
    """:param response: what an engine gave; or its parts, where those came from async code."""
    kind = type(response).__name__
    if kind == "StreamingResponse":
        return (yield from read(_of_query(response)))
    if kind == "StreamingAgentChatResponse":
        return (yield from read(_of_chat(response)))
    return (yield from read(response))


def _of_query(response: Any) -> Iterator[Any]:
    """:raises SourceError: somebody has read it."""
    _refuse_read(response.response_gen)
    yield from response.source_nodes
    yield from response.response_gen


def _refuse_read(words: Any) -> None:
    if has_ended(words):
        raise SourceError(CLOSED)


def _of_chat(response: Any) -> Iterator[Any]:
    """What a thread of the library's own reads, and puts into a queue.

    Not `response_gen`, which asks the queue again and again as fast as it can. The empty words
    that are told meanwhile are where a run can end.

    :raises SourceError: somebody has read it.
    """
    _refuse_heard(response)
    yield from response.source_nodes
    if not response.is_writing_to_memory:
        yield from response.chat_stream
        return
    while True:
        is_done = response.is_done
        try:
            yield response.queue.get(timeout=_PATIENCE)
        except Empty:
            if response.exception is not None:
                raise response.exception from None
            if is_done:
                break
            yield ""
    thread = response.write_response_to_history_thread
    if thread is not None:
        thread.join()  # so that what is done is in the history


def _refuse_heard(response: Any) -> None:
    """:raises SourceError: nothing is left of what was said: a thread may be done with that."""
    queue = response.queue if response.achat_stream is None else response.aqueue
    if response.is_done and response.response and queue.empty():
        raise SourceError(CLOSED)


def items_of(obj: Any) -> AsyncIterator[Any] | None:
    """What async code reads of an object that is no async iterable itself."""
    kind = type(obj).__name__
    if kind == "WorkflowHandler":
        return opened_run(obj)
    if kind == "AsyncStreamingResponse":
        return _of_async_query(obj)
    if kind == "StreamingAgentChatResponse" and obj.achat_stream is not None:
        return _of_async_chat(obj)
    return None


async def _of_async_query(response: Any) -> AsyncIterator[Any]:
    _refuse_read(response.response_gen)
    for node in response.source_nodes:
        yield node
    async for text in response.response_gen:
        yield text


async def _of_async_chat(response: Any) -> AsyncIterator[Any]:
    _refuse_heard(response)
    # Taken from it: where its generator is cancelled, that would wait for this task, which reads
    # the provider's stream to its end.
    writing = response.awrite_response_to_history_task
    response.awrite_response_to_history_task = None
    try:
        for node in response.source_nodes:
            yield node
        async for text in response.async_response_gen():
            yield text
        if writing is not None:
            await writing  # so that what is done is in the history
    finally:
        if writing is not None and not writing.cancel() and not writing.cancelled():
            writing.exception()  # told by the generator: else the loop would tell it once more
