"""The model's own turn in Responses: its output items, as far as the stream has brought them.

Items are told apart by `output_index`: some proxies give an item another id in every event.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from ..events import JSON
from ..pieces import Pieces
from .digits import spoken
from .surrogates import mend_all
from .turn import only_text, place

# The kinds of text: the item and the field of it that holds its parts, the part's type, its field.
PARTS = {
    "text": ("message", "content", "output_text", "text"),
    "refusal": ("message", "content", "refusal", "refusal"),
    "summary": ("reasoning", "summary", "summary_text", "text"),
    "thought": ("reasoning", "content", "reasoning_text", "text"),
}
# What holds the input of a call, for an item whose end never came.
_INPUT = {"custom_tool_call": "input", "code_interpreter_call": "code"}


class Output:
    """All items, in the order in which they came.

    :ivar current: the item that the last piece of text was of.
    """

    def __init__(self) -> None:
        self.current: Item | None = None
        self._items: list[Item] = []
        self._at: dict[str | None, Item] = {}
        self._is_placed = True  # every piece of text has said which item it is of

    @property
    def is_told(self) -> bool:
        """Whether there was more than beginnings."""
        return any(item.is_done or item.parts for item in self._items)

    def begin(self, d: JSON, given: JSON, *, is_done: bool = False) -> Item:
        """The item that an event brings, at its beginning or at its end."""
        kind, item = only_text(given.get("type")), self.at(d)
        # Some give every item the same index, or none.
        if item is None or item.is_done or item.kind not in ("", kind):
            item = self._open(d)
        item.kind, item.given, item.is_done = kind, given, is_done
        return item

    def _open(self, d: JSON) -> Item:
        item = self._at[place(d.get("output_index"))] = Item()
        self._items.append(item)
        return item

    def at(self, d: JSON) -> Item | None:
        """The item that an event is about."""
        return self._at.get(place(d.get("output_index")))

    def piece(self, kind: str, d: JSON, text: object) -> str:
        """A piece of text; empty where it is none."""
        piece = spoken(text)
        if piece:
            self._is_placed = self._is_placed and d.get("output_index") is not None
            item = self.current = self.at(d) or self._open(d)
            item.parts[kind, _part(kind, d)].add(piece)
        return piece

    def is_new(self, kind: str, d: JSON) -> bool:
        """Whether no piece has come of the text that an event brings whole."""
        item = self.at(d)
        return item is None or (kind, _part(kind, d)) not in item.parts

    def unsaid(self, item: Item) -> Iterator[tuple[str, int, str]]:
        """The texts of a whole item that did not come before."""
        if not self._is_placed:
            return  # pieces without an index may be of any item: better nothing twice
        before = dict.fromkeys(item.parts)
        kinds = {kind for kind, _ in before}
        for kind, (of, field, type, name) in PARTS.items():
            if item.kind != of or (of == "reasoning" and kinds and kind not in kinds):
                continue  # a summary and what it sums up are one reasoning
            parts = item.given.get(field)
            for at, part in enumerate(parts if isinstance(parts, list) else []):
                is_said = (kind, place(at)) in before or (kind, None) in before
                if is_said or not isinstance(part, dict):
                    continue
                if part.get("type", type) == type and (text := spoken(part.get(name))):
                    kinds.add(kind)
                    yield kind, at, text

    def message(self, *, whole: bool) -> list[JSON] | None:
        """What there is of `response.output`.

        :param whole: the answer has come to its end, so items whose own end is missing have, too.
        """
        done = [item for item in self._items if item.is_done]
        items = self._items if whole and (self._is_placed or not done) else done
        return exact([turn for item in items if (turn := item.turn())]) or None


class Item:
    """One item, as far as it has come.

    :ivar given: the provider's own object, from its beginning or its end.
    :ivar parts: its texts, as pieces.
    :ivar input: a call's, as far as it came in pieces.
    """

    def __init__(self) -> None:
        self.kind = ""
        self.given: JSON = {}
        self.is_done = False
        self.parts = defaultdict[tuple[str, str | None], Pieces](Pieces)
        self.input = ""

    def turn(self) -> JSON:
        """The item as a provider's own; put together where its end never came."""
        if self.is_done:
            return self.given
        turn: JSON = dict(self.given)
        told: dict[str, list[JSON]] = {}
        for (kind, _), pieces in self.parts.items():
            of, field, type, name = PARTS[kind]
            turn.setdefault("type", of)
            part: JSON = {"type": type, name: pieces.text}
            told.setdefault(field, []).append(
                part | ({"annotations": []} if kind == "text" else {})
            )
        turn |= told
        if turn.get("type") == "message":
            turn.setdefault("role", "assistant")
        if self.input:
            turn[_INPUT.get(self.kind, "arguments")] = self.input
        if "status" in turn:
            turn["status"] = "completed"
        return turn


def exact(output: list[JSON]) -> Any:
    """Items to give out: a number that stands where text belongs is its digits."""
    return mend_all([_exact(item) if isinstance(item, dict) else item for item in output])


def _exact(item: JSON) -> JSON:
    for of, field, _, name in PARTS.values():
        parts = item.get(field)
        if item.get("type") == of and isinstance(parts, list):
            item = {**item, field: [_exact_part(part, name) for part in parts]}
    return item


def _exact_part(part: Any, name: str) -> Any:
    if isinstance(part, dict) and isinstance(part.get(name), int | float):
        return {**part, name: spoken(part[name])}
    return part


def _part(kind: str, d: JSON) -> str | None:
    return place(d.get("summary_index" if kind == "summary" else "content_index"))
