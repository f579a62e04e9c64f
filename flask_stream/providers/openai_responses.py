"""OpenAI's Responses stream: wire dicts to Events.

https://platform.openai.com/docs/api-reference/responses-streaming; `Turn.message` equals
the final `response.output`. Items are told apart by `output_index`: some proxies give an
item another id in every event.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from ..events import Event, Meta, Refusal, ToolCall, ToolResult, Usage
from . import stops
from .digits import written
from .errors import from_body
from .prose import Prose
from .responses_output import Output, texts_of
from .surrogates import mend_all
from .turn import JSON, OpenCall, Turn, count, follow, tool_call, without_blobs, words

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

# Around the code interpreter's code, which comes as it is.
_CODE_BEGINS, _CODE_ENDS = '{"code": "', '"}'


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
        self.has_text = self.has_refusal = False
        self.prose = Prose()
        self.output = Output()
        self.streamed: dict[Any, set[tuple[str, Any]]] = {}  # by item: texts that have come
        self.told_whole = False  # an item's texts, once it was whole
        self.spoken: tuple[str, Any, Any] | None = None  # which part of which item
        self.handlers = {
            "response.created": self.created,
            "response.output_item.added": self.item_added,
            "response.output_item.done": self.item_done,
            "response.output_text.delta": self.text_delta,
            "response.output_text.done": self.text_done,
            "response.output_text.annotation.added": self.annotation_added,
            "response.refusal.delta": self.refusal_delta,
            "response.refusal.done": self.refusal_done,
            "response.reasoning_summary_text.delta": self.summary_delta,
            "response.reasoning_summary_text.done": self.summary_done,
            "response.reasoning_summary_part.done": self.summary_part_done,
            "response.reasoning_text.delta": self.reasoning_delta,
            "response.reasoning_text.done": self.reasoning_done,
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
            "error": self.error,
        }

    def handle(self, d: JSON) -> Iterator[Event]:
        handler = self.handlers.get(words(d.get("type")))
        return handler(d) if handler is not None else iter(())

    # -- the response -------------------------------------------------------------------

    def created(self, d: JSON) -> Iterator[Event]:
        response = d.get("response") or {}
        model, id = words(response.get("model")), words(response.get("id"))
        yield Meta(PROVIDER, model or None, id or None)

    def completed(self, d: JSON) -> Iterator[Event]:
        yield from self.finish(d, "completed")
        if self.called:
            self.turn.stop_reason = "tool_calls"
        elif self.has_refusal and not self.has_text:
            self.turn.stop_reason = "refusal"
        else:
            self.turn.stop_reason = "stop"

    def incomplete(self, d: JSON) -> Iterator[Event]:
        details = (d.get("response") or {}).get("incomplete_details") or {}
        reason = words(details.get("reason"))
        yield from self.finish(d, f"incomplete:{reason}" if reason else "incomplete")
        meaning = stops.meaning(reason) or stops.OTHER
        self.turn.stop_reason = stops.OTHER if meaning == stops.INTERRUPTED else meaning

    def finish(self, d: JSON, reason: str) -> Iterator[Event]:
        response = d.get("response") or {}
        yield from self.close_calls(whole=True)
        self.turn.provider_stop_reason = reason
        self.turn.complete = self.turn.ended = True
        self.use(response.get("usage"))
        output = response.get("output") or []
        if not (self.streamed or self.opened or self.told_whole):  # all of it came only here
            for index, item in enumerate(output):
                yield from self.whole_item({"output_index": index}, item)
        if output:  # some proxies leave it empty: the items' own ends and pieces serve
            self.turn.message = mend_all(output)

    def failed(self, d: JSON) -> Iterator[Event]:
        response = d.get("response") or {}
        self.turn.provider_stop_reason = "failed"
        self.turn.error = self.turn.error or from_body(response.get("error"))
        self.turn.ended = True
        self.use(response.get("usage"))
        yield from ()

    def error(self, d: JSON) -> Iterator[Event]:
        """Comes nested or flat; `response.failed` may follow, which tells the status."""
        self.turn.error = from_body(d.get("error") or d)
        yield from ()

    def settle(self) -> None:
        if self.turn.message is None:
            self.turn.message = self.output.turn(whole=self.turn.complete)

    def end(self) -> Iterator[Event]:
        yield from self.prose.end()
        yield from self.close_calls(whole=self.turn.complete)
        if self.turn.usage is not None:
            yield self.turn.usage

    def use(self, raw: object) -> None:
        if not isinstance(raw, dict) or not raw:
            return
        self.turn.raw_usage = raw
        self.turn.usage = Usage(
            input_tokens=count(raw, "input_tokens"),
            output_tokens=count(raw, "output_tokens"),
            cache_read_tokens=count(raw, "input_tokens_details", "cached_tokens"),
            cache_write_tokens=count(raw, "input_tokens_details", "cache_write_tokens"),
            reasoning_tokens=count(raw, "output_tokens_details", "reasoning_tokens"),
        )

    # -- texts --------------------------------------------------------------------------

    def text_delta(self, d: JSON) -> Iterator[Event]:
        yield from self.text(self.piece("text", d, d.get("delta"), "content_index"))

    def text_done(self, d: JSON) -> Iterator[Event]:
        yield from self.text(self.whole("text", d, d.get("text"), "content_index"))

    def refusal_delta(self, d: JSON) -> Iterator[Event]:
        yield from self.refusal(self.piece("refusal", d, d.get("delta"), "content_index"))

    def refusal_done(self, d: JSON) -> Iterator[Event]:
        yield from self.refusal(self.whole("refusal", d, d.get("refusal"), "content_index"))

    def summary_delta(self, d: JSON) -> Iterator[Event]:
        yield from self.prose.reasoning(self.piece("summary", d, d.get("delta"), "summary_index"))

    def summary_done(self, d: JSON) -> Iterator[Event]:
        yield from self.prose.reasoning(self.whole("summary", d, d.get("text"), "summary_index"))

    def summary_part_done(self, d: JSON) -> Iterator[Event]:
        yield from self.summary_done({**d, "text": (d.get("part") or {}).get("text")})

    def reasoning_delta(self, d: JSON) -> Iterator[Event]:
        piece = self.piece("reasoning", d, d.get("delta"), "content_index")
        yield from self.prose.reasoning(piece)

    def reasoning_done(self, d: JSON) -> Iterator[Event]:
        yield from self.prose.reasoning(self.whole("reasoning", d, d.get("text"), "content_index"))

    def text(self, piece: str) -> Iterator[Event]:
        self.has_text = self.has_text or bool(piece)
        yield from self.prose.text(piece)

    def refusal(self, piece: str) -> Iterator[Event]:
        if piece:
            self.has_refusal = True
            yield Refusal(piece)

    def piece(self, kind: str, d: JSON, value: object, part_index: str) -> str:
        """A text's next piece. One of another part begins anew, as far as its kind has parts:
        messages are set off from each other, what one message holds is not."""
        index, part, text = d.get("output_index"), d.get(part_index), written(value)
        if text:
            self.streamed.setdefault(index, set()).add((kind, part))
            self.output.add(index, kind, part, text)
            spoken = (kind, index, part if kind in ("summary", "reasoning") else None)
            if self.spoken is not None and spoken != self.spoken:
                self.prose.part()
            self.spoken = spoken
        return text

    def whole(self, kind: str, d: JSON, value: object, part_index: str) -> str:
        """A text that has not come in pieces before."""
        if (kind, d.get(part_index)) in self.streamed.get(d.get("output_index"), ()):
            return ""
        return self.piece(kind, d, value, part_index)

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
        self.output.begin(d.get("output_index"), item)
        if _is_call(item):
            yield from self.open_call(d, item)

    def open_call(self, d: JSON, item: JSON) -> Iterator[Event]:
        kind = item["type"]
        index = d.get("output_index") or 0
        id = words(item.get("call_id")) or words(item.get("id")) or f"call_{index}"
        name = words(item.get("name")) or kind.removesuffix("_call")
        self.opened = True
        yield from self.prose.interrupt()
        self.calls[index] = OpenCall(id, name, kind in _SERVER_TOOLS)
        self.calls[index].given = words(item.get("arguments")) or words(item.get("input"))
        yield self.calls[index].start()

    def arguments_delta(self, d: JSON) -> Iterator[Event]:
        call = self.calls.get(d.get("output_index") or 0)
        if call is not None:
            piece = written(d.get("delta"))
            self.output.add(d.get("output_index"), "arguments", None, piece)
            yield from call.delta(piece)

    def code_delta(self, d: JSON) -> Iterator[Event]:
        """Code is no JSON text, as other tools' arguments are: it is made one, piece by piece."""
        call = self.calls.get(d.get("output_index") or 0)
        code = written(d.get("delta"))
        if call is not None and code:
            quoted = json.dumps(code, ensure_ascii=False)[1:-1]
            yield from call.delta(quoted if call.pieces else _CODE_BEGINS + quoted)

    def arguments_done(self, d: JSON) -> Iterator[Event]:
        call = self.calls.get(d.get("output_index") or 0)
        if call is not None:
            call.given = words(d.get("arguments")) or words(d.get("input"))
        yield from ()

    def item_done(self, d: JSON) -> Iterator[Event]:
        item = d.get("item") or {}
        if not item:
            return
        self.output.end(d.get("output_index"), item)
        yield from self.whole_item(d, item)

    def whole_item(self, d: JSON, item: JSON) -> Iterator[Event]:
        """What an item holds, where it did not come in pieces before."""
        index = d.get("output_index") or 0
        self.called = self.called or item.get("type") in _OTHER_CLIENT_TOOLS
        # Pieces without an index may be of any item: better nothing twice.
        if index not in self.streamed and None not in self.streamed:
            yield from self.whole_texts(index, item)
        if not _is_call(item):
            return
        if index not in self.calls:
            yield from self.open_call(d, item)
        call = self.calls.pop(index)
        yield from _end_of_code(call)
        yield self.close_call(call, item)
        yield from self.tool_result(item)

    def whole_texts(self, index: int, item: JSON) -> Iterator[Event]:
        kind = item.get("type")
        if kind not in ("message", "reasoning"):
            return
        self.told_whole = True
        self.prose.part()
        if kind == "message":
            for part in item.get("content") or []:
                yield from self.text(written(part.get("text")))
                yield from self.refusal(written(part.get("refusal")))
            return
        for text in texts_of(item, "summary") or texts_of(item, "content"):
            self.prose.part()
            yield from self.prose.reasoning(text)

    def close_call(self, call: OpenCall, item: JSON) -> Event:
        self.called = self.called or not call.server
        kind = item["type"]
        if kind == "custom_tool_call":  # its input is free text, not JSON
            return ToolCall(call.id, call.name, item.get("input", call.text))
        if kind == "code_interpreter_call":
            if call.pieces:
                return call.end()
            return ToolCall(call.id, call.name, {"code": item.get("code") or ""}, server=True)
        arguments = item.get("arguments", call.text)
        if isinstance(arguments, str):
            arguments = arguments or call.text
        if kind in ("web_search_call", "file_search_call", "image_generation_call"):
            known = item.get("action") or {
                key: item[key] for key in ("queries", "revised_prompt") if item.get(key)
            }
            return ToolCall(call.id, call.name, mend_all(known), server=True)
        if not isinstance(arguments, str):
            return ToolCall(call.id, call.name, arguments, server=call.server)
        return tool_call(call.id, call.name, arguments, server=call.server)

    def close_calls(self, *, whole: bool) -> Iterator[Event]:
        """Calls that the stream left open: cut off, or from a proxy that sends no ends."""
        for index in list(self.calls):
            call = self.calls.pop(index)
            self.called = self.called or not call.server
            whole = whole and self.turn.error is None
            if whole:
                yield from _end_of_code(call)
            yield call.end(whole=whole)

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
            yield ToolResult(id, mend_all(item["error"]), name, is_error=True)
        result = item.get(_RESULT_FIELD.get(kind, ""))
        if kind == "image_generation_call" and result:  # base64: what it is, and not the picture
            result = {key: item[key] for key in _OF_PICTURE if item.get(key)}
        if result:
            yield ToolResult(id, without_blobs(mend_all(result)), name)


_RESULT_FIELD = {
    "file_search_call": "results",
    "code_interpreter_call": "outputs",
    "image_generation_call": "result",
    "mcp_call": "output",
}


_OF_PICTURE = ("output_format", "size", "quality", "background", "status")


def _end_of_code(call: OpenCall) -> Iterator[Event]:
    """Makes the code that came in pieces a whole JSON text."""
    if call.server and call.name == "code_interpreter" and call.pieces:
        yield from call.delta(_CODE_ENDS)


def _is_call(item: JSON) -> bool:
    kind = words(item.get("type"))
    if kind == "tool_search_call" and item.get("execution") == "client":
        return False
    return kind in _CLIENT_TOOLS or kind in _SERVER_TOOLS
