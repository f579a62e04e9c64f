"""What a run has found, and what is read out of it: middles, and ratios of the same round."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Self

from .page import Waits
from .rounds import Loads, Rounds


@dataclass
class Results:
    """:ivar compared: by contender: with whom.
    :ivar absent: by contender: why it did not take part.
    :ivar load: of the machine, before and behind.
    :ivar memory: KiB for each open stream, by wire and contender.
    :ivar many: by wire, as `burst`.
    :ivar soak: by contender: the sizes at first and at last.
    """

    machine: str
    versions: dict[str, str]
    rounds: int
    seconds: float
    quick: bool
    compared: dict[str, str]
    absent: dict[str, str]
    load: list[float] = field(default_factory=list)
    loads: Loads = field(default_factory=dict)
    memory: dict[str, dict[str, float]] = field(default_factory=dict)
    first_words: Waits = field(default_factory=dict)
    chats: Waits = field(default_factory=dict)
    many: dict[str, Rounds] = field(default_factory=dict)
    burst: dict[str, Rounds] = field(default_factory=dict)
    soak: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    soak_minutes: float = 0.0

    def save(self, file: Path) -> None:
        file.write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def load_from(cls, file: Path) -> Self:
        return cls(**json.loads(file.read_text()))


@dataclass(frozen=True)
class Ratio:
    """The middle of the rounds' ratios, and the least and the most of them."""

    middle: float
    least: float
    most: float

    def __str__(self) -> str:
        if math.isnan(self.middle):
            return "-"
        return f"{self.middle:.2f} ({self.least:.2f} to {self.most:.2f})"


def middle(rounds: Iterable[dict[str, float] | None], figure: str) -> float:
    """nan where there is none."""
    found = [each[figure] for each in rounds if each and not math.isnan(each[figure])]
    return median(found) if found else math.nan


def ratio(ours: Iterable[Any], theirs: Iterable[Any], figure: str) -> Ratio:
    """A round that was slow was slow for both."""
    found = [
        a[figure] / b[figure] for a, b in zip(ours, theirs, strict=True) if a and b and b[figure]
    ]
    return Ratio(median(found), min(found), max(found)) if found else Ratio(*[math.nan] * 3)


def difference(ours: Iterable[Any], theirs: Iterable[Any], figure: str) -> float:
    """The middle of the rounds' differences."""
    found = [a[figure] - b[figure] for a, b in zip(ours, theirs, strict=True) if a and b]
    found = [each for each in found if not math.isnan(each)]
    return median(found) if found else math.nan
