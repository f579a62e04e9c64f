"""Mistral's conversations, which it keeps itself: wire dicts to Events.

What `client.beta.conversations.start_stream(…)` and its like stream (mistralai 3.7). The tools that
Mistral runs are told as the provider's, a function's calls as those that the app must answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..events import JSON, Meta, ToolResult, Usage
from .digits import spoken
from .errors import from_body
from .reader import Reader
from .shown import shown
from .surrogates import mend_all
from .tool_calls import OpenCall
from .turn import Turn, count, only_text, place

PROVIDER = "mistral"

#: With what its events' types begin.
KINDS = ("conversation.response.", "message.output.", "function.call.", "tool.execution.")


class ConversationReader(Reader):
    """Reads one stream. There is no `message`: the next request names the conversation."""

    def __init__(self, turn: Turn) -> None:
        super().__init__(turn)
        self._model = self._place = ""
        self._calls: dict[str, OpenCall] = {}  # the app's, by their ids
        self._runs: dict[str, OpenCall] = {}  # Mistral's own, under way
        self._raw_usage: JSON = {}

    def handle(self, d: JSON) -> None:
        kind = d.get("type")
        if kind == "conversation.response.started":
            # By this the next request goes on with it.
            self.turn.tell(Meta(PROVIDER, response_id=only_text(d.get("conversation_id")) or None))
        elif kind == "message.output.delta":
            self._message(d)
        elif kind == "function.call.delta":
            self._call(d, self._calls, only_text(d.get("tool_call_id")))
        elif kind in ("tool.execution.started", "tool.execution.delta"):
            self._call(d, self._runs, only_text(d.get("id")), server=True)
        elif kind == "tool.execution.done":
            self._ran(d)
        elif kind == "conversation.response.done":
            self._done(d)
        elif kind == "conversation.response.error":
            self.turn.fail(from_body(d))
        elif "error" in d:
            self.turn.fail(from_body(d["error"]))

    def _message(self, d: JSON) -> None:
        model = only_text(d.get("model"))
        if model and model != self._model:
            self._model = model
            self.turn.tell(Meta(PROVIDER, model))
        index = place(d.get("output_index")) or ""
        if index != self._place:  # another message
            self._place = index
            self.prose.aside()
        self._content(d.get("content"))

    def _content(self, content: Any) -> None:
        if not isinstance(content, Mapping):
            self.prose.text(spoken(content))
        elif content.get("type") == "thinking":
            for part in content.get("thinking") or []:
                self.prose.reasoning(spoken(part.get("text")))
                self._cited(part)
        else:
            self.prose.text(spoken(content.get("text")))
            self._cited(content)

    def _cited(self, part: Mapping[str, Any]) -> None:
        if part.get("type") == "tool_reference":
            self.turn.new_source(part.get("url"), part.get("title"))

    def _call(self, d: JSON, calls: dict[str, OpenCall], id: str, server: bool = False) -> None:
        self.prose.aside()
        call = calls.get(id)
        if call is None:
            self.turn.keep({id: None})
            call = calls[id] = OpenCall(id, only_text(d.get("name")), server)
            call.start(self.turn.tell)
        call.delta(only_text(d.get("arguments")), self.turn.tell)

    def _ran(self, d: JSON) -> None:
        call = self._runs.pop(only_text(d.get("id")), None)
        if call is None:
            return
        self.turn.tell(call.end())
        if info := d.get("info"):
            self.turn.tell(ToolResult(call.id, shown(mend_all(info)), call.name))

    def _done(self, d: JSON) -> None:
        self.turn.use(self._raw_usage, d.get("usage") or {})
        raw = self._raw_usage
        self.turn.usage = Usage(count(raw, "prompt_tokens"), count(raw, "completion_tokens"))
        self.turn.complete = self.turn.ended = True
        self.turn.stop_reason = "tool_calls" if self._calls else "stop"

    def finish(self) -> None:
        self.prose.end()
        for call in (*self._calls.values(), *self._runs.values()):
            self.turn.tell(call.end(whole=self.turn.complete))
        if self.turn.usage is not None:
            self.turn.tell(self.turn.usage)

    def settle(self) -> None:
        """Nothing is to be sent back."""
