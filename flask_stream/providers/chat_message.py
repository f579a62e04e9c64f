"""The model's own turn in Chat Completions: what its deltas add up to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..events import JSON
from ..pieces import Pieces
from .digits import spoken
from .turn import only_text, place

# Counts a value that is kept, in the place of another: see `Turn.keep`.
Keep = Callable[..., object]

# Fields of a delta, and of the parts in its lists, that hold what is read: a number is text there.
_TEXTS = {
    *("content", "text", "refusal", "thinking", "summary"),
    *("reasoning", "reasoning_content", "reasoning_text", "arguments"),
}
# These are said again with every piece.
_CONSTANT = {"index", "type", "id", "format"}


def merge(message: JSON, delta: JSON, keep: Keep) -> None:
    """Add a delta to the message; its tool calls are added up elsewhere.

    Tools that the provider has executed are no part of what it takes back.
    """
    for key, value in delta.items():
        if key not in ("tool_calls", "index", "role", "executed_tools"):
            old = message.get(key)
            if isinstance(old, Pieces) and isinstance(value, str):
                old.add(value)
                if key != "content":  # which is always told
                    keep(value)
            else:
                if key not in message:
                    keep({key: None})
                message[key] = merged(old, value, key, keep)
    message.setdefault("role", delta.get("role") or "assistant")


def merged(old: Any, new: Any, key: str, keep: Keep) -> Any:
    """A delta's field, added to what was there: texts grow, lists go by their `index`.

    :param keep: called with whatever takes memory from now on.
    """
    if key in _TEXTS and isinstance(new, int | float):
        new = spoken(new) or None
    if new is None:
        return old
    if key == "content" and isinstance(new, dict):
        text = new.get("text")
        is_text = new.keys() <= {"type", "text"} and new.get("type", "text") == "text"
        return merged(old, text if is_text else [new], key, keep)
    if isinstance(new, str):
        if isinstance(old, list) and not isinstance(old, Pieces):
            # List content that goes on as plain text.
            return merged(old, [{"type": "text", "text": new}] if new else [], "", keep)
        keep(new)
        growing = old if isinstance(old, Pieces) else Pieces()
        growing.add(new)
        return growing
    if isinstance(new, list):
        if not isinstance(old, _Items):
            text = old.text if isinstance(old, Pieces) else ""
            old = _Items()
            if text:
                old.add({"type": "text", "text": text}, keep)
        for item in new:
            is_number = key in _TEXTS and isinstance(item, int | float)
            old.add(spoken(item) if is_number else item, keep)
        return old
    if isinstance(new, dict):
        target = old if isinstance(old, dict) else {}
        for name, value in new.items():
            was = target.get(name)
            if name not in target:
                keep({name: None})
            if name in _CONSTANT:
                keep(value, was)
                target[name] = value
            else:
                target[name] = merged(was, value, name, keep)
        return target
    keep(new, old)
    return new


def settled(value: Any) -> Any:
    """The JSON value that `merged` was growing."""
    if isinstance(value, Pieces):
        return value.text
    if isinstance(value, list):
        return [settled(item) for item in value]
    if isinstance(value, dict):
        return {key: settled(item) for key, item in value.items()}
    return value


class _Items(list[Any]):
    """A list that is still growing: pieces with an `index` find their item by it."""

    def __init__(self) -> None:
        super().__init__()
        self._places: dict[tuple[str | None, str], JSON] = {}

    def add(self, item: Any, keep: Keep) -> None:
        if isinstance(item, dict):
            known = self._known(item)
            if known is not None:
                merged(known, item, "", keep)
                return
            item = merged({}, item, "", keep)
            if "index" in item:
                self._places[_place(item)] = item
        else:
            keep(item)
        self.append(item)

    def _known(self, item: JSON) -> JSON | None:
        if "index" in item:
            return self._places.get(_place(item))
        last = self[-1] if self else None
        if isinstance(last, dict) and "index" not in last and last.get("type") == item.get("type"):
            return last if _goes_on(last, item) else None
        return None


def _place(item: JSON) -> tuple[str | None, str]:
    return place(item["index"]), only_text(item.get("type"))


def _goes_on(last: JSON, item: JSON) -> bool:
    """Whether a piece without an index is more of the last one's text."""
    kind = item.get("type")
    if kind == "reasoning":  # Databricks'; one that is signed is whole
        return "summary" in item and "signature" not in last
    return kind in ("text", "thinking", "summary_text")
