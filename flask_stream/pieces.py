"""`Pieces`: a text that is still growing."""

from __future__ import annotations

_TOGETHER = 64
_LONG = 64 * 100  # characters of so many: then the strings take hardly more than their letters


class Pieces(list[str]):
    """Put together when it is asked for, since to add strings up is quadratic; and short pieces
    some at a time meanwhile, since a token that is a string of its own takes ten times its letters.

    What is paid for each token appends by itself, and has it `gather` once it is `full` long.

    :ivar full: the length with which some are put together.
    """

    def __init__(self) -> None:
        super().__init__()
        self.full = _TOGETHER
        self._gathered = 0

    @property
    def added(self) -> int:
        """How many pieces were added; the list itself may be shorter."""
        return len(self) + self._gathered

    @property
    def text(self) -> str:
        return "".join(self)

    def add(self, piece: str) -> None:
        self.append(piece)
        if len(self) == self.full:
            self.gather()

    def gather(self) -> None:
        """Put the latest pieces together, where they are short."""
        latest = self[-_TOGETHER:]
        if sum(map(len, latest)) < _LONG:
            self[-_TOGETHER:] = ["".join(latest)]
            self._gathered += _TOGETHER - 1
        self.full = len(self) + _TOGETHER
