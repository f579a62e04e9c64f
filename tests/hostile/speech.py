"""How one says a thing in each of the three wires, so that a behaviour is written once.

What is said are bytes of a body of server-sent events. They go between a head and a tail that
are as they should be (`head`, `tail`), unless a behaviour brings its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from tests.provider import NAMES, frames
from tests.servers.talk import WIRES as TALK
from tests.transcripts.reading import block, chunk, delta, dicts_of, piece

JSON = dict[str, Any]


class Speech:
    """One wire.

    :ivar wire: its name, as in `tests.provider.WIRES`.
    :ivar head: what comes before the first word.
    :ivar tail: the end of an answer that is whole.
    :ivar x: what is said where any word will do.
    """

    def __init__(self, wire: str, x: str = "x") -> None:
        self.wire = wire
        self.x = x
        self.head = TALK[wire].head
        self.tail = TALK[wire].tail
        self.ping = TALK[wire].ping

    def known(self) -> list[JSON]:
        """Every kind of event that the project's own streams have, each once."""
        found: dict[object, JSON] = {}
        for name in ("text", "parallel_tools", "search", "refusal", self._reasons):
            for d in dicts_of(f"{NAMES[self.wire]}_{name}"):
                found.setdefault(self._kind(d), d)
        return [d for d in found.values() if "flask_stream" not in d]

    @property
    def _reasons(self) -> str:
        return "thinking_tool" if self.wire == "anthropic" else "reasoning_tool"

    def _kind(self, d: JSON) -> object:
        inner = d.get("delta") or d.get("content_block") or d.get("item") or {}
        if "choices" in d:
            inner = (d["choices"] or [{}])[0]
            return (*d, *inner, *(inner.get("delta") or {}))
        return d.get("type"), inner.get("type") if isinstance(inner, dict) else None

    def text(self, text: Any) -> bytes:
        raise NotImplementedError

    def reasoning(self, text: Any, part: Any = 0) -> bytes:
        raise NotImplementedError

    def refusal(self, text: Any) -> bytes:
        raise NotImplementedError

    def sources(self, urls: Iterable[Any]) -> bytes:
        """All of them in one event."""
        raise NotImplementedError

    def call(self, index: Any, id: Any, name: Any) -> bytes:
        """A tool call begins."""
        raise NotImplementedError

    def arguments(self, index: Any, text: Any) -> bytes:
        """A piece of its arguments."""
        raise NotImplementedError

    def called(self, index: Any) -> bytes:
        """It is whole."""
        return b""

    def piece(self, index: Any, id: Any, name: Any, text: str) -> bytes:
        """All that one may say of a call at once, where one may."""
        return self.call(index, id, name) + self.arguments(index, text)

    def use(self, input: Any, output: Any, cached: Any) -> bytes:
        """Numbers of tokens, and the end of the answer with them."""
        raise NotImplementedError

    def error(self, message: Any, code: Any = "server_error") -> bytes:
        return frames({"type": "error", "error": {"type": code, "message": message}})

    def whole_call(self, arguments: str, id: Any = "t1", name: Any = "look") -> bytes:
        """One with all its arguments in one piece."""
        return self.call(1, id, name) + self.arguments(1, arguments) + self.called(1)


class Anthropic(Speech):
    def text(self, text: Any) -> bytes:
        return self._delta(0, {"type": "text_delta", "text": text})

    def reasoning(self, text: Any, part: Any = 0) -> bytes:
        begun = b""
        if text == "" or part != 0:  # a block of its own
            begun = frames(*block(part or 1, {"type": "thinking", "thinking": ""})[:1])
        return begun + self._delta(part or 1, {"type": "thinking_delta", "thinking": text})

    def refusal(self, text: Any) -> bytes:
        return frames(
            {
                "type": "message_delta",
                "delta": {"stop_reason": "refusal", "stop_details": {"explanation": text}},
            }
        )

    def sources(self, urls: Iterable[Any]) -> bytes:
        found = [{"type": "web_search_result", "url": url, "title": "t"} for url in urls]
        result = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": found}
        return frames(*block(7, result))

    def citation(self, url: Any) -> bytes:
        citation = {
            "type": "web_search_result_location",
            "url": url,
            "title": "t",
            "cited_text": "c",
            "encrypted_index": "e",
        }
        return self._delta(0, {"type": "citations_delta", "citation": citation})

    def call(self, index: Any, id: Any, name: Any) -> bytes:
        return frames(*block(index, {"type": "tool_use", "id": id, "name": name, "input": {}})[:1])

    def arguments(self, index: Any, text: Any) -> bytes:
        return self._delta(index, {"type": "input_json_delta", "partial_json": text})

    def called(self, index: Any) -> bytes:
        return frames({"type": "content_block_stop", "index": index})

    def use(self, input: Any, output: Any, cached: Any) -> bytes:
        usage = {"input_tokens": input, "output_tokens": output, "cache_read_input_tokens": cached}
        return frames(delta("end_turn", usage=usage), {"type": "message_stop"})

    def _delta(self, index: Any, inner: JSON) -> bytes:
        return frames({"type": "content_block_delta", "index": index, "delta": inner})


class Chat(Speech):
    def text(self, text: Any) -> bytes:
        return frames(chunk({"content": text}))

    def reasoning(self, text: Any, part: Any = 0) -> bytes:
        details = [{"type": "reasoning.text", "text": text, "index": part}]
        return frames(chunk({"reasoning_details": details}))

    def refusal(self, text: Any) -> bytes:
        return frames(chunk({"refusal": text}))

    def sources(self, urls: Iterable[Any]) -> bytes:
        return frames(chunk({"content": "."}, citations=list(urls)))

    def citation(self, url: Any) -> bytes:
        cited = {"type": "url_citation", "url_citation": {"url": url, "title": "t"}}
        return frames(chunk({"annotations": [cited]}))

    def call(self, index: Any, id: Any, name: Any) -> bytes:
        return frames(chunk(piece(index, id, name, "")))

    def arguments(self, index: Any, text: Any) -> bytes:
        return frames(chunk(piece(index, arguments=text)))

    def piece(self, index: Any, id: Any, name: Any, text: str) -> bytes:
        return frames(chunk(piece(index, id, name, text)))

    def use(self, input: Any, output: Any, cached: Any) -> bytes:
        usage = {
            "prompt_tokens": input,
            "completion_tokens": output,
            "total_tokens": 3,
            "prompt_tokens_details": {"cached_tokens": cached},
        }
        return frames(chunk(finish="stop", usage=usage), done=True)

    def error(self, message: Any, code: Any = "server_error") -> bytes:
        return frames({"error": {"message": message, "code": code}})


class Responses(Speech):
    def text(self, text: Any) -> bytes:
        return self._delta("output_text", 0, text, content_index=0)

    def reasoning(self, text: Any, part: Any = 0) -> bytes:
        return self._delta("reasoning_summary_text", 9, text, summary_index=part)

    def refusal(self, text: Any) -> bytes:
        return self._delta("refusal", 0, text, content_index=0)

    def sources(self, urls: Iterable[Any]) -> bytes:
        return b"".join(self.citation(url) for url in urls)

    def citation(self, url: Any) -> bytes:
        kind = "response.output_text.annotation.added"
        where = {"item_id": "i1", "output_index": 0, "content_index": 0, "annotation_index": 0}
        cited = {"type": "url_citation", "url": url, "title": "t", "start_index": 0, "end_index": 1}
        return frames({"type": kind, **where, "annotation": cited})

    def call(self, index: Any, id: Any, name: Any) -> bytes:
        return self._item("added", index, self._call(index, id, name, ""))

    def arguments(self, index: Any, text: Any) -> bytes:
        return self._delta("function_call_arguments", index, text)

    def called(self, index: Any) -> bytes:
        return b""

    def whole_call(self, arguments: str, id: Any = "t1", name: Any = "look") -> bytes:
        done = self._item("done", 1, self._call(1, id, name, arguments))
        return self.call(1, id, name) + self.arguments(1, arguments) + done

    def use(self, input: Any, output: Any, cached: Any) -> bytes:
        usage = {
            "input_tokens": input,
            "output_tokens": output,
            "total_tokens": 3,
            "input_tokens_details": {"cached_tokens": cached},
        }
        whole = {"id": "r1", "object": "response", "model": "m", "status": "completed"}
        whole |= {"output": [], "usage": usage}
        return frames({"type": "response.completed", "response": whole})

    def error(self, message: Any, code: Any = "server_error") -> bytes:
        return frames({"type": "error", "code": code, "message": message, "param": None})

    def _call(self, index: Any, id: Any, name: Any, arguments: str) -> JSON:
        return {
            "type": "function_call",
            "id": f"i{index}",
            "call_id": id,
            "name": name,
            "arguments": arguments,
        }

    def _item(self, what: str, index: Any, item: JSON) -> bytes:
        return frames({"type": f"response.output_item.{what}", "output_index": index, "item": item})

    def _delta(self, kind: str, index: Any, text: Any, **where: Any) -> bytes:
        item_id = "i1" if index == 0 else f"i{index}"
        return frames(
            {
                "type": f"response.{kind}.delta",
                "item_id": item_id,
                "output_index": index,
                "delta": text,
                **where,
            }
        )


SPEECHES = {
    "anthropic": Anthropic("anthropic"),
    "openai_chat": Chat("openai_chat"),
    "openai_responses": Responses("openai_responses"),
}


def data(text: str | bytes) -> bytes:
    """An event whose data are these, JSON or not."""
    return b"data: " + (text.encode() if isinstance(text, str) else text) + b"\n\n"


def spelled(frame: bytes, mark: Any, literal: str) -> bytes:
    """The frame, with `literal`, which need be no JSON, in the place of the value `mark`."""
    wanted = json.dumps(mark).encode()
    assert wanted in frame, (wanted, frame)
    return frame.replace(wanted, literal.encode())
