"""What the canned provider says to a prompt, as far as it comes."""

from __future__ import annotations

from example_app.canned_answers import answer_to
from example_app.canned_provider import HOLD_AFTER
from example_app.canned_wire import pieces


def whole(prompt: str) -> str:
    return answer_to(prompt).text


def first_half(prompt: str) -> str:
    """What there is before a cut or an error."""
    all_of_it = pieces(whole(prompt))
    return "".join(all_of_it[: len(all_of_it) // 2])


def until_held(prompt: str) -> str:
    """What there is while it is held."""
    return "".join(pieces(whole(prompt))[:HOLD_AFTER])
