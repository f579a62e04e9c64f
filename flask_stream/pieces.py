"""`Pieces`: a text that is still growing."""

from __future__ import annotations

_TOGETHER = 64
# Characters. Long pieces take hardly more than their letters, and are the same strings wherever
# they are kept: what is joined is a new one.
_LONG = 32 * _TOGETHER


class Pieces(list[str]):
    """Kept as a list, and joined when it is asked for, since adding strings up is quadratic.

    Each 64 short pieces become one string, since a token as a string of its own takes ten times
    its letters. `add` sees to that; `Result.add` does the same in its own loop, where a call for
    each token shows.

    :ivar full: the length at which the latest pieces are to be joined.
    """

    def __init__(self) -> None:
        super().__init__()
        self.full = _TOGETHER
        self._joined_away = 0

    @property
    def added(self) -> int:
        """How many pieces were added; the list is shorter once some were joined."""
        return len(self) + self._joined_away

    @property
    def text(self) -> str:
        return "".join(self)

    def add(self, piece: str) -> None:
        self.append(piece)
        if len(self) == self.full:
            self.join_latest()

    def join_latest(self) -> None:
        """Make one piece of the latest ones, where they are short."""
        latest = self[-_TOGETHER:]
        if sum(map(len, latest)) < _LONG:
            self[-_TOGETHER:] = ["".join(latest)]
            self._joined_away += _TOGETHER - 1
        self.full = len(self) + _TOGETHER
