"""The blocks of an answer of Bedrock's Converse, as they come and as the next request has them."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from ..events import (
    JSON,
    Event,
    Reasoning,
    Source,
    Text,
    ToolCallDelta,
    ToolCallStart,
    ToolResult,
)
from .shown import shown
from .tool_calls import tool_call


class Blocks:
    """All of them, by the places that Bedrock gives them."""

    def __init__(self) -> None:
        self._role = "assistant"
        self._blocks: dict[Any, _Block] = {}

    def read(self, item: Mapping[str, Any]) -> Generator[Event, None, None]:
        """:param item: an event of the stream's; others than those of blocks say nothing."""
        if (start := item.get("messageStart")) is not None:
            self._role = start.get("role") or self._role
        elif (start := item.get("contentBlockStart")) is not None:
            yield from self._block(start).start(start.get("start") or {})
        elif (delta := item.get("contentBlockDelta")) is not None:
            yield from self._block(delta).add(delta.get("delta") or {})
        elif (stop := item.get("contentBlockStop")) is not None:
            yield from self._block(stop).end()

    def message(self) -> JSON:
        """The turn, for the next request's `messages`."""
        content = [whole for block in self._blocks.values() if (whole := block.whole()) is not None]
        return {"role": self._role, "content": content}

    def _block(self, event: Mapping[str, Any]) -> _Block:
        return self._blocks.setdefault(event.get("contentBlockIndex"), _Block())


class _Block:
    """One of them: only what has come of it is in it."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._signatures: list[str] = []
        self._redacted: list[bytes] = []
        self._citations: list[Any] = []
        self._call: Mapping[str, Any] | None = None
        self._input: list[str] = []
        self._result: Mapping[str, Any] | None = None
        self._results: list[Any] = []
        self._image: Mapping[str, Any] | None = None
        self._picture: dict[str, Any] = {}

    def start(self, start: Mapping[str, Any]) -> Generator[Event, None, None]:
        if (call := start.get("toolUse")) is not None:
            self._call = call
            yield ToolCallStart(call["toolUseId"], call["name"], server=_is_servers(call))
        self._result = start.get("toolResult")
        self._image = start.get("image")

    def add(self, delta: Mapping[str, Any]) -> Generator[Event, None, None]:
        if text := delta.get("text"):
            self._texts.append(text)
            yield Text(text)
        elif (call := delta.get("toolUse")) is not None:
            if piece := call.get("input"):
                self._input.append(piece)
                if self._call is not None:
                    yield ToolCallDelta(self._call["toolUseId"], piece)
        elif (thought := delta.get("reasoningContent")) is not None:
            yield from self._think(thought)
        elif (cited := delta.get("citation")) is not None:
            self._citations.append(cited)
            yield _source(cited)
        elif (results := delta.get("toolResult")) is not None:
            self._results += results
        elif (image := delta.get("image")) is not None:
            source = image.get("source") or {}
            if isinstance(piece := source.get("bytes"), bytes):
                self._picture.setdefault("bytes", []).append(piece)
            elif source:
                self._picture.update(source)

    def _think(self, thought: Mapping[str, Any]) -> Generator[Event, None, None]:
        if text := thought.get("text"):
            self._thoughts.append(text)
            yield Reasoning(text)
        if signature := thought.get("signature"):
            self._signatures.append(signature)
        if redacted := thought.get("redactedContent"):
            self._redacted.append(redacted)

    def end(self) -> Generator[Event, None, None]:
        if (call := self._call) is not None:
            text = "".join(self._input)
            yield tool_call(call["toolUseId"], call["name"], text, server=_is_servers(call))
        if (result := self._result) is not None:
            is_error = result.get("status") == "error"
            yield ToolResult(result["toolUseId"], shown(self._results), is_error=is_error)

    def whole(self) -> JSON | None:
        """As a request has it; None where nothing has come: Bedrock takes no empty text."""
        text = "".join(self._texts)
        if (call := self._call) is not None:
            given = tool_call("", "", "".join(self._input)).arguments
            return {"toolUse": {**call, "input": {} if given is None else given}}
        if (result := self._result) is not None:
            return {"toolResult": {**result, "content": self._results}}
        if self._redacted:
            return {"reasoningContent": {"redactedContent": b"".join(self._redacted)}}
        if self._thoughts or self._signatures:
            thought = {"text": "".join(self._thoughts)}
            if self._signatures:
                thought["signature"] = "".join(self._signatures)
            return {"reasoningContent": {"reasoningText": thought}}
        if self._image is not None and self._picture:
            picture = self._picture
            if "bytes" in picture:
                picture = {"bytes": b"".join(picture["bytes"])}
            return {"image": {**self._image, "source": picture}}
        if self._citations:
            content = [{"text": text}] if text else []
            return {"citationsContent": {"content": content, "citations": self._citations}}
        return {"text": text} if text else None


def _is_servers(call: Mapping[str, Any]) -> bool:
    return call.get("type") == "server_tool_use"


def _source(cited: Mapping[str, Any]) -> Source:
    web = (cited.get("location") or {}).get("web") or {}
    texts = "".join(each.get("text") or "" for each in cited.get("sourceContent") or ())
    document = None if web.get("url") else cited.get("source")
    return Source(web.get("url"), cited.get("title"), texts or None, document)
