"""What `make test` has no time for, and is run apart from it: `make test-long`.

That is what proves one thing a great many times, of which `make test` runs a part, and what takes
minutes. tests/conftest.py skips it elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from itertools import cycle
from typing import Any, TypeVar

import pytest

T = TypeVar("T")
U = TypeVar("U")

in_its_own_time = pytest.mark.own_time
THERE_IS_TIME = "FLASK_STREAM_LONG" in os.environ


def skip_what_takes_long(items: Iterable[pytest.Item]) -> None:
    if not THERE_IS_TIME:
        skip = pytest.mark.skip(reason="takes minutes: «make test-long» runs it")
        for item in items:
            if item.get_closest_marker("own_time"):
                item.add_marker(skip)


def in_turn(values: Iterable[T], others: Iterable[U]) -> list[tuple[T, U]]:
    """Each value once, with one of the others: they take turns."""
    return list(zip(values, cycle(others), strict=False))


def part_of(values: Iterable[Any], *, every: int = 1, kept: Collection[Any] | None = None) -> Any:
    """Parameters of which `make test` has a part, and `make test-long` the others.

    :param values: tuples where there are several arguments.
    :param every: from the first on, each so-manieth is in the part. For a product of lists, one
        that has no divisor with the inner list's length, so that each of its values is met.
    :param kept: the values of the part.
    """
    return [
        pytest.param(
            *(value if isinstance(value, tuple) else (value,)),
            marks=[] if (value in kept if kept is not None else not n % every) else in_its_own_time,
        )
        for n, value in enumerate(values)
    ]
