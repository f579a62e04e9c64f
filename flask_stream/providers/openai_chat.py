"""OpenAI's Chat Completions stream, and its many dialects: wire dicts to Events.

https://platform.openai.com/docs/api-reference/chat-streaming; `Turn.message` equals what
openai 3.54 accumulates (`get_final_completion()`), where it copes. The dialects' oddities
were seen in recordings of Azure, DeepSeek, Groq, Mistral, Moonshot, Novita, OpenRouter,
Perplexity, Qwen, Snowflake, vLLM and xAI, and in reports on many more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..events import JSON, Meta, Refusal, Usage
from .chat_calls import FUNCTION_CALL, Calls
from .chat_message import merge, settled
from .digits import spoken
from .error_fields import failure_in, failure_of
from .errors import from_body
from .executed_tools import ExecutedTools
from .reader import Reader
from .stop_reasons import is_word
from .surrogates import mend_all
from .turn import DONE, Turn, count, only_text, understood

PROVIDER = "openai"

# DeepSeek's, OpenRouter's and GitHub Copilot's; Groq's and vLLM's are the second.
_REASONING = ("reasoning_content", "reasoning", "reasoning_text")
# What the chunk of a plain word has, its choice and its delta; there is one for each token.
_PLAIN_CHUNK = {
    *("id", "object", "created", "model", "choices", "usage", "system_fingerprint"),
    *("service_tier", "obfuscation", "provider"),
}
_PLAIN_CHOICE = {"index", "delta", "finish_reason", "native_finish_reason", "logprobs"}
_PLAIN = {"content", "role"}
# The types of parts, where content is a list: those without one hold text.
_THOUGHTS = ("thinking", "reasoning", "reasoning_text", "summary_text")
_TEXTS = ("text", "output_text", "input_text", None)


class ChatReader(Reader):
    """Reads one stream of Chat Completions. Only choice 0 is read."""

    def __init__(self, turn: Turn) -> None:
        super().__init__(turn)
        self.meta: Meta | None = None
        self.message: JSON = {}
        self.calls = Calls(turn)
        self.executed = ExecutedTools(turn)
        self.has_refusal = False
        self.raw_usage: JSON = {}
        self.lists: tuple[object, object] | None = None  # of what was searched
        self.is_strange = False  # the last dict was no chunk

    def handle(self, d: JSON) -> None:
        if d is DONE:
            self.prose.end()
            # Behind nothing that was said, or what was not understood, it is no sign of success.
            said = self.prose.has_words or self.has_refusal or bool(self.calls)
            self.turn.complete = self.turn.complete or (said and not self.is_strange)
            self.turn.ended = True
            return
        # Once who answers is known, and until the answer ends, a plain word is nothing else.
        is_known = self.meta is not None and self.meta.model
        if is_known and not self.turn.complete and (delta := plain_delta(d)) is not None:
            self.is_strange = False
            self.text(delta["content"])
            merge(self.message, delta, self.turn.keep)
            return
        self.is_strange = "choices" not in d and "usage" not in d
        failure = failure_of(d)
        if failure is not None:  # what is said beside it is kept
            self.turn.fail(from_body(failure))
        # Some change their id with every chunk: the first that is whole is kept.
        if failure is None and (self.meta is None or not self.meta.model):
            meta = Meta(PROVIDER, only_text(d.get("model")) or None, only_text(d.get("id")) or None)
            if meta.model or (self.meta is None and meta.response_id):
                self.meta = meta
                self.turn.tell(meta)
        choices = d.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            understood(self.choice, choice)
        self.use(d.get("usage") or (d.get("x_groq") or {}).get("usage"))
        self.searched(d)

    def choice(self, choice: JSON) -> None:
        if choice.get("index"):
            return
        delta = choice.get("delta") or {}
        if not delta and isinstance(choice.get("text"), str | int | float):  # /v1/completions
            delta = {"content": choice["text"]}
        elif not delta and not self.message:  # a whole message in place of its deltas
            delta = choice.get("message") or {}
        if isinstance(delta, dict) and delta:
            understood(self.delta, delta)
            merge(self.message, delta, self.turn.keep)
        self.use(choice.get("usage"))  # Moonshot's place for it
        failure = failure_in(choice)
        if failure is None and isinstance(delta, dict):
            failure = failure_in(delta)
        if failure is not None:
            self.turn.fail(from_body(failure))
            return
        reason = only_text(choice.get("finish_reason"))
        if reason and is_word(reason):
            self.calls.tell_waiting()
            self.turn.stop(reason)

    def delta(self, delta: JSON) -> None:
        content = delta.get("content")
        if self.turn.complete and (content or delta.get("tool_calls")):
            self.turn.complete = False  # it goes on behind a stop reason: a gateway with tools
        self.reasoning(delta)
        if isinstance(content, str):
            self.text(content)
        elif isinstance(content, list):
            for part in content:
                understood(self.part, part)
        elif content is not None:
            self.part(content)
        if refusal := spoken(delta.get("refusal")):
            self.has_refusal = True
            self.calls.tell_waiting()
            self.prose.aside()
            self.turn.tell(Refusal(refusal))
        if calls := delta.get("tool_calls"):
            self.prose.aside()
            self.calls.pieces(calls)
        if delta.get("function_call"):  # deprecated, and without an id of its own
            self.prose.aside()
            function = delta["function_call"]
            self.calls.pieces([{"index": FUNCTION_CALL, "function": function}])
        for tool in delta.get("executed_tools") or []:
            self.prose.aside()
            understood(self.executed.tell, tool)
        for annotation in delta.get("annotations") or []:
            understood(self.cited, annotation)

    # -- what is said -------------------------------------------------------------------

    def text(self, text: str) -> None:
        if text:
            self.calls.tell_waiting()
            self.prose.text(text)

    def thought(self, text: str, part: object = None) -> None:
        if text:
            self.calls.tell_waiting()
            self.prose.reasoning(text, part)

    def reasoning(self, delta: JSON) -> None:
        """Each provider has a field of its own; where there are two, they say the same."""
        details = delta.get("reasoning_details")
        # OpenRouter's and Snowflake's, some of them encrypted.
        parts = [detail for detail in details or [] if isinstance(detail, Mapping)]
        for field in _REASONING:
            if text := spoken(delta.get(field)):
                self.thought(text, parts[0].get("index") if parts else None)
                return
        for detail in parts:
            text = spoken(detail.get("text")) or spoken(detail.get("summary"))
            self.thought(text, detail.get("index"))

    def part(self, part: Any) -> None:
        """What stands in a list, or in the place of a string."""
        if not isinstance(part, Mapping):
            self.text(spoken(part))
        elif (kind := part.get("type")) in _THOUGHTS:
            self.thoughts(part)
        elif kind == "refusal":
            self.delta({"refusal": part.get("refusal")})
        elif kind in _TEXTS:
            text = part.get("text")
            if isinstance(text, Mapping):  # Assistants': {"value": …, "annotations": […]}
                text = text.get("value")
            self.text(spoken(text))

    def thoughts(self, part: Mapping[str, Any]) -> None:
        """Mistral's and Anthropic's `thinking`, Databricks' `reasoning` with its summary."""
        for field in ("thinking", "summary", "reasoning", "content", "text"):
            value = part.get(field)
            if isinstance(value, list):
                texts = [spoken(v.get("text") if isinstance(v, Mapping) else v) for v in value]
            else:
                texts = [spoken(value)]
            for v in value if isinstance(value, list) else ():
                if isinstance(v, Mapping) and v.get("type") == "tool_reference":  # Mistral's
                    self.turn.new_source(v.get("url"), v.get("title"))
            if any(texts):
                for at, text in enumerate(texts):
                    self.thought(text, at if field == "summary" and at else None)
                return

    # -- what else is known -------------------------------------------------------------

    def cited(self, annotation: JSON) -> None:
        citation = annotation.get("url_citation") or {}
        document = annotation.get("document_citation") or {}  # Groq's
        self.turn.new_source(
            citation.get("url"),
            citation.get("title"),
            citation.get("content"),
            document.get("document_id"),
        )

    def searched(self, d: JSON) -> None:
        """Perplexity's lists, which it repeats on every chunk."""
        lists = (d.get("search_results"), d.get("citations"))
        if lists in (self.lists, (None, None)):  # as nearly always, and soon compared
            return
        self.lists = lists
        results = lists[0] or []
        for result in results:
            self.turn.new_source(result.get("url"), result.get("title"))
        named = {only_text(result.get("url")) for result in results}
        for url in lists[1] or []:
            if url not in named:
                self.turn.new_source(url)

    def use(self, usage: object) -> None:
        if not isinstance(usage, dict) or not usage:
            return
        raw = self.raw_usage
        self.turn.use(raw, mend_all(usage))
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

    def finish(self) -> None:
        turn = self.turn
        self.prose.end()
        self.calls.end(whole=turn.complete)
        if turn.complete and turn.stop_reason in (None, "stop"):
            turn.stop_reason = self.inferred_stop()
        elif turn.stop_reason == "other" and self.calls:
            turn.stop_reason = "tool_calls"
        if turn.usage is not None:
            turn.tell(turn.usage)

    def inferred_stop(self) -> str:
        """Where the provider says nothing, or «stop» whatever the message holds."""
        if self.calls:
            return "tool_calls"
        return "refusal" if self.has_refusal and not self.prose.has_text else "stop"

    def settle(self) -> None:
        if not self.message and not self.calls:
            return
        message = settled(self.message)
        message.setdefault("role", "assistant")
        message.setdefault("content", None)
        if calls := self.calls.message():
            message["tool_calls"] = calls
        self.turn.message = mend_all(message)


def plain_delta(d: JSON) -> JSON | None:
    """The delta of a chunk that has one more word and nothing else, as nearly all of them; or None.

    It is looked at once, where all that a chunk may have takes a dozen calls.
    """
    choices = d.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or not d.keys() <= _PLAIN_CHUNK:
        return None
    if d.get("usage") or d.get("object") == "error":
        return None
    choice = choices[0]
    if not isinstance(choice, dict) or not choice.keys() <= _PLAIN_CHOICE:
        return None
    if choice.get("index") or choice.get("finish_reason"):
        return None
    delta = choice.get("delta")
    if not isinstance(delta, dict) or not delta.keys() <= _PLAIN:
        return None
    return delta if isinstance(delta.get("content"), str) else None
