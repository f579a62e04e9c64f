"""Numbers that stand where text belongs.

Some gateways make a JSON number of a token that looks like one: `"content": 0.50`. Its text is
the digits as they stand on the wire, which a float forgets.
"""

from __future__ import annotations

from typing import Any


class Decimal(float):
    """A float that remembers how it was written; for `json.loads(parse_float=…)`."""

    __slots__ = ("digits",)
    digits: str

    def __new__(cls, digits: str) -> Decimal:
        self = super().__new__(cls, digits)
        self.digits = digits
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Decimal, (self.digits,)


def written(value: object) -> str:
    """`value` where it is text, or a number's digits; else no text."""
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return value.digits
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return str(value)
        except ValueError:  # an int of more digits than Python writes
            return ""
    return ""
