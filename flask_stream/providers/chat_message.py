"""The model's own turn in Chat Completions: what its deltas add up to."""

from __future__ import annotations

from typing import Any

from .digits import spoken
from .turn import JSON, only_text, place

# Fields of a delta, and of the parts in its lists, that hold what is read: a number is text there.
_TEXTS = {
    *("content", "text", "refusal", "thinking", "summary"),
    *("reasoning", "reasoning_content", "reasoning_text", "arguments"),
}
# These are said again with every piece.
_CONSTANT = {"index", "type", "id", "format"}


def merge(message: JSON, delta: JSON) -> None:
    """Add a delta to the message; its tool calls are added up elsewhere."""
    for key, value in delta.items():
        if key not in ("tool_calls", "index", "role"):
            old = message.get(key)
            if isinstance(old, _Pieces) and isinstance(value, str):
                old.append(value)
            else:
                message[key] = merged(old, value, key)
    message.setdefault("role", delta.get("role") or "assistant")


def merged(old: Any, new: Any, key: str = "") -> Any:
    """A delta's field, added to what was there: texts grow, lists go by their `index`."""
    if key in _TEXTS and isinstance(new, int | float):
        new = spoken(new) or None
    if new is None:
        return old
    if key == "content" and isinstance(new, dict):
        text = new.get("text")
        is_text = new.keys() <= {"type", "text"} and new.get("type", "text") == "text"
        return merged(old, text if is_text else [new], key)
    if isinstance(new, str):
        if isinstance(old, _Pieces):
            old.append(new)
            return old
        if isinstance(old, list):  # list content that goes on as plain text
            return merged(old, [{"type": "text", "text": new}] if new else [])
        return _Pieces([new])
    if isinstance(new, list):
        if not isinstance(old, _Items):
            text = "".join(old) if isinstance(old, _Pieces) else ""
            old = _Items()
            if text:
                old.add({"type": "text", "text": text})
        for item in new:
            is_number = key in _TEXTS and isinstance(item, int | float)
            old.add(spoken(item) if is_number else item)
        return old
    if isinstance(new, dict):
        target = old if isinstance(old, dict) else {}
        for name, value in new.items():
            constant = name in _CONSTANT
            target[name] = value if constant else merged(target.get(name), value, name)
        return target
    return new


def settled(value: Any) -> Any:
    """The JSON value that `merged` was growing."""
    if isinstance(value, _Pieces):
        return "".join(value)
    if isinstance(value, list):
        return [settled(item) for item in value]
    if isinstance(value, dict):
        return {key: settled(item) for key, item in value.items()}
    return value


class _Pieces(list[str]):
    """A text that is still growing; joined once, since adding strings up is quadratic."""


class _Items(list[Any]):
    """A list that is still growing: pieces with an `index` find their item by it."""

    def __init__(self) -> None:
        super().__init__()
        self._places: dict[tuple[str | None, str], JSON] = {}

    def add(self, item: Any) -> None:
        if isinstance(item, dict):
            known = self._known(item)
            if known is not None:
                merged(known, item)
                return
            item = merged({}, item)
            if "index" in item:
                self._places[_place(item)] = item
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
