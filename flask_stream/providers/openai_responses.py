"""OpenAI's Responses stream: wire dicts to Events.

https://platform.openai.com/docs/api-reference/responses-streaming; `Turn.message` equals
the final `response.output`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from ..events import Event, Meta, Refusal, ToolCall, ToolResult, Usage
from .digits import spoken
from .errors import from_body
from .failures import failure_of
from .prose import Prose
from .responses_output import PARTS, Item, Output, exact
from .shown import shown
from .surrogates import mend, mend_all
from .turn import JSON, OpenCall, Turn, count, follow, tool_call, words

PROVIDER = "openai"

_CLIENT_TOOLS = {"function_call", "custom_tool_call"}
_SERVER_TOOLS = {
    "web_search_call",
    "file_search_call",
    "code_interpreter_call",
    "image_generation_call",
    "mcp_call",
    "tool_search_call",
}
# These the app must answer too, from their items in `Result.message`: they are no functions.
_OTHER_CLIENT_TOOLS = {
    "computer_call",
    "local_shell_call",
    "shell_call",
    "apply_patch_call",
    "mcp_approval_request",
}
# Of a response: it failed, or somebody or something has ended it early.
_FAILED = ("failed", "cancelled")


def read(dicts: Iterable[JSON], turn: Turn | None = None) -> Iterator[Event]:
    """The events of one stream; `turn` is filled on the way."""
    turn = turn or Turn()
    reader = _Reader(turn)
    try:
        yield from follow(dicts, reader.handle)
        yield from reader.end()
    finally:
        reader.settle()


class _Reader:
    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.calls: dict[int, OpenCall] = {}
        self.opened = False  # a call, of whomsoever
        self.called = False  # a tool that the app must run
        self.has_refusal = False
        self.prose = Prose()
        self.output = Output()
        self.speaking: Item | None = None  # the item whose text was told last
        self.given: Any = None  # the whole output, which the last event brings
        self.handlers = {
            "response.created": self.created,
            "response.output_item.added": self.item_added,
            "response.output_item.done": self.item_done,
            "response.output_text.delta": self.text_delta,
            "response.output_text.done": self.text_done,
            "response.output_text.annotation.added": self.annotation_added,
            "response.refusal.delta": self.refusal_delta,
            "response.refusal.done": self.refusal_done,
            "response.content_part.done": self.part_done,
            "response.reasoning_summary_part.done": self.part_done,
            "response.reasoning_summary_text.delta": self.summary_delta,
            "response.reasoning_summary_text.done": self.summary_done,
            "response.reasoning_text.delta": self.thought_delta,
            "response.reasoning_text.done": self.thought_done,
            "response.function_call_arguments.delta": self.arguments_delta,
            "response.custom_tool_call_input.delta": self.arguments_delta,
            "response.mcp_call_arguments.delta": self.arguments_delta,
            "response.code_interpreter_call_code.delta": self.code_delta,
            "response.function_call_arguments.done": self.arguments_done,
            "response.custom_tool_call_input.done": self.arguments_done,
            "response.mcp_call_arguments.done": self.arguments_done,
            "response.completed": self.completed,
            "response.incomplete": self.incomplete,
            "response.failed": self.failed,
            "response.cancelled": self.failed,
            "response.error": self.error,
            "error": self.error,
        }

    def handle(self, d: JSON) -> Iterable[Event]:
        kind = words(d.get("type"))
        handler = self.handlers.get(kind)
        if handler is not None:
            return handler(d)
        # A gateway's, in another dialect; of the wire's own, some are about one item only.
        failure = None if kind.startswith("response.") else failure_of(d)
        return () if failure is None else self.error({"error": failure})

    # -- the response -------------------------------------------------------------------

    def created(self, d: JSON) -> Iterator[Event]:
        response = d.get("response") or {}
        model, id = words(response.get("model")), words(response.get("id"))
        yield Meta(PROVIDER, model or None, id or None)

    def completed(self, d: JSON) -> Iterator[Event]:
        """Its status has the last word: some name every last event so."""
        response = d.get("response") or {}
        status = response.get("status")
        if status in _FAILED or response.get("error"):
            yield from self.failed(d)
            return
        if status == "incomplete":
            yield from self.incomplete(d)
            return
        yield from self.finish(d)
        self.turn.provider_stop_reason = "completed"
        self.turn.complete = True
        if self.called:
            self.turn.stop_reason = "tool_calls"
        elif self.has_refusal and not self.prose.has_text:
            self.turn.stop_reason = "refusal"
        else:
            self.turn.stop_reason = "stop"

    def incomplete(self, d: JSON) -> Iterator[Event]:
        details = (d.get("response") or {}).get("incomplete_details") or {}
        reason = words(details.get("reason"))
        yield from self.finish(d)
        self.turn.stop(reason)
        self.turn.provider_stop_reason = f"incomplete:{reason}" if reason else "incomplete"

    def finish(self, d: JSON) -> Iterator[Event]:
        response = d.get("response") or {}
        yield from self.close_calls(whole=True)
        self.turn.ended = True
        self.use(response.get("usage"))
        output = response.get("output")
        if not (self.output.is_told or self.opened):  # all of it came only here
            for index, item in enumerate(output or []):
                yield from self.item_done({"output_index": index, "item": item})
        self.given = output  # some proxies leave it empty: what came before serves

    def failed(self, d: JSON) -> Iterator[Event]:
        response = d.get("response") or {}
        self.turn.provider_stop_reason = words(response.get("status")) or "failed"
        self.turn.fail(from_body(response.get("error") or failure_of(response)))
        self.use(response.get("usage"))
        yield from ()

    def error(self, d: JSON) -> Iterator[Event]:
        """Comes nested or flat; `response.failed` may follow, which tells the status."""
        self.turn.error = self.turn.error or from_body(d.get("error") or d)
        yield from ()

    def end(self) -> Iterator[Event]:
        yield from self.prose.end()
        yield from self.close_calls(whole=self.turn.complete)
        if self.turn.usage is not None:
            yield self.turn.usage

    def settle(self) -> None:
        if isinstance(self.given, list) and self.given:
            self.turn.message = exact(self.given)
        else:
            self.turn.message = self.output.message(whole=self.turn.complete)

    def use(self, raw: object) -> None:
        if not isinstance(raw, dict) or not raw:
            return
        self.turn.raw_usage = mend_all(raw)
        self.turn.usage = Usage(
            input_tokens=count(raw, "input_tokens"),
            output_tokens=count(raw, "output_tokens"),
            cache_read_tokens=count(raw, "input_tokens_details", "cached_tokens"),
            cache_write_tokens=count(raw, "input_tokens_details", "cache_write_tokens"),
            reasoning_tokens=count(raw, "output_tokens_details", "reasoning_tokens"),
        )

    # -- texts --------------------------------------------------------------------------

    def text_delta(self, d: JSON) -> Iterable[Event]:
        return self.text(self.output.piece("text", d, d.get("delta")))

    def text_done(self, d: JSON) -> Iterable[Event]:
        return self.whole("text", d, d.get("text"))

    def text(self, text: str) -> Iterable[Event]:
        if not text:
            return ()
        if self.output.current is self.speaking:
            return self.prose.text(text)
        self.speaking = self.output.current
        return (*self.prose.aside(), *self.prose.text(text))

    def refusal_delta(self, d: JSON) -> Iterable[Event]:
        return self.refusal(self.output.piece("refusal", d, d.get("delta")))

    def refusal_done(self, d: JSON) -> Iterable[Event]:
        return self.whole("refusal", d, d.get("refusal"))

    def refusal(self, text: str) -> Iterable[Event]:
        if not text:
            return ()
        self.has_refusal = True
        return (*self.prose.aside(), Refusal(text))

    def summary_delta(self, d: JSON) -> Iterable[Event]:
        return self.reasoning("summary", d, d.get("delta"))

    def summary_done(self, d: JSON) -> Iterable[Event]:
        return self.whole("summary", d, d.get("text"))

    def thought_delta(self, d: JSON) -> Iterable[Event]:
        return self.reasoning("thought", d, d.get("delta"))

    def thought_done(self, d: JSON) -> Iterable[Event]:
        return self.whole("thought", d, d.get("text"))

    def reasoning(self, kind: str, d: JSON, text: object) -> Iterable[Event]:
        piece = self.output.piece(kind, d, text)
        index = d.get("summary_index" if kind == "summary" else "content_index")
        return self.prose.reasoning(piece, (id(self.output.current), kind, index))

    def whole(self, kind: str, d: JSON, text: object) -> Iterable[Event]:
        """A text, where it did not come in pieces before."""
        if not self.output.is_new(kind, d):
            return ()
        if kind == "text":
            return self.text(self.output.piece(kind, d, text))
        if kind == "refusal":
            return self.refusal(self.output.piece(kind, d, text))
        return self.reasoning(kind, d, text)

    def part_done(self, d: JSON) -> Iterable[Event]:
        part = d.get("part") or {}
        for kind, (_, _, type, name) in PARTS.items():
            if part.get("type") == type:
                return self.whole(kind, d, part.get(name))
        return ()

    def annotation_added(self, d: JSON) -> Iterator[Event]:
        annotation = d.get("annotation") or {}
        document = annotation.get("filename") or annotation.get("file_id")
        yield from self.turn.new_source(
            annotation.get("url"),
            annotation.get("title"),
            None,
            document if annotation.get("type") != "url_citation" else None,
        )

    # -- items --------------------------------------------------------------------------

    def item_added(self, d: JSON) -> Iterator[Event]:
        item = d.get("item") or {}
        self.output.begin(d, item)
        if _is_call(item):
            if (index := d.get("output_index") or 0) in self.calls:
                yield from self.close_open(index, whole=True)
            yield from self.open_call(d, item)

    def open_call(self, d: JSON, item: JSON) -> Iterator[Event]:
        yield from self.prose.aside()
        kind = item["type"]
        index = d.get("output_index") or 0
        id = words(item.get("call_id")) or words(item.get("id")) or f"call_{index}"
        name = words(item.get("name")) or kind.removesuffix("_call")
        self.opened = True
        self.calls[index] = OpenCall(id, name, kind in _SERVER_TOOLS)
        self.calls[index].given = words(item.get("arguments")) or words(item.get("input"))
        yield from self.calls[index].start()

    def arguments_delta(self, d: JSON) -> Iterator[Event]:
        call = self.calls.get(d.get("output_index") or 0)
        if call is not None:
            yield from call.delta(spoken(d.get("delta")))

    def code_delta(self, d: JSON) -> Iterator[Event]:
        """Code, as the JSON text that every call's deltas are: {"code": …}."""
        call = self.calls.get(d.get("output_index") or 0)
        if call is not None and (code := spoken(d.get("delta"))):
            text = json.dumps(code, ensure_ascii=False)[1:-1]
            yield from call.delta(text if call.pieces else f'{{"code": "{text}')

    def arguments_done(self, d: JSON) -> Iterator[Event]:
        call = self.calls.get(d.get("output_index") or 0)
        if call is not None:
            call.given = words(d.get("arguments")) or words(d.get("input"))
        yield from ()

    def item_done(self, d: JSON) -> Iterator[Event]:
        """What an item holds, where it did not come in pieces before."""
        given = d.get("item") or {}
        if not given:
            return
        item = self.output.begin(d, given, is_done=True)
        self.called = self.called or given.get("type") in _OTHER_CLIENT_TOOLS
        for kind, at, text in list(self.output.unsaid(item)):
            where = {"output_index": d.get("output_index"), "content_index": at}
            yield from self.whole(kind, {**where, "summary_index": at}, text)
        if not _is_call(given):
            return
        index = d.get("output_index") or 0
        if index not in self.calls:
            yield from self.open_call(d, given)
        yield from self.close_call(self.calls.pop(index), given)
        yield from self.tool_result(given)

    def close_call(self, call: OpenCall, item: JSON) -> Iterator[Event]:
        self.called = self.called or not call.server
        kind = item["type"]
        if kind == "code_interpreter_call" and call.pieces:
            yield from call.delta('"}')
        yield self.whole_call(call, kind, item)

    def whole_call(self, call: OpenCall, kind: str, item: JSON) -> Event:
        if kind == "custom_tool_call":  # its input is free text, not JSON
            return ToolCall(call.id, call.name, item.get("input", call.text))
        if kind == "code_interpreter_call":
            if (code := mend(spoken(item.get("code")))) or not call.pieces:
                return ToolCall(call.id, call.name, {"code": code}, server=True)
            return call.end()
        arguments = item.get("arguments", call.text)
        if isinstance(arguments, str):
            arguments = arguments or call.text
        if kind in ("web_search_call", "file_search_call", "image_generation_call"):
            known = item.get("action") or {
                key: item[key] for key in ("queries", "revised_prompt") if item.get(key)
            }
            return ToolCall(call.id, call.name, mend_all(known), server=True)
        if not isinstance(arguments, str):
            return ToolCall(call.id, call.name, mend_all(arguments), server=call.server)
        return tool_call(call.id, call.name, arguments, server=call.server)

    def close_calls(self, *, whole: bool) -> Iterator[Event]:
        """Calls that the stream left open: cut off, or from a proxy that sends no ends."""
        for index in list(self.calls):
            yield from self.close_open(index, whole=self.turn.error is None and whole)

    def close_open(self, index: int, *, whole: bool) -> Iterator[Event]:
        call = self.calls.pop(index)
        self.called = self.called or not call.server
        item = self.output.at({"output_index": index}) or self.output.at({})
        is_code = item is not None and item.kind == "code_interpreter_call"
        if is_code and call.pieces and whole:
            yield from call.delta('"}')
        event = call.end(whole=whole)
        if item is not None and not item.is_done:
            is_object = is_code and isinstance(event.arguments, dict)
            item.input = event.arguments.get("code", "") if is_object else call.text
        yield event

    def tool_result(self, item: JSON) -> Iterator[Event]:
        """What came back to a tool that the provider ran, where it says so."""
        kind = item["type"]
        id = words(item.get("call_id")) or words(item.get("id"))
        name = words(item.get("name")) or kind.removesuffix("_call")
        if kind == "web_search_call":
            for source in (item.get("action") or {}).get("sources") or []:
                yield from self.turn.new_source(source.get("url"), source.get("title"))
        elif kind == "file_search_call":
            for found in item.get("results") or []:
                yield from self.turn.new_source(document=found.get("filename"))
        elif kind == "mcp_call" and item.get("error"):
            yield ToolResult(id, shown(mend_all(item["error"])), name, is_error=True)
        elif kind == "image_generation_call" and item.get("result"):  # the picture, in base64
            told = {key: item[key] for key in _OF_A_PICTURE if item.get(key)}
            yield ToolResult(id, {"type": "image", **mend_all(told)}, name)
        if result := item.get(_RESULT_FIELD.get(kind, "")):
            yield ToolResult(id, shown(mend_all(result)), name)


_RESULT_FIELD = {
    "file_search_call": "results",
    "code_interpreter_call": "outputs",
    "mcp_call": "output",
}
_OF_A_PICTURE = ("output_format", "size", "quality", "background", "revised_prompt")


def _is_call(item: JSON) -> bool:
    kind = words(item.get("type"))
    if kind == "tool_search_call" and item.get("execution") == "client":
        return False
    return kind in _CLIENT_TOOLS or kind in _SERVER_TOOLS
