"""OpenAI's Chat Completions stream, and its many dialects: wire dicts to Events.

https://platform.openai.com/docs/api-reference/chat-streaming; `Turn.message` equals what
openai 3.54 accumulates (`get_final_completion()`), where it copes. The dialects' oddities
were seen in recordings of Azure, DeepSeek, Groq, Mistral, Moonshot, Novita, OpenRouter,
Perplexity, Qwen, Snowflake, vLLM and xAI.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..events import Event, Meta, Reasoning, Refusal, Text, Usage
from .errors import from_body
from .surrogates import mend_all
from .turn import DONE, JSON, OpenCall, Turn, count, follow, understood, words

PROVIDER = "openai"

# Looked up in lower case; behind the first five, what dialects say instead.
_STOP_REASONS = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "refusal",
    "eos": "stop",
    "end_turn": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
}


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
        self.message: dict[str, Any] = {}
        self.calls: list[OpenCall] = []
        self.current: dict[object, OpenCall] = {}  # the open call of each index
        self.has_text = self.has_refusal = False
        self.is_chat = self.is_other = False  # what came so far

    def chunk(self, d: JSON) -> Iterator[Event]:
        if d is DONE:
            # Behind nothing but what was not understood it is no sign of success.
            self.turn.complete = self.turn.complete or self.is_chat or not self.is_other
            self.turn.ended = True
            return
        self.is_chat = self.is_chat or "choices" in d
        self.is_other = self.is_other or "choices" not in d
        if d.get("error") or "error" in (d.get("object"), d.get("type")):  # flat: vLLM's
            self.turn.error = from_body(d.get("error") or d)
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

    def choice(self, choice: JSON) -> Iterator[Event]:
        delta = choice.get("delta") or {}
        if not delta and isinstance(choice.get("text"), str):  # /v1/completions
            delta = {"content": choice["text"]}
        elif not delta and not self.message:  # a whole message in place of its deltas
            delta = choice.get("message") or {}
        if delta:
            yield from understood(self.delta, delta)
            self.merge(delta)
        self.use(choice.get("usage"))  # Moonshot's place for it
        reason = words(choice.get("finish_reason"))
        if reason == "error":  # OpenRouter, with `error` on the chunk or on the choice
            self.turn.error = from_body(choice.get("error") or {})
            self.turn.ended = True
        elif reason and reason.lower() not in ("null", "none"):
            self.turn.complete = True
            self.turn.provider_stop_reason = reason
            self.turn.stop_reason = _STOP_REASONS.get(reason.lower(), "other")

    def delta(self, delta: JSON) -> Iterator[Event]:
        reasoning = words(delta.get("reasoning_content")) or words(delta.get("reasoning"))
        if reasoning:
            yield Reasoning(reasoning)
        else:
            yield from self.reasoning_details(delta.get("reasoning_details"))
        content = delta.get("content")
        if isinstance(content, str):
            self.has_text = self.has_text or bool(content)
            yield Text(content)
        elif isinstance(content, list):
            yield from self.parts(content)
        if refusal := words(delta.get("refusal")):
            self.has_refusal = True
            yield Refusal(refusal)
        for call in delta.get("tool_calls") or []:
            yield from self.tool_call(call)
        if delta.get("function_call"):  # deprecated, and without an id of its own
            function = delta["function_call"]
            yield from self.tool_call({"index": "function_call", "function": function})
        for annotation in delta.get("annotations") or []:
            yield from self.cited(annotation)

    def reasoning_details(self, details: Any) -> Iterator[Event]:
        """OpenRouter's and Snowflake's list; encrypted entries have no text."""
        for detail in details or []:
            if isinstance(detail, Mapping):
                yield Reasoning(words(detail.get("text")) or words(detail.get("summary")))

    def parts(self, parts: list[Any]) -> Iterator[Event]:
        """Mistral's typed list content."""
        for part in parts:
            if not isinstance(part, Mapping):
                continue
            if part.get("type") == "thinking":
                for thought in part.get("thinking") or []:
                    yield Reasoning(words(thought.get("text")))
            elif part.get("type") == "text" and words(part.get("text")):
                self.has_text = True
                yield Text(part["text"])

    # -- tool calls ---------------------------------------------------------------------

    def tool_call(self, d: JSON) -> Iterator[Event]:
        function = d.get("function") or d.get("custom") or {}
        call = self.current.get(d.get("index"))
        if d.get("index") is None and self.calls:
            same = [known for known in self.calls if known.id == d.get("id")]
            if same or not d.get("id"):
                call = (same or self.calls)[-1]
        if call is None or _begins_another(call, d, function):
            id = words(d.get("id")) or f"call_{len(self.calls)}"
            call = OpenCall(id, words(function.get("name")))
            self.calls.append(call)
            self.current[d.get("index")] = call
            yield call.start()
        self.keep(call, d, function)
        yield from call.delta(_arguments(function))

    def keep(self, call: OpenCall, d: JSON, function: JSON) -> None:
        """What else the provider put beside a call, such as Gemini's thought signatures."""
        for key, value in d.items():
            if key == "type" and value:
                call.beside[key] = value
            elif key not in ("index", "id", "type", "function", "custom"):
                call.beside[key] = _merged(call.beside.get(key), value)
        call.is_custom = call.is_custom or function is d.get("custom")

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
        named = {result.get("url") for result in results}
        for url in d.get("citations") or []:
            if url not in named:
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
        for call in self.calls:
            yield call.end(whole=turn.complete)
        if turn.complete and turn.stop_reason in (None, "stop"):
            turn.stop_reason = self.inferred_stop()
        elif turn.stop_reason == "other" and self.calls:
            turn.stop_reason = "tool_calls"
        if turn.usage is not None:
            yield turn.usage

    def inferred_stop(self) -> str:
        """Where the provider says nothing, or «stop» whatever the message holds."""
        if self.calls:
            return "tool_calls"
        return "refusal" if self.has_refusal and not self.has_text else "stop"

    # -- the provider's own turn --------------------------------------------------------

    def merge(self, delta: JSON) -> None:
        for key, value in delta.items():
            if key not in ("tool_calls", "index", "role"):
                self.message[key] = _merged(self.message.get(key), value)
        self.message.setdefault("role", delta.get("role") or "assistant")

    def settle(self) -> None:
        if not self.message and not self.calls:
            return
        message = {key: _settled(value) for key, value in self.message.items()}
        message.setdefault("role", "assistant")
        message.setdefault("content", None)
        if calls := [c for c in self.calls if self.current.get("function_call") is not c]:
            message["tool_calls"] = [_turn_of(call) for call in calls]
        self.turn.message = mend_all(message)


def _turn_of(call: OpenCall) -> JSON:
    beside = {key: _settled(value) for key, value in call.beside.items()}
    if call.is_custom:
        custom = {"name": call.name, "input": call.text}
        return {"id": call.id, "type": "custom", "custom": custom, **beside}
    function = {"name": call.name, "arguments": call.text}
    return {"id": call.id, "type": "function", "function": function, **beside}


def _begins_another(call: OpenCall, d: JSON, function: JSON) -> bool:
    """Whether this piece belongs to a call of its own, although its index says otherwise.

    Some give every parallel call the same index, or none; others repeat the id and the name
    with every piece, or change the id. So: another id and another name, or the same name
    and nothing left to finish.
    """
    if not function.get("name") or not d.get("id") or d["id"] == call.id:
        return False
    return call.name != function["name"] or (bool(call.text) and _is_json(call.text))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _arguments(function: JSON) -> str:
    arguments = function.get("arguments", function.get("input"))
    if isinstance(arguments, str) or arguments is None:
        return arguments or ""
    return json.dumps(arguments, ensure_ascii=False)  # Ollama's and others': an object


class _Pieces(list[str]):
    """A text that is still growing; joined once, since adding strings up is quadratic."""


def _merged(old: Any, new: Any) -> Any:
    """A delta's field, added to what was there: texts grow, lists go by their `index`."""
    if new is None:
        return old
    if isinstance(new, str):
        if isinstance(old, _Pieces):
            old.append(new)
            return old
        if isinstance(old, list):  # list content that goes on as plain text
            return _merged(old, [{"type": "text", "text": new}])
        return _Pieces([new])
    if isinstance(new, list):
        if isinstance(old, _Pieces):
            old = [{"type": "text", "text": old}] if "".join(old) else []
        items = old if isinstance(old, list) else []
        for item in new:
            _merge_item(items, item)
        return items
    if isinstance(new, dict):
        target = old if isinstance(old, dict) else {}
        for key, value in new.items():
            target[key] = value if key in _CONSTANT else _merged(target.get(key), value)
        return target
    return new


_CONSTANT = {"index", "type", "id", "format"}


def _merge_item(items: list[Any], item: Any) -> None:
    if isinstance(item, dict):
        last = items[-1] if items else None
        for other in items if "index" in item else [last]:
            if (
                isinstance(other, dict)
                and other.get("index") == item.get("index")
                and other.get("type") == item.get("type")
                and ("index" in item or item.get("type") in ("text", "thinking"))
            ):
                _merged(other, item)
                return
        item = _merged({}, item)
    items.append(item)


def _settled(value: Any) -> Any:
    if isinstance(value, _Pieces):
        return "".join("".join(piece) if isinstance(piece, list) else piece for piece in value)
    if isinstance(value, list):
        return [_settled(item) for item in value]
    if isinstance(value, dict):
        return {key: _settled(item) for key, item in value.items()}
    return value
