"""How fast an answer comes: said in the name of the model, which every contender passes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

GOLDEN = 0.618033988749895


@dataclass(frozen=True)
class Pace:
    """`60x30` is 60 words at 30 a second, and `60x0` 60 words at once.

    With `!` behind it, the first word comes at once too. Without, the streams are staggered: each
    begins at another moment of the time between two words, or all would send in the same moment.
    There is at least one word.
    """

    words: int
    rate: float
    promptly: bool = False

    @classmethod
    def of(cls, model: str) -> Self:
        words, _, rate = model.removesuffix("!").partition("x")
        return cls(int(words), float(rate), model.endswith("!"))

    def __str__(self) -> str:
        return f"{self.words}x{self.rate:g}{'!' if self.promptly else ''}"

    def due(self, stream: int, word: int) -> float:
        """Seconds after the request of stream number `stream` when its word number `word` goes."""
        if not self.rate:
            return 0.0
        stagger = 0.0 if self.promptly else stream * GOLDEN % 1
        return (word + stagger) / self.rate
