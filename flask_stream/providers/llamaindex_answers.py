"""What LlamaIndex's objects tell of one answer of a model's: its own, and the provider's below."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from ..errors import ProviderError
from ..events import Event, Meta, Reasoning, Refusal, Source, ToolCall, Usage
from ..told import text_of
from .libraries import End
from .openai_responses import ResponsesReader
from .tool_calls import tool_call
from .tool_values import as_json
from .turn import Turn, added, count, only_text
from .wire import dict_of

# What Responses tell, and LlamaIndex does not, or only at the end.
_BESIDE = Meta | Reasoning | Refusal | Source


class Answer:
    """One of a model's.

    :ivar usage: as far as it is known.
    """

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self._raw_usage: Mapping[str, Any] | None = None
        self._meta: Meta | None = None
        self._stop_reason: str | None = None
        self._tells_its_end = False
        self._responses: ResponsesReader | None = None

    def read(
        self, raw: Any, beside: Mapping[str, Any] | None = None
    ) -> Generator[Event, None, None]:
        """:param raw: the provider's own item, of whatever kind; or None.

        :param beside: what LlamaIndex has taken out of it.
        :raises ProviderError: it tells of a failure.
        """
        kind = only_text(at(raw, "type"))
        if kind.startswith("response.") or kind == "error":
            yield from self._responses_event(raw)
            return
        model, id = only_text(at(raw, "model")), only_text(at(raw, "id"))
        meta = Meta(model=model or None, response_id=id or None)
        if meta != Meta() and meta != self._meta:
            self._meta = meta
            yield meta
        choices = at(raw, "choices")
        if isinstance(choices, list):
            self._tells_its_end = True
            reason = at(choices[0], "finish_reason") if choices else None
        else:
            reason = at(raw, "stop_reason") or at(raw, "done_reason")
        self._stop_reason = only_text(reason) or self._stop_reason
        for told in (plain(at(raw, "usage")), beside):
            usage = usage_of(told)
            if usage != Usage():
                self.usage, self._raw_usage = usage, told
                break

    def _responses_event(self, event: Any) -> Generator[Event, None, None]:
        """One of OpenAI's Responses', all of which LlamaIndex passes on, and reads some of.

        Its text and its calls LlamaIndex tells itself.
        """
        d = dict(event) if isinstance(event, Mapping) else dict_of(event)  # an agent has dicts
        if self._responses is None:
            self._responses = ResponsesReader(Turn())
        reader, turn = self._responses, self._responses.turn
        if d is None or turn.ended:  # the last one of an agent's comes again
            return
        self._tells_its_end = True
        yield from (told for told in reader.feed([d]) if isinstance(told, _BESIDE))
        if turn.error is not None:
            raise turn.error
        if turn.ended:
            self.usage, self._raw_usage = turn.usage, turn.raw_usage
            self._stop_reason = (turn.provider_stop_reason or "").removeprefix("incomplete:")

    def calls(self, message: Any) -> Generator[Event, None, None]:
        """The calls of a message, each as a whole."""
        number = 0
        for block in message.blocks:
            if block.block_type == "tool_call":
                number += 1
                id = block.tool_call_id or str(number)
                given = block.tool_kwargs
                if isinstance(given, str):
                    yield tool_call(id, block.tool_name, given)
                else:
                    yield ToolCall(id, block.tool_name, plain(given))

    def end(self, message: Any) -> End:
        """:raises ProviderError: it has none, where the provider would have told one."""
        if self._tells_its_end and not self._stop_reason:
            raise ProviderError("truncated", detail="the answer ended, and nothing said why")
        raw = dict(self._raw_usage) if self._raw_usage is not None else None
        return End(self._stop_reason, message, raw)


def usage_of(told: Any) -> Usage:
    """The counts in an object of OpenAI's or Anthropic's, or of LlamaIndex's own."""
    given, answered = count(told, "prompt_tokens"), count(told, "completion_tokens")
    if given is not None or answered is not None:
        return Usage(
            given,
            answered,
            cache_read_tokens=count(told, "prompt_tokens_details", "cached_tokens"),
            reasoning_tokens=count(told, "completion_tokens_details", "reasoning_tokens"),
        )
    given, answered = count(told, "input_tokens"), count(told, "output_tokens")
    read, written = (
        count(told, "cache_read_input_tokens"),
        count(told, "cache_creation_input_tokens"),
    )
    whole = None if given is None else added(given, read, written)
    return Usage(whole, answered, cache_read_tokens=read, cache_write_tokens=written)


def source(scored: Any) -> Source:
    """A node that an engine's answer was made of: what its metadata says of it, not its text."""
    node = scored.node
    told = node.metadata or {}
    url, title = only_text(told.get("url")), only_text(told.get("title"))
    document = only_text(told.get("file_name")) or only_text(node.ref_doc_id) or node.node_id
    return Source(url or None, title or None, document=document)


def at(value: Any, name: str) -> Any:
    """A field of an object, or of a dict; None where it has none."""
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def plain(value: Any) -> Any:
    """A value as JSON has it; a model without the fields that are None."""
    dump = getattr(value, "model_dump", None)
    if dump is None:
        return as_json(value)
    try:
        return dump(mode="json", exclude_none=True)
    except (TypeError, ValueError, RecursionError):
        return text_of(value)
