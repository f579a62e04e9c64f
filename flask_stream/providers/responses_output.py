"""The provider's own turn in Responses, put together from its events.

`response.completed` has it whole in `output`; some proxies leave that out, or the items' own
ends, too. What is asked for then is what the pieces came to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .surrogates import mend_all
from .turn import JSON


class Output:
    """The items of one response, by their `output_index`."""

    def __init__(self) -> None:
        self._items: dict[object, JSON] = {}  # as they began
        self._whole: dict[object, JSON] = {}  # as they ended
        self._pieces: dict[object, dict[tuple[str, object], list[str]]] = {}

    def begin(self, index: object, item: JSON) -> None:
        self._items[index] = item if isinstance(item, dict) else {}

    def end(self, index: object, item: JSON) -> None:
        # Some proxies give no index: then each is one of its own.
        self._whole[len(self._whole) if index is None else index] = item

    def add(self, index: object, kind: str, part: object, piece: str) -> None:
        """A piece of a part of an item.

        :param kind: what the item's part is of: text, refusal, summary, reasoning or arguments.
        """
        if piece:
            self._pieces.setdefault(index, {}).setdefault((kind, part), []).append(piece)

    def turn(self, *, whole: bool) -> list[JSON] | None:
        """The items, in their order; None where there are none.

        :param whole: false where the stream was cut, so that an item without its end is none.
        """
        items = {**self._whole}
        for index in [*self._items, *self._pieces] if whole else []:
            if index not in items and not (index is None and self._whole):
                items[index] = self._put_together(index)
        in_order = sorted(items.items(), key=lambda pair: _place(pair[0]))
        turn: list[JSON] = mend_all([item for _, item in in_order])
        return turn or None

    def _put_together(self, index: object) -> JSON:
        parts = {key: "".join(pieces) for key, pieces in self._pieces.get(index, {}).items()}
        item: dict[str, Any] = {"type": "message", "role": "assistant"}
        if any(kind in ("summary", "reasoning") for kind, _ in parts):
            item = {"type": "reasoning"}
        item |= self._items.get(index) or {}
        told: dict[str, list[JSON]] = {}
        for (kind, _), text in parts.items():
            if kind == "arguments":
                item["input" if item["type"] == "custom_tool_call" else "arguments"] = text
            else:
                field, type_, name = _PARTS[kind]
                told.setdefault(field, []).append({"type": type_, name: text})
        return {**item, **told}


_PARTS = {
    "text": ("content", "output_text", "text"),
    "refusal": ("content", "refusal", "refusal"),
    "summary": ("summary", "summary_text", "text"),
    "reasoning": ("content", "reasoning_text", "text"),
}


def _place(index: object) -> int:
    return index if isinstance(index, int) else 0


def texts_of(item: Mapping[str, Any], field: str) -> list[str]:
    """The texts of an item's parts."""
    parts = item.get(field)
    return [
        part["text"]
        for part in (parts if isinstance(parts, list) else [])
        if isinstance(part, Mapping) and isinstance(part.get("text"), str)
    ]
