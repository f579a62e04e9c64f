"""`Pieces`: a text that is still growing."""

from __future__ import annotations

_TOGETHER = 64
_LONG = 64 * 100  # characters of so many: then the strings take hardly more than their letters


class Pieces(list[str]):
    """Put together when it is asked for, since to add strings up is quadratic; and short pieces
    some at a time meanwhile, since a token that is a string of its own takes ten times its letters.

    :ivar added: how many pieces. The list itself may be shorter.
    """

    def __init__(self) -> None:
        super().__init__()
        self.added = 0

    def add(self, piece: str) -> None:
        self.append(piece)
        self.added += 1
        if not self.added % _TOGETHER:
            latest = self[-_TOGETHER:]
            if sum(map(len, latest)) < _LONG:
                self[-_TOGETHER:] = ["".join(latest)]

    @property
    def text(self) -> str:
        return "".join(self)
