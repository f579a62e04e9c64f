"""How deep a provider's JSON may be nested: what is deeper is as unknown to us as a new event.

Python gives up some hundreds of levels deep, wherever it happens to go through them, and then
with an error that tells nobody anything. No wire comes near that.
"""

from __future__ import annotations

from typing import Any

MOST = 100  # arrays and objects that stand in each other


def is_deep_json(text: str, value: Any) -> bool:
    """Whether `value`, which is what the JSON `text` says, is nested too deep."""
    if len(text) <= 2 * MOST:  # as nearly always: it has no room for so many brackets
        return False
    return text.count("{") + text.count("[") > MOST and is_deep(value)


def is_deep(value: Any) -> bool:
    """Whether a JSON value is nested too deep."""
    level = [value]
    for _ in range(MOST):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return False
    return True


def _children(value: Any) -> list[Any]:
    inner = value.values() if isinstance(value, dict) else value
    return [child for child in inner if isinstance(child, dict | list)]
