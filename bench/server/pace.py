"""How fast an answer comes: said in the name of the model, which every contender passes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

GOLDEN = 0.618033988749895


@dataclass(frozen=True)
class Pace:
    """`60x30` is 60 words at 30 a second, and `60x0` 60 words at once; there is at least one.

    With `@0.2` behind it, the first word comes 0.2 s after the request. Without, the streams are
    staggered: each begins at another moment of the time between two words, or all would send in
    the same moment.
    """

    words: int
    rate: float
    first: float | None = None

    @classmethod
    def of(cls, model: str) -> Self:
        words_and_rate, _, first = model.partition("@")
        words, _, rate = words_and_rate.partition("x")
        return cls(int(words), float(rate), float(first) if first else None)

    def __str__(self) -> str:
        text = f"{self.words}x{self.rate:g}"
        return text if self.first is None else f"{text}@{self.first:g}"

    def due(self, stream: int, word: int) -> float:
        """Seconds after the request of stream number `stream` when its word number `word` goes."""
        if not self.rate:
            return 0.0
        first = stream * GOLDEN % 1 / self.rate if self.first is None else self.first
        return first + word / self.rate
