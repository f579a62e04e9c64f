"""What may be asked: before the first question, and after an answer."""

from __future__ import annotations

from collections.abc import Collection

from flask_babel import lazy_gettext

_FIRST = [
    lazy_gettext("Why stream an answer at all?"),
    lazy_gettext("What happens when the connection breaks?"),
    lazy_gettext("A haiku about waiting"),
]
# The canned provider has an answer to these, or plays a trick.
_CANNED = [
    lazy_gettext("A long answer in Markdown"),
    lazy_gettext("An answer that is cut off"),
    lazy_gettext("A slow start"),
    lazy_gettext("An error half way"),
    lazy_gettext("A rate limit"),
    lazy_gettext("A search that finds nothing"),
    lazy_gettext("How do the words get here?"),
]
_AT_A_TIME = 3


def before(*, canned: bool) -> list[str]:
    """What may be asked first."""
    return [str(each) for each in _FIRST + (_CANNED[:_AT_A_TIME] if canned else [])]


def afterwards(asked: Collection[str]) -> list[str]:
    """What the canned provider knows besides what was asked."""
    return [str(each) for each in _CANNED + _FIRST if each not in asked][:_AT_A_TIME]
