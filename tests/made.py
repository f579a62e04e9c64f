"""A dict that makes what is missing, for keys that two threads may ask for at the same time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

V = TypeVar("V")


class Made(dict[str, V], Generic[V]):
    """Of defaultdict's two threads, each might get an object of its own."""

    def __init__(self, make: Callable[[], V]) -> None:
        self._make = make

    def __missing__(self, key: str) -> V:
        return self.setdefault(key, self._make())
