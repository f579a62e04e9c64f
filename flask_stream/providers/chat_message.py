"""The provider's own turn in Chat Completions: its deltas, added up field by field.

It equals what openai 3.54 accumulates (`get_final_completion()`), where that copes. Each delta
costs what it brings, however much came before it.
"""

from __future__ import annotations

from typing import Any

from .digits import written
from .surrogates import mend_all
from .turn import JSON

# Read apart, or of no use in a request.
_NOT_KEPT = {"tool_calls", "index", "role"}

# Whose value is said once; others grow.
_CONSTANT = {"index", "type", "id", "format"}

# Where a number is a piece of text.
_TEXTS = {
    *("content", "text", "refusal", "thinking", "summary"),
    *("reasoning", "reasoning_content", "reasoning_text"),
}


class ChatMessage:
    """One message as it grows."""

    def __init__(self) -> None:
        self._fields: JSON = {}

    def __bool__(self) -> bool:
        return bool(self._fields)

    def add(self, delta: JSON) -> None:
        for key, value in delta.items():
            if key not in _NOT_KEPT:
                self._fields[key] = merged(self._fields.get(key), value, key)
        self._fields.setdefault("role", delta.get("role") or "assistant")

    def turn(self, calls: list[JSON]) -> JSON:
        """Ready to append to a request's `messages`."""
        message = {key: settled(value) for key, value in self._fields.items()}
        message.setdefault("role", "assistant")
        message.setdefault("content", None)
        if calls:
            message["tool_calls"] = calls
        mended: JSON = mend_all(message)
        return mended


class _Pieces(list[str]):
    """A text that is still growing; joined once, since adding strings up is quadratic."""


class _Items(list[Any]):
    """A list that is still growing, with what its items are found by."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[tuple[object, object], JSON] = {}

    def add(self, item: Any) -> None:
        """An item, or more of one: of the same `index`, or of the same text as the last."""
        if not isinstance(item, dict):
            self.append(item)
            return
        kind = item.get("type")
        key = (_hashable(item.get("index")), _hashable(kind))
        if "index" in item:
            known = self.found.get(key)
        else:
            last = self[-1] if self else None
            known = last if isinstance(last, dict) and _goes_on(last, kind) else None
        if known is None:
            known = self.found[key] = {}
            self.append(known)
        merged(known, item)


def _goes_on(last: JSON, kind: object) -> bool:
    return kind in ("text", "thinking") and last.get("type") == kind and "index" not in last


def _hashable(value: object) -> object:
    return value if isinstance(value, str | int | float | None) else repr(value)


def merged(old: Any, new: Any, key: str = "") -> Any:
    """A delta's field, added to what was there: texts grow, lists go by their `index`."""
    if new is None:
        return old
    if key in _TEXTS and (digits := written(new)):
        new = digits
    if isinstance(new, str):
        if isinstance(old, _Pieces):
            old.append(new)
            return old
        if isinstance(old, _Items):  # list content that goes on as plain text
            old.add({"type": "text", "text": new})
            return old
        return _Pieces([new])
    if isinstance(new, dict) and isinstance(old, _Pieces | _Items):
        new = [new]  # a part that stands among texts
    if isinstance(new, list):
        items = old if isinstance(old, _Items) else _Items()
        if isinstance(old, _Pieces) and any(old):
            items.add({"type": "text", "text": "".join(old)})
        for item in new:
            items.add(item)
        return items
    if isinstance(new, dict):
        target = old if isinstance(old, dict) else {}
        for name, value in new.items():
            target[name] = value if name in _CONSTANT else merged(target.get(name), value, name)
        return target
    return new


def settled(value: Any) -> Any:
    """What `merged` has put together, as plain JSON."""
    if isinstance(value, _Pieces):
        return "".join(value)
    if isinstance(value, list):
        return [settled(item) for item in value]
    if isinstance(value, dict):
        return {key: settled(item) for key, item in value.items()}
    return value
