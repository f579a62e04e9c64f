"""The time at which a word was sent, in the word itself: so it outlives whatever carries it.

By CLOCK_MONOTONIC, which all processes of a machine share, in microseconds.
"""

from __future__ import annotations

import re
import time

_FIRST = re.compile(rb"\^(\d{15})~(\d{15})")
_STAMP = re.compile(rb"~(\d{15})")
LENGTH = 16  # of a stamp
REST = LENGTH - 1  # bytes behind which no stamp is whole, and of which a stamp may be the rest


def now() -> int:
    return time.monotonic_ns() // 1000


def word(sent: int) -> str:
    return f" ~{sent:015d}"


def first_word(asked: int, sent: int) -> str:
    """With the time at which the provider had been asked."""
    return f"^{asked:015d}~{sent:015d}"


def sent_in(data: bytes) -> list[int]:
    """When each of the words in `data` was sent."""
    return [int(digits) for digits in _STAMP.findall(data)]


def first_in(data: bytes) -> tuple[int, int] | None:
    """When the provider was asked, and when it sent its first word, if that is in `data`."""
    found = _FIRST.search(data)
    return (int(found[1]), int(found[2])) if found else None
