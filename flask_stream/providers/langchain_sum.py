"""Adds up a message's chunks, as LangChain does, in a time that grows with what they say."""

from __future__ import annotations

from typing import Any

from ..told import logger

# Added up at a time. LangChain copies what it has at each chunk that it adds.
_AT_ONCE = 100


class Sum:
    """The chunks so far: some sums of a hundred, of a hundred hundreds, and so on, in order."""

    def __init__(self) -> None:
        self._fails = False
        self._levels: list[list[Any]] = [[]]
        self._behind: list[Any] = []  # the last chunk, whose sum alone is read as a whole message

    def add(self, chunk: Any) -> None:
        if getattr(chunk, "chunk_position", None) == "last" or self._behind:
            self._behind.append(chunk)
            return
        level = 0
        self._levels[0].append(chunk)
        while len(self._levels[level]) == _AT_ONCE:
            whole = self._added(self._levels[level])
            self._levels[level] = []
            level += 1
            if level == len(self._levels):
                self._levels.append([])
            self._levels[level].append(whole)

    def total(self) -> Any:
        """The message; None where there is none, or LangChain cannot add its chunks."""
        parts = [part for level in reversed(self._levels) for part in level] + self._behind
        total = self._added(parts) if parts else None
        return None if self._fails else total

    def _added(self, parts: list[Any]) -> Any:
        if len(parts) == 1 or self._fails:
            return parts[0]
        try:
            return parts[0] + parts[1:]  # all in one go, and not one by one
        except Exception:  # of a dialect's chunks some do not fit together
            logger.debug("LangChain could not add the chunks of a message", exc_info=True)
            self._fails = True
            return parts[0]
