"""OpenAI's Chat Completions stream, and its many dialects: wire dicts to Events.

https://platform.openai.com/docs/api-reference/chat-streaming. The dialects' oddities were seen
in recordings and reports of Azure, Copilot, Databricks, DeepSeek, Groq, Mistral, Moonshot,
Novita, OpenRouter, Perplexity, Qwen, Snowflake, vLLM and xAI.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..events import Event, Meta, Refusal, Usage
from . import stops
from .chat_calls import LEGACY, ChatCalls
from .chat_message import ChatMessage
from .digits import written
from .errors import from_body, interrupted
from .prose import Prose
from .turn import DONE, JSON, Turn, count, follow, understood, words

PROVIDER = "openai"

_REASONING = ("reasoning_content", "reasoning", "reasoning_text")


def read(dicts: Iterable[JSON], turn: Turn | None = None) -> Iterator[Event]:
    """The events of one stream; `turn` is filled on the way. Only choice 0 is read."""
    turn = turn or Turn()
    reader = _Reader(turn)
    try:
        yield from follow(dicts, reader.chunk)
        yield from reader.end()
    finally:
        reader.settle()


class _Reader:
    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.meta: Meta | None = None
        self.prose = Prose()
        self.message = ChatMessage()
        self.calls = ChatCalls()
        self.has_text = self.has_reasoning = self.has_refusal = False

    def chunk(self, d: JSON) -> Iterator[Event]:
        if d is DONE:
            # Behind nothing at all it is no sign of success.
            self.turn.complete = self.turn.complete or self.has_said_something
            self.turn.ended = True
            return
        # Some change their id with every chunk: the first that is whole is kept.
        if self.meta is None or not self.meta.model:
            meta = Meta(PROVIDER, words(d.get("model")) or None, words(d.get("id")) or None)
            if meta.model or (self.meta is None and meta.response_id):
                self.meta = meta
                yield meta
        for choice in d.get("choices") or []:
            if not choice.get("index"):
                yield from understood(self.choice, choice)
        self.use(d.get("usage") or (d.get("x_groq") or {}).get("usage"))
        yield from self.searched(d)
        self.failed(d)  # behind the words that came with it

    @property
    def has_said_something(self) -> bool:
        return bool(self.has_text or self.has_reasoning or self.has_refusal or self.calls.all)

    def failed(self, d: JSON) -> bool:
        """Whether this chunk, or a choice, says that the answer has failed."""
        error = _error_in(d)
        if error is None:
            return False
        self.turn.error = from_body(error)
        self.turn.ended = True
        return True

    def choice(self, choice: JSON) -> Iterator[Event]:
        delta = choice.get("delta") or {}
        if not delta and written(choice.get("text")):  # /v1/completions
            delta = {"content": choice["text"]}
        elif not delta and not self.message:  # a whole message in place of its deltas
            delta = choice.get("message") or {}
        if delta:
            yield from understood(self.delta, delta)
            self.message.add(delta)
        self.use(choice.get("usage"))  # Moonshot's place for it
        # OpenRouter's error may stand on the choice.
        if not self.failed(choice) and not self.failed(delta):
            self.stop(choice.get("finish_reason"))

    def stop(self, reason: object) -> None:
        meaning = stops.meaning(reason)
        if meaning is None:
            return
        self.turn.provider_stop_reason = str(reason)
        if meaning == stops.INTERRUPTED:
            self.turn.error = interrupted(str(reason))
            self.turn.ended = True
        else:
            self.turn.stop_reason = meaning
            self.turn.complete = True

    def delta(self, delta: JSON) -> Iterator[Event]:
        thought = next((text for key in _REASONING if (text := written(delta.get(key)))), "")
        if thought:
            yield from self.reasoning(thought)
        else:
            yield from self.reasoning_details(delta.get("reasoning_details"))
        yield from self.content(delta.get("content"))
        if refusal := written(delta.get("refusal")):
            self.has_refusal = True
            yield Refusal(refusal)
        if calls := delta.get("tool_calls"):
            yield from self.prose.interrupt()
            yield from self.calls.pieces(calls if isinstance(calls, list) else [calls])
        if function := delta.get("function_call"):
            yield from self.prose.interrupt()
            yield from self.calls.piece({"index": LEGACY, "function": function}, set())
        for annotation in delta.get("annotations") or []:
            yield from self.cited(annotation)

    def text(self, piece: str) -> Iterator[Event]:
        self.has_text = self.has_text or bool(piece)
        yield from self.prose.text(piece)

    def reasoning(self, piece: str) -> Iterator[Event]:
        self.has_reasoning = self.has_reasoning or bool(piece)
        yield from self.prose.reasoning(piece)

    def reasoning_details(self, details: Any) -> Iterator[Event]:
        """OpenRouter's and Snowflake's list; encrypted entries have no text."""
        for detail in details or []:
            if isinstance(detail, Mapping):
                text = written(detail.get("text")) or written(detail.get("summary"))
                yield from self.reasoning(text)

    def content(self, content: object) -> Iterator[Event]:
        """Text, or parts with types of their own: Mistral's and Databricks'."""
        if isinstance(content, Mapping):
            yield from self.part(content)
        elif isinstance(content, list):
            for part in content:
                yield from self.content(part)
        else:
            yield from self.text(written(content))

    def part(self, part: Mapping[str, Any]) -> Iterator[Event]:
        kind = part.get("type")
        if kind in ("thinking", "reasoning"):
            yield from self.reasoning(_joined(part, "thinking", "summary", "content", "text"))
        elif kind in ("text", "output_text", None):
            yield from self.text(_joined(part, "text"))
        elif kind == "refusal":
            if refusal := written(part.get("refusal")):
                self.has_refusal = True
                yield Refusal(refusal)

    # -- what else is known -------------------------------------------------------------

    def cited(self, annotation: JSON) -> Iterator[Event]:
        citation = annotation.get("url_citation") or {}
        yield from self.turn.new_source(
            citation.get("url"), citation.get("title"), citation.get("content")
        )

    def searched(self, d: JSON) -> Iterator[Event]:
        """Perplexity's lists, which it repeats on every chunk."""
        results = d.get("search_results") or []
        for result in results:
            yield from self.turn.new_source(result.get("url"), result.get("title"))
        named = {words(result.get("url")) for result in results}
        for url in d.get("citations") or []:
            if words(url) not in named:
                yield from self.turn.new_source(url)

    def use(self, usage: object) -> None:
        if not isinstance(usage, dict) or not usage:
            return
        raw = {**(self.turn.raw_usage or {}), **usage}
        self.turn.raw_usage = raw
        fresh, output = count(raw, "prompt_tokens"), count(raw, "completion_tokens")
        reasoning = count(raw, "completion_tokens_details", "reasoning_tokens")
        if reasoning is None:
            reasoning = count(raw, "reasoning_tokens")
        if (
            reasoning
            and output is not None
            and count(raw, "total_tokens") == (fresh or 0) + output + reasoning
        ):
            output += reasoning  # xAI counts reasoning beside the completion
        read = count(raw, "prompt_tokens_details", "cached_tokens")
        self.turn.usage = Usage(
            input_tokens=fresh,
            output_tokens=output,
            cache_read_tokens=count(raw, "prompt_cache_hit_tokens") if read is None else read,
            cache_write_tokens=count(raw, "prompt_tokens_details", "cache_write_tokens"),
            reasoning_tokens=reasoning,
        )

    def end(self) -> Iterator[Event]:
        turn = self.turn
        yield from self.prose.end()
        yield from self.calls.end(whole=turn.complete)
        if turn.complete and turn.stop_reason in (None, "stop"):
            turn.stop_reason = self.inferred_stop()
        elif turn.stop_reason == "other" and self.calls.all:
            turn.stop_reason = "tool_calls"
        if turn.usage is not None:
            yield turn.usage

    def inferred_stop(self) -> str:
        """Where the provider says nothing, or «stop» whatever the message holds."""
        if self.calls.all:
            return "tool_calls"
        return "refusal" if self.has_refusal and not self.has_text else "stop"

    def settle(self) -> None:
        """The provider's own turn."""
        if self.message or self.calls.all:
            self.turn.message = self.message.turn(self.calls.turn())


def _error_in(d: Mapping[str, Any]) -> object:
    """What says in a chunk, a choice or a delta that the answer has failed; None for nothing.

    `error` most of all, in an object of the provider's own too (Groq's `x_groq`), and
    `error_type`, `error_message` and so on; vLLM's object is of type "error" itself.
    """
    if "error" in (d.get("object"), d.get("type")):
        return d.get("error") or d
    for key, value in d.items():
        if not value:
            continue
        if key in ("error", "errors"):
            return value
        if key.startswith("error_"):
            return d
        if key.startswith("x_") and isinstance(value, Mapping) and value.get("error"):
            return value["error"]
    return None


def _joined(part: Mapping[str, Any], *fields: str) -> str:
    """The text of a part, which may be a list of parts itself."""
    for field in fields:
        value = part.get(field)
        if isinstance(value, list):
            return "".join(
                _joined(inner, "text") if isinstance(inner, Mapping) else written(inner)
                for inner in value
            )
        if text := written(value):
            return text
    return ""
