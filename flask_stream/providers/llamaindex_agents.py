"""The events of a run of LlamaIndex's workflows: an agent's (llama-index-core 0.14)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterable
from typing import Any

from ..errors import ProviderError, SourceError
from ..events import Data, Event, Reasoning, Step, Text, ToolCall, ToolResult, Usage
from .libraries import End
from .llamaindex_answers import Answer, plain
from .names import snake, with_article
from .not_streams import CLOSED, discard
from .tool_values import json_of

_LIBRARYS = ("llama_index.", "workflows.")
_FOR_THE_PAGE = {"Event", "InputRequiredEvent", "HumanResponseEvent"}


async def opened_run(handler: Any) -> AsyncIterator[Any]:
    """Its events; whoever leaves before its end ends it.

    :raises Exception: what has ended it.
    """
    try:
        async for event in handler.stream_events():
            yield event
        await handler
    finally:
        if not handler.is_done():
            await handler.cancel_run(timeout=_SECONDS_TO_END)


_SECONDS_TO_END = 0.5

# The last event of a run that has failed, and our code for it. Whoever awaits the run is told by an
# exception; whoever reads its events alone has only this one.
_FAILURES = {
    "WorkflowFailedEvent": "provider_error",
    "WorkflowTimedOutEvent": "timeout",
    "WorkflowCancelledEvent": "provider_error",
}

# What says that the app's workflow is not put together as it has to be.
_MISTAKES = {"WorkflowValidationError", "WorkflowConfigurationError"}


def read_run(events: Iterable[Any]) -> Generator[Event, None, End | None]:
    """:raises ProviderError: the run has come to a limit of its own.

    :raises Exception: what has ended it.

    :raises SourceError: somebody has read it; or its result is a stream.
    """
    run = _Run()
    try:
        for event in events:
            yield from run.read(event)
        if run.failure is not None:
            raise run.failure
    except Exception as error:
        kind = type(error).__name__
        if type(error).__module__ != "workflows.errors" or kind in _MISTAKES:
            raise
        if "already been consumed" in str(error):
            raise SourceError(CLOSED) from error
        code = "timeout" if "Timeout" in kind else "provider_error"
        raise ProviderError(code, detail=f"{kind}: {error}", retryable=False) from error
    return run.end()


def _fields(event: Any) -> Any:
    """Those of its class, and those that it was only given."""
    told = plain(event)
    return told | told.pop("_data", {}) if isinstance(told, dict) else told


def _failure_in(event: Any) -> Exception:
    """What has ended a run, as one of `_FAILURES` has it."""
    kind, error = type(event).__name__, getattr(event, "exception", None)
    if isinstance(error, Exception):
        return error
    detail = f"LlamaIndex ended the workflow's run: {kind}"
    return ProviderError(_FAILURES[kind], detail=detail, retryable=False)


class _Run:
    """:ivar failure: what has ended it, where its events tell."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self._answer = Answer()
        self._usages: list[Usage] = []
        self._has_begun = self._has_text = self._has_words = False

    def read(self, event: Any) -> Generator[Event, None, None]:
        kind = type(event).__name__
        if kind in _FOR_THE_PAGE or not type(event).__module__.startswith(_LIBRARYS):
            yield Data(snake(kind), _fields(event))  # which a step has written to the stream
        elif kind == "AgentInput":
            yield from self._begin()
        elif kind == "AgentStream":
            yield from self._answer.read(event.raw)
            if event.thinking_delta:
                yield Reasoning(event.thinking_delta)
            if event.delta:
                self._has_text = self._has_words = True
                yield Text(event.delta)
        elif kind == "AgentOutput":
            yield from self._whole(event)
        elif kind == "ToolCall":
            yield ToolCall(event.tool_id, event.tool_name, plain(event.tool_kwargs))
        elif kind == "ToolCallResult":
            output = event.tool_output
            name, is_error = event.tool_name, output.is_error
            yield ToolResult(event.tool_id, json_of(output.content), name, is_error=is_error)
        elif kind in _FAILURES:
            self.failure = _failure_in(event)
        elif kind == "StopEvent":
            yield from self._result(event.result)
        elif kind == "AgentStreamStructuredOutput":
            yield Data("structured_output", plain(event.output))

    def _begin(self) -> Generator[Event, None, None]:
        """The model is asked, for the first time or again."""
        if self._has_begun:
            self._usages = self._all_usages()
            self._answer, self._has_text = Answer(), False
            yield Step()
        self._has_begun = True

    def _whole(self, output: Any) -> Generator[Event, None, None]:
        yield from self._answer.read(output.raw)
        if not self._has_text and output.response.content:  # of a model that does not stream
            self._has_text = self._has_words = True
            yield Text(output.response.content)
        total = Usage.total(self._all_usages())
        if total is not None:
            yield total

    def _result(self, result: Any) -> Generator[Event, None, None]:
        """What a workflow gives at its end: its words, where it has told none before."""
        if hasattr(result, "__anext__") or hasattr(result, "response_gen"):
            discard(result)
            raise SourceError(
                f"A workflow's result is {with_article(type(result).__name__)}, a stream. Have an "
                "async def view await the run, and return its result: «return await "
                "workflow.run(…)»."
            )
        if isinstance(result, str) and result and not self._has_words:
            yield Text(result)

    def _all_usages(self) -> list[Usage]:
        usage = self._answer.usage
        return self._usages if usage is None else [*self._usages, usage]

    def end(self) -> End:
        return self._answer.end(None)
