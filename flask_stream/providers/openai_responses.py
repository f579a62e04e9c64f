"""OpenAI's Responses stream: wire dicts to Events.

https://platform.openai.com/docs/api-reference/responses-streaming; `Turn.message` equals
the final `response.output`.
"""

from __future__ import annotations

from typing import Any

from ..events import JSON, Meta, Refusal, Usage
from .error_fields import failure_of
from .errors import from_body
from .reader import Reader
from .responses_calls import Calls, is_call
from .responses_output import PARTS, Item, Output, exact
from .surrogates import mend_all
from .turn import Turn, count, only_text

PROVIDER = "openai"

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


class ResponsesReader(Reader):
    """Reads one stream of Responses."""

    def __init__(self, turn: Turn) -> None:
        super().__init__(turn)
        self.has_refusal = False
        self.output = Output()
        self.calls = calls = Calls(turn, self.output)
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
            "response.function_call_arguments.delta": calls.arguments_delta,
            "response.custom_tool_call_input.delta": calls.arguments_delta,
            "response.mcp_call_arguments.delta": calls.arguments_delta,
            "response.code_interpreter_call_code.delta": calls.code_delta,
            "response.function_call_arguments.done": calls.arguments_done,
            "response.custom_tool_call_input.done": calls.arguments_done,
            "response.mcp_call_arguments.done": calls.arguments_done,
            "response.completed": self.completed,
            "response.incomplete": self.incomplete,
            "response.failed": self.failed,
            "response.cancelled": self.failed,
            "response.error": self.error,
            "error": self.error,
        }

    def handle(self, d: JSON) -> None:
        kind = only_text(d.get("type"))
        handler = self.handlers.get(kind)
        if handler is not None:
            handler(d)
        # A gateway's, in another dialect; of the wire's own, some are about one item only.
        elif not kind.startswith("response.") and (failure := failure_of(d)) is not None:
            self.error({"error": failure})

    # -- the response -------------------------------------------------------------------

    def created(self, d: JSON) -> None:
        response = d.get("response") or {}
        model, id = only_text(response.get("model")), only_text(response.get("id"))
        self.turn.tell(Meta(PROVIDER, model or None, id or None))

    def completed(self, d: JSON) -> None:
        """Its status has the last word: some name every last event so."""
        response = d.get("response") or {}
        status = response.get("status")
        if status in _FAILED or response.get("error"):
            self.failed(d)
            return
        if status == "incomplete":
            self.incomplete(d)
            return
        self.ended(d)
        self.turn.provider_stop_reason = "completed"
        self.turn.complete = True
        if self.calls.called:
            self.turn.stop_reason = "tool_calls"
        elif self.has_refusal and not self.prose.has_text:
            self.turn.stop_reason = "refusal"
        else:
            self.turn.stop_reason = "stop"

    def incomplete(self, d: JSON) -> None:
        details = (d.get("response") or {}).get("incomplete_details") or {}
        reason = only_text(details.get("reason"))
        self.ended(d)
        self.turn.stop(reason)
        self.turn.provider_stop_reason = f"incomplete:{reason}" if reason else "incomplete"

    def ended(self, d: JSON) -> None:
        response = d.get("response") or {}
        self.calls.close(whole=True)
        self.turn.ended = True
        self.use(response.get("usage"))
        output = response.get("output")
        if not (self.output.is_told or self.calls.opened):  # all of it came only here
            for index, item in enumerate(output or []):
                self.item_done({"output_index": index, "item": item})
        self.given = output  # some proxies leave it empty: what came before serves

    def failed(self, d: JSON) -> None:
        response = d.get("response") or {}
        self.turn.provider_stop_reason = only_text(response.get("status")) or "failed"
        self.turn.fail(from_body(response.get("error") or failure_of(response)))
        self.use(response.get("usage"))

    def error(self, d: JSON) -> None:
        """Comes nested or flat; `response.failed` may follow, which tells the status."""
        self.turn.error = self.turn.error or from_body(d.get("error") or d)

    def finish(self) -> None:
        self.prose.end()
        self.calls.close(whole=self.turn.complete)
        if self.turn.usage is not None:
            self.turn.tell(self.turn.usage)

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

    def text_delta(self, d: JSON) -> None:
        self.text(self.output.piece("text", d, d.get("delta")))

    def text_done(self, d: JSON) -> None:
        self.whole("text", d, d.get("text"))

    def text(self, text: str) -> None:
        if not text:
            return
        if self.output.current is not self.speaking:
            self.speaking = self.output.current
            self.prose.aside()
        self.prose.text(text)

    def refusal_delta(self, d: JSON) -> None:
        self.refusal(self.output.piece("refusal", d, d.get("delta")))

    def refusal_done(self, d: JSON) -> None:
        self.whole("refusal", d, d.get("refusal"))

    def refusal(self, text: str) -> None:
        if text:
            self.has_refusal = True
            self.prose.aside()
            self.turn.tell(Refusal(text))

    def summary_delta(self, d: JSON) -> None:
        self.reasoning("summary", d, d.get("delta"))

    def summary_done(self, d: JSON) -> None:
        self.whole("summary", d, d.get("text"))

    def thought_delta(self, d: JSON) -> None:
        self.reasoning("thought", d, d.get("delta"))

    def thought_done(self, d: JSON) -> None:
        self.whole("thought", d, d.get("text"))

    def reasoning(self, kind: str, d: JSON, text: object) -> None:
        piece = self.output.piece(kind, d, text)
        index = d.get("summary_index" if kind == "summary" else "content_index")
        self.prose.reasoning(piece, (id(self.output.current), kind, index))

    def whole(self, kind: str, d: JSON, text: object) -> None:
        """A text, where it did not come in pieces before."""
        if not self.output.is_new(kind, d):
            return
        if kind == "text":
            self.text(self.output.piece(kind, d, text))
        elif kind == "refusal":
            self.refusal(self.output.piece(kind, d, text))
        else:
            self.reasoning(kind, d, text)

    def part_done(self, d: JSON) -> None:
        part = d.get("part") or {}
        for kind, (_, _, type, name) in PARTS.items():
            if part.get("type") == type:
                self.whole(kind, d, part.get(name))
                return

    def annotation_added(self, d: JSON) -> None:
        annotation = d.get("annotation") or {}
        document = annotation.get("filename") or annotation.get("file_id")
        self.turn.new_source(
            annotation.get("url"),
            annotation.get("title"),
            None,
            document if annotation.get("type") != "url_citation" else None,
        )

    # -- items --------------------------------------------------------------------------

    def item_added(self, d: JSON) -> None:
        item = d.get("item") or {}
        if not self.turn.keep(item):
            return
        self.output.begin(d, item)
        if is_call(item):
            self.prose.aside()
            self.calls.added(d, item)

    def item_done(self, d: JSON) -> None:
        """What an item holds, where it did not come in pieces before."""
        given = d.get("item") or {}
        if not given or not self.turn.keep(given):
            return
        item = self.output.begin(d, given, is_done=True)
        self.calls.called = self.calls.called or given.get("type") in _OTHER_CLIENT_TOOLS
        for kind, at, text in list(self.output.unsaid(item)):
            where = {"output_index": d.get("output_index"), "content_index": at}
            self.whole(kind, {**where, "summary_index": at}, text)
        if is_call(given):
            self.prose.aside()
            self.calls.done(d, given)
