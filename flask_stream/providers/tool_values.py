"""What tools take and give, as JSON has it: some libraries keep values of any kind."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from ..told import text_of
from .shown import shown


def as_json(value: Any) -> Any:
    """A value of any kind: a model's and a dataclass's fields, and else what `str` says of it."""
    try:
        return json.loads(json.dumps(value, default=_fields, allow_nan=False))
    except (TypeError, ValueError, RecursionError):  # a key that is no text, NaN, a circle
        return text_of(value)


def json_of(value: Any) -> Any:
    """The same of what a tool gave, for an event: without pictures in base64."""
    try:
        return shown(as_json(value))
    except RecursionError:
        return text_of(value)


def _fields(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    if dump is not None:
        return dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        # No asdict(): it copies all that is below.
        return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    return f"{len(value)} bytes" if isinstance(value, bytes | bytearray) else text_of(value)
