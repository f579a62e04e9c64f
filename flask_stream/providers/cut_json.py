"""A tool's input that was cut off, by `max_tokens` or a lost connection: what is whole in it."""

from __future__ import annotations

import json
import re
from collections import deque
from typing import Any

from .digits import loads

# A string, whole or cut off, or what JSON is nested and divided by. The quantifiers are
# possessive: others remember each place that they have passed.
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+("?)|[\[\]{},]', re.DOTALL)
# What closes the open arrays and objects, the innermost first.
_Closing = tuple[str, "_Closing"] | None
# So many of the last places are tried: where the first is in the middle of something, one of
# the next two is not.
_TRIES = 4


def partial_json(text: str) -> Any:
    """What is whole in a JSON text that may be cut off: {} where nothing is.

    The last value is dropped when its end is not there, and open arrays and objects are
    closed, as the anthropic SDK 2.12 does for a tool's input that `max_tokens` cut off.
    """
    try:
        return loads(text)
    except RecursionError:
        return {}
    except json.JSONDecodeError as error:
        whole = text[: error.pos]  # nothing behind the first fault can be of use
        if text[error.pos : error.pos + 1] in (".", "e", "E"):  # a number that was cut in two
            whole = whole.rstrip("-0123456789.")
    for cut, closing in reversed(_cuts(whole)):
        try:
            return loads(whole[:cut] + _written(closing))
        except ValueError:
            continue  # a key without its value, or no JSON at all
        except RecursionError:
            break
    return {}


def _cuts(text: str) -> deque[tuple[int, _Closing]]:
    """The last places where `text` could be cut after a whole value, and what would close it."""
    cuts: deque[tuple[int, _Closing]] = deque(maxlen=_TRIES)
    closing: _Closing = None
    in_string = False
    for found in _TOKEN.finditer(text):
        token = found[0]
        in_string = token[0] == '"' and not found[1]
        if token in "[{":
            closing = ("]" if token == "[" else "}", closing)
            cuts.append((found.end(), closing))
        elif token in "]}" and closing is not None:
            closing = closing[1]
            cuts.append((found.end(), closing))
        elif token == ",":
            cuts.append((found.start(), closing))
    if not in_string:
        cuts.append((len(text), closing))  # behind a number, true or null
    return cuts


def _written(closing: _Closing) -> str:
    marks = []
    while closing is not None:
        mark, closing = closing
        marks.append(mark)
    return "".join(marks)
