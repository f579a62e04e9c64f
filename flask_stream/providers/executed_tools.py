"""The tools that Groq runs itself in a Chat Completions stream: its compound systems' searches.

`delta.executed_tools` has each tool when it begins, and again with what it gave (groq 1.7). They
have no ids, and the next request does not take them.
"""

from __future__ import annotations

from ..events import JSON, ToolCallStart, ToolResult
from .shown import shown
from .surrogates import mend_all
from .tool_calls import tool_call
from .turn import Turn, only_text, place
from .under_way import numbers


class ExecutedTools:
    """Those of one message."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._numbers = numbers("executed")
        self._ids: dict[str, str] = {}  # by their places
        self._answered: set[str] = set()  # the places of those whose result was told

    def tell(self, d: JSON) -> None:
        at = place(d.get("index")) or "0"
        name = only_text(d.get("type"))
        if (id := self._ids.get(at)) is None:
            id = self._ids[at] = f"executed-{next(self._numbers)}"
            self._turn.keep({id: at})
            self._turn.tell(ToolCallStart(id, name, server=True))
            self._turn.tell(tool_call(id, name, only_text(d.get("arguments")), server=True))
        if at not in self._answered and (result := _result(d)):
            self._answered.add(at)
            self._turn.tell(ToolResult(id, shown(mend_all(result)), name))
            for page in (*_found(d), *(d.get("browser_results") or [])):
                self._turn.new_source(page.get("url"), page.get("title"))


def _result(d: JSON) -> object:
    """What it gave, as text where there is some; pictures of code's results are left out."""
    if output := d.get("output"):
        return output
    texts = [result.get("text") for result in d.get("code_results") or []]
    return "\n".join(filter(None, texts)) or _found(d) or d.get("browser_results")


def _found(d: JSON) -> list[JSON]:
    """What a search has found; nothing, while it is under way."""
    return (d.get("search_results") or {}).get("results") or []
