"""Anthropic's Messages stream: wire dicts to Events.

https://docs.anthropic.com/en/docs/build-with-claude/streaming, and what anthropic 2.12
accumulates; `Turn.message` equals its `get_final_message()`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from ..events import JSON, Meta, Refusal, ToolResult, Usage
from ..pieces import Pieces
from .cut_json import partial_json
from .digits import spoken
from .error_fields import failure_of
from .errors import from_body
from .reader import Reader
from .shown import shown
from .stop_reasons import is_word
from .surrogates import mend_all
from .tool_calls import OpenCall
from .turn import Turn, added, count, only_text, place

PROVIDER = "anthropic"

_CLIENT_TOOL = "tool_use"
_SERVER_TOOLS = {"server_tool_use", "mcp_tool_use"}

# Beside results, what a text is set off from. Blocks that we do not know are as if not there.
_ASIDE = (_CLIENT_TOOL, "redacted_thinking")

_RESULTS = ("web_search_result", "web_fetch_result")

# Where a block keeps the text that its deltas bring.
_TEXT_FIELD = {"text": "text", "thinking": "thinking", "compaction": "content"}


class AnthropicReader(Reader):
    """Reads one stream of Messages."""

    def __init__(self, turn: Turn) -> None:
        super().__init__(turn)
        self.content: list[JSON] = []  # all blocks, in order
        self.blocks: dict[str, JSON] = {}  # those of the current message, by its own index
        self.pieces = defaultdict[str, Pieces](Pieces)  # of a block's text or thinking
        self.calls: dict[str, OpenCall] = {}
        self.called = False  # a tool that the app must run
        self.raw_usage: JSON = {}
        self.handlers = {
            "message_start": self.message_start,
            "content_block_start": self.block_start,
            "content_block_delta": self.block_delta,
            "content_block_stop": self.block_stop,
            "message_delta": self.message_delta,
            "message_stop": self.message_stop,
            "error": self.error,
        }

    def handle(self, d: JSON) -> None:
        kind = only_text(d.get("type"))
        handler = self.handlers.get(kind)
        if handler is None or ("error" in d and kind != "error"):
            failure = failure_of(d)  # a gateway's, in another dialect
            if failure is not None:
                self.error({"error": failure})
                return
        if handler is not None:
            handler(d)

    def message_start(self, d: JSON) -> None:
        message = d.get("message") or {}
        self.turn.complete = False  # behind another message's stop reason, too
        # A provider that starts over counts its blocks from 0 again; what it had shown stays.
        self.close_all()
        self.prose.aside()
        self.turn.message = {"role": message.get("role") or "assistant", "content": self.content}
        model, id = only_text(message.get("model")), only_text(message.get("id"))
        self.turn.tell(Meta(PROVIDER, model or None, id or None))
        self.use(message.get("usage"))
        # Answers to programmatic tool calls come whole, inside message_start.
        for index, block in enumerate(message.get("content") or []):
            self.block_start({"index": index, "content_block": block})
            self.block_stop({"index": index})
        self.stopped(message)

    def block_start(self, d: JSON) -> None:
        index = _place(d)
        given: JSON = d.get("content_block") or {}
        if not self.turn.keep(given):
            return
        block: JSON = mend_all(dict(given))
        if index in self.blocks:  # some proxies give every block the same index
            self.block_stop({"index": index})
            self.settle_block(index)
            self.pieces.pop(index, None)
        self.content.append(block)
        self.blocks[index] = block
        kind = only_text(block.get("type"))
        if kind == "text":
            self.prose.text(self.piece(index, given.get("text")))
            return
        if kind == "thinking":
            self.thought(index, given.get("thinking"))
            return
        if kind in _SERVER_TOOLS or kind in _ASIDE or "tool_use_id" in block:
            self.prose.aside()
        if kind == _CLIENT_TOOL or kind in _SERVER_TOOLS:
            id = only_text(block.get("id")) or f"call_{len(self.content)}"
            block["id"] = id
            call = OpenCall(id, only_text(block.get("name")), kind in _SERVER_TOOLS)
            self.called = self.called or not call.server
            self.calls[index] = call
            if call.name:
                call.start(self.turn.tell)
        elif "tool_use_id" in block:
            self.tool_result(block)

    def block_delta(self, d: JSON) -> None:
        index = _place(d)
        delta: JSON = d.get("delta") or {}
        kind = delta.get("type")
        if kind == "text_delta":
            if self.is_of(index, "text"):
                self.prose.text(self.piece(index, delta.get("text")))
        elif kind == "thinking_delta":
            if self.is_of(index, "thinking"):
                self.thought(index, delta.get("thinking"))
        elif kind == "input_json_delta":
            if index in self.calls:
                call, piece = self.calls[index], spoken(delta.get("partial_json"))
                if not call.started:
                    self.turn.keep(piece)
                call.delta(piece, self.turn.tell)
        elif index not in self.blocks:
            return
        elif kind == "signature_delta":
            block, signature = self.blocks[index], delta.get("signature")
            self.turn.keep(signature, instead_of=block.get("signature"))
            block["signature"] = signature
        elif kind == "citations_delta":
            block, citation = self.blocks[index], delta.get("citation") or {}
            if not isinstance(block.get("citations"), list):
                block["citations"] = []
            self.turn.keep(citation)
            block["citations"].append(mend_all(citation))
            self.cited(citation)
        elif kind == "compaction_delta":
            self.turn.keep(self.piece(index, delta.get("content")))

    def is_of(self, index: str, kind: str) -> bool:
        """Whether the block is of this type; one whose start never came may be of any."""
        return bool(self.blocks.get(index, {}).get("type", kind) == kind)

    def thought(self, index: str, value: object) -> None:
        self.prose.reasoning(self.piece(index, value), id(self.blocks.get(index)))

    def piece(self, index: str, value: object) -> str:
        text = spoken(value)
        if text:
            self.pieces[index].add(text)
        return text

    def block_stop(self, d: JSON) -> None:
        index = _place(d)
        if index in self.calls:
            self.close_call(index)

    def message_delta(self, d: JSON) -> None:
        self.use(d.get("usage"))
        delta = d.get("delta") or {}
        self.stopped(delta)
        # The classifier's word on why: all that a refused user would see.
        explanation = only_text((delta.get("stop_details") or {}).get("explanation"))
        if self.turn.stop_reason == "refusal" and explanation:
            self.prose.aside()
            self.turn.tell(Refusal(explanation))

    def message_stop(self, d: JSON) -> None:
        self.turn.complete = self.turn.ended = True

    def error(self, d: JSON) -> None:
        self.turn.fail(from_body(d.get("error") or d))

    def finish(self) -> None:
        """What the stream's end leaves to say; a cut may have left calls open."""
        self.prose.end()
        self.close_all()
        if self.turn.complete and self.turn.stop_reason is None and self.called:
            self.turn.stop_reason = "tool_calls"
        if self.turn.usage is not None:
            self.turn.tell(self.turn.usage)

    def close_all(self) -> None:
        for index in list(self.calls):
            self.close_call(index, whole=False)
        self.settle()
        self.blocks.clear()
        self.pieces.clear()

    def close_call(self, index: str, *, whole: bool = True) -> None:
        call, block = self.calls.pop(index), self.blocks[index]
        if call.pieces:
            block["input"] = mend_all(partial_json(call.text))
        elif block.get("input"):  # given whole when the block started
            call.given = json.dumps(block["input"], ensure_ascii=False)
        self.turn.tell(call.end(whole=self.turn.complete or whole))

    def settle(self) -> None:
        """Put the pieces of texts together, for `Turn.message`."""
        for index in self.pieces:
            self.settle_block(index)

    def settle_block(self, index: str) -> None:
        block = self.blocks.get(index) or {}
        field = _TEXT_FIELD.get(only_text(block.get("type")))
        if field and index in self.pieces:
            block[field] = mend_all(self.pieces[index].text)

    def stopped(self, source: JSON) -> None:
        reason = only_text(source.get("stop_reason"))
        if is_word(reason):
            self.turn.stop(reason)

    def use(self, usage: object) -> None:
        """Counts are running totals; those that a later event leaves out keep their value."""
        if not isinstance(usage, dict):
            return
        raw = self.raw_usage
        told = mend_all(usage)
        self.turn.use(raw, {k: v for k, v in told.items() if v is not None or k not in raw})
        read = count(raw, "cache_read_input_tokens")
        written = count(raw, "cache_creation_input_tokens")
        fresh = count(raw, "input_tokens")
        self.turn.usage = Usage(
            input_tokens=None if fresh is None else added(fresh, read, written),
            output_tokens=count(raw, "output_tokens"),
            cache_read_tokens=read,
            cache_write_tokens=written,
            reasoning_tokens=count(raw, "output_tokens_details", "thinking_tokens"),
        )

    def tool_result(self, block: JSON) -> None:
        content = block.get("content")
        kind = only_text(content.get("type")) if isinstance(content, dict) else ""
        is_error = bool(block.get("is_error")) or kind.endswith("_error")
        id = only_text(block.get("tool_use_id"))
        self.turn.tell(ToolResult(id, shown(content), is_error=is_error))
        for item in content if isinstance(content, list) else [content]:
            if isinstance(item, dict) and item.get("type") in _RESULTS:
                title = item.get("title") or _title(item.get("content"))
                self.turn.new_source(item.get("url"), title)

    def cited(self, citation: JSON) -> None:
        self.turn.new_source(
            citation.get("url") or citation.get("source"),
            citation.get("title"),
            citation.get("cited_text"),
            citation.get("document_title"),
        )


def _place(d: JSON) -> str:
    return place(d.get("index")) or "0"


def _title(document: Any) -> Any:
    return document.get("title") if isinstance(document, dict) else None
