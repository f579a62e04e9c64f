"""Tool calls in Responses: the app's, and those that the provider answers itself."""

from __future__ import annotations

import json

from ..events import JSON, Event, ToolCall, ToolResult
from ..sse import mend
from .digits import spoken
from .responses_output import Output
from .shown import shown
from .surrogates import mend_all
from .tool_calls import OpenCall, tool_call
from .turn import Turn, only_text, place

_CLIENT_TOOLS = {"function_call", "custom_tool_call"}
_SERVER_TOOLS = {
    "web_search_call",
    "file_search_call",
    "code_interpreter_call",
    "image_generation_call",
    "mcp_call",
    "tool_search_call",
}
_RESULT_FIELD = {
    "file_search_call": "results",
    "code_interpreter_call": "outputs",
    "mcp_call": "output",
}
_OF_A_PICTURE = ("output_format", "size", "quality", "background", "revised_prompt")


def is_call(item: JSON) -> bool:
    kind = only_text(item.get("type"))
    if kind == "tool_search_call" and item.get("execution") == "client":
        return False
    return kind in _CLIENT_TOOLS or kind in _SERVER_TOOLS


class Calls:
    """The calls of one response, by their items' places.

    :ivar opened: there was one, of whomsoever.
    :ivar called: there was one that the app must answer.
    """

    def __init__(self, turn: Turn, output: Output) -> None:
        self.turn = turn
        self._tell = turn.tell
        self.output = output
        self.opened = self.called = False
        self._open: dict[str, OpenCall] = {}

    def added(self, d: JSON, item: JSON) -> None:
        if (index := _place(d)) in self._open:  # some give every item the same index
            self._close(index, whole=True)
        self._begin(d, item)

    def done(self, d: JSON, item: JSON) -> None:
        index = _place(d)
        if index not in self._open:
            self._begin(d, item)
        self._end(self._open.pop(index), item)
        self._result(item)

    def arguments_delta(self, d: JSON) -> None:
        call = self._open.get(_place(d))
        if call is not None:
            call.delta(spoken(d.get("delta")), self._tell)

    def code_delta(self, d: JSON) -> None:
        """Code, as the JSON text that every call's deltas are: {"code": …}."""
        call = self._open.get(_place(d))
        if call is not None and (code := spoken(d.get("delta"))):
            text = json.dumps(code, ensure_ascii=False)[1:-1]
            call.delta(text if call.pieces else f'{{"code": "{text}', self._tell)

    def arguments_done(self, d: JSON) -> None:
        call = self._open.get(_place(d))
        if call is not None:
            given = only_text(d.get("arguments")) or only_text(d.get("input"))
            self.turn.keep(given, instead_of=call.given)
            call.given = given

    def _begin(self, d: JSON, item: JSON) -> None:
        kind = item["type"]
        index = _place(d)
        id = only_text(item.get("call_id")) or only_text(item.get("id")) or f"call_{index}"
        name = only_text(item.get("name")) or kind.removesuffix("_call")
        self.opened = True
        call = self._open[index] = OpenCall(id, name, kind in _SERVER_TOOLS)
        call.is_custom = kind == "custom_tool_call"
        call.given = only_text(item.get("arguments")) or only_text(item.get("input"))
        call.start(self._tell)

    def _end(self, call: OpenCall, item: JSON) -> None:
        self.called = self.called or not call.server
        kind = item["type"]
        if kind == "code_interpreter_call" and call.pieces:
            call.delta('"}', self._tell)
        self._tell(self._whole(call, kind, item))

    def _whole(self, call: OpenCall, kind: str, item: JSON) -> Event:
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

    def close(self, *, whole: bool) -> None:
        """Calls that the stream left open: cut off, or from a proxy that sends no ends."""
        for index in list(self._open):
            self._close(index, whole=self.turn.error is None and whole)

    def _close(self, index: str, *, whole: bool) -> None:
        call = self._open.pop(index)
        self.called = self.called or not call.server
        item = self.output.at({"output_index": index}) or self.output.at({})
        is_code = item is not None and item.kind == "code_interpreter_call"
        if is_code and call.pieces and whole:
            call.delta('"}', self._tell)
        event = call.end(whole=whole)
        if item is not None and not item.is_done:
            is_object = is_code and isinstance(event.arguments, dict)
            item.input = event.arguments.get("code", "") if is_object else call.text
        self._tell(event)

    def _result(self, item: JSON) -> None:
        """What came back to a tool that the provider ran, where it says so."""
        kind = item["type"]
        id = only_text(item.get("call_id")) or only_text(item.get("id"))
        name = only_text(item.get("name")) or kind.removesuffix("_call")
        if kind == "web_search_call":
            for source in (item.get("action") or {}).get("sources") or []:
                self.turn.new_source(source.get("url"), source.get("title"))
        elif kind == "file_search_call":
            for found in item.get("results") or []:
                self.turn.new_source(document=found.get("filename"))
        elif kind == "mcp_call" and item.get("error"):
            self._tell(ToolResult(id, shown(mend_all(item["error"])), name, is_error=True))
        elif kind == "image_generation_call" and item.get("result"):  # the picture, in base64
            told = {key: item[key] for key in _OF_A_PICTURE if item.get(key)}
            self._tell(ToolResult(id, {"type": "image", **mend_all(told)}, name))
        if result := item.get(_RESULT_FIELD.get(kind, "")):
            self._tell(ToolResult(id, shown(mend_all(result)), name))


def _place(d: JSON) -> str:
    return place(d.get("output_index")) or "0"
