"""A text that grows: whole when it is asked for, and in memory not much more than its letters."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest

from flask_stream import Result, Text
from flask_stream.pieces import Pieces

TOKENS = [f"w{number:05d} " for number in range(20_000)]


def of_add(tokens: list[str]) -> Pieces:
    pieces = Pieces()
    for token in tokens:
        pieces.add(token[:1] + token[1:])  # a string of its own, as each of a provider's is
    return pieces


def of_result(tokens: list[str]) -> Pieces:
    result = Result()
    for token in tokens:
        result.add([Text(token[:1] + token[1:])])
    return result.words["text"]


WAYS = pytest.mark.parametrize("added", [of_add, of_result])


@WAYS
@pytest.mark.parametrize("size", [1, 7, 31, 32, 33, 2000])
@pytest.mark.parametrize("many", [0, 1, 63, 64, 65, 128, 1000])
def test_it_is_what_was_added(added: Callable[[list[str]], Pieces], many: int, size: int) -> None:
    tokens = [token.ljust(size, ".")[-size:] for token in TOKENS[:many]]
    pieces = added(tokens)
    assert pieces.text == "".join(tokens)
    assert pieces.added == many
    assert bool(pieces) is (many > 0)
    if many:
        assert pieces[-1].endswith(tokens[-1])


@WAYS
def test_short_ones_take_twice_their_letters_at_most(added: Callable[[list[str]], Pieces]) -> None:
    tracemalloc.start()
    try:
        pieces = added(TOKENS)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2 * len(pieces.text)  # a list of them: ten times as much


@WAYS
def test_long_ones_stay_as_they_are(added: Callable[[list[str]], Pieces]) -> None:
    """To join them would need as much memory once more, and save nothing."""
    assert len(added(["x" * 2000] * 200)) == 200
    assert len(added(["x" * 2000] * 64 + ["x"] * 64)) == 65
