"""A text that grows: whole whenever it is asked for, and no larger in memory than its letters."""

from __future__ import annotations

import tracemalloc

import pytest

from flask_stream.pieces import Pieces

TOKENS = [f"w{number:05d} " for number in range(20_000)]


@pytest.mark.parametrize("many", [0, 1, 63, 64, 65, 128, 1000])
def test_it_is_what_was_added(many: int) -> None:
    pieces = Pieces()
    for token in TOKENS[:many]:
        pieces.add(token)
    assert pieces.text == "".join(TOKENS[:many])
    assert pieces.added == many
    assert bool(pieces) is (many > 0)
    if many:
        assert pieces[-1].endswith(TOKENS[many - 1])


def test_a_token_takes_no_more_than_its_letters() -> None:
    letters = sum(map(len, TOKENS))
    pieces = Pieces()
    tracemalloc.start()
    try:
        for token in TOKENS:
            pieces.add(token[:3] + token[3:])  # a string of its own, as each of a provider's is
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2 * letters  # a list of them: ten times as much
