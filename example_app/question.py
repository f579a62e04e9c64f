"""What the reader asks: there is a question, and it is not too long."""

from __future__ import annotations

from flask import abort, request
from flask_babel import format_decimal

from .languages import gettext

MOST_CHARACTERS = 8000
MOST_BYTES = 128 * 1024  # of a form without its files: the longest question fits in any script


def too_long() -> str:
    """What is said of a question that is too long."""
    most = format_decimal(MOST_CHARACTERS)
    return gettext("That question is too long. Ask in at most %(most)s characters.", most=most)


def asked() -> str:
    """Give the question of a form or a URL; refuse, in words for the page, what is none."""
    # A suggestion is a button of the same name, which comes before the field or behind it.
    given = (each.strip() for each in request.values.getlist("question"))
    question = next(filter(None, given), "")
    if not question:
        abort(400, gettext("Type a question first."))
    if len(question) > MOST_CHARACTERS:
        abort(413, too_long())
    return question
