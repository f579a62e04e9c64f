"""Numbers as they stood on the wire.

Some gateways send a token that looks like a number as one (`"content": 0.005`). Where text
belongs, its digits are the text, exactly: `1.0` and `1e-7` too, which Python writes in a way
of its own. Everywhere else a number is a number; `surrogates.mend_all` and `shown` give it out
`plain`.
"""

from __future__ import annotations

import json
import math
from typing import Any

from .depth import is_deep


class Digits(float):
    """A number that Python would write otherwise than it stood on the wire."""

    __slots__ = ("digits",)
    digits: str

    @property
    def plain(self) -> int | float | str:
        """The number; its digits where no number that JSON carries is as large."""
        # A whole number of more digits Python refuses to read (sys.get_int_max_str_digits()).
        is_whole = len(self.digits) < 4000 and self.digits.lstrip("-").isdigit()
        number = int(self.digits) if is_whole else float(self)
        return number if is_whole or math.isfinite(number) else self.digits


# With more, Python may refuse, or need long, to read or write a whole number.
_MOST_DIGITS = 300


def _remembered(digits: str) -> Digits:
    number = Digits(digits)
    number.digits = digits
    return number


def _float(digits: str) -> float:
    number = float(digits)
    return number if repr(number) == digits else _remembered(digits)


def _int(digits: str) -> int | float:
    return int(digits) if digits != "-0" and len(digits) < _MOST_DIGITS else _remembered(digits)


_decoder = json.JSONDecoder(parse_float=_float, parse_int=_int)
_usual_decoder = json.JSONDecoder(parse_float=_float)
raw_decode = _decoder.raw_decode


def loads(text: str) -> Any:
    """The JSON value.

    :raises ValueError, RecursionError: there is none.
    """
    # Whole numbers are read in C where none can be one that `_int` remembers.
    is_usual = len(text) < _MOST_DIGITS and "-0" not in text
    return (_usual_decoder if is_usual else _decoder).decode(text)


def loads_or_none(text: str | bytes) -> Any:
    """The JSON value, where `text` may be none, or nested too deep: then None."""
    try:
        value = json.loads(text, parse_float=_float, parse_int=_int)
    except (ValueError, RecursionError):
        return None
    return None if isinstance(value, dict | list) and is_deep(value) else value


def spoken(value: object) -> str:
    """`value` where text belongs: text, or a number's digits; of anything else none."""
    if isinstance(value, str):
        return value
    if isinstance(value, Digits):
        return value.digits
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else ""
    return repr(value) if isinstance(value, int) and not isinstance(value, bool) else ""
