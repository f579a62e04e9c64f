"""`GrowingJSON`: what is whole of a JSON object whose text is still arriving, in pieces."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

from ..events import JSON
from .depth import MOST

# The quantifiers are possessive: others remember each place that they have passed.
_SPACE = re.compile(r"[ \t\n\r]*+")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*+')  # of a string
_OF_NUMBER = re.compile(r"[-+.0-9eE]*+")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][-+]?[0-9]++)?+")
_LITERALS: JSON = {"true": True, "false": False, "null": None}

# A character above U+FFFF is two escapes, which are one word.
_HIGH = r"\\u[dD][89abAB][0-9a-fA-F]{2}"
_LOW = r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE = re.compile(rf'{_HIGH}{_LOW}|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{{4}})')
_LONE_HIGH = re.compile(_HIGH)
# What may still become such a word.
_CUT_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?")
_CUT_LOW = re.compile(r"(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?")


class GrowingJSON:
    """An object's text in, in pieces of any size; what is whole of the object out.

    Each piece is read once, and as `json.loads` would: of a key that comes twice the later value
    stays, and neither NaN nor a number that is too large for one is JSON.

    :ivar size: of what was fed, in characters.
    :ivar is_whole: the object has ended.
    :ivar is_invalid: it is no object, no JSON, or nested too deep, so there is no value any more.
    """

    def __init__(self) -> None:
        self.size = 0
        self.is_whole = self.is_invalid = False
        self._open: list[
            Any
        ] = []  # the objects and arrays that have not ended, the outermost first
        self._root: JSON | None = None
        self._key = ""  # of the innermost object, where that has one under way
        self._text: list[str] = []  # of the string or number under way
        self._is_text_new = False  # there is more of it than its place in the value has
        self._rest = ""  # half of an escape, or of true, false or null
        self._read: Callable[[str, int], int] = self._beginning

    def feed(self, piece: str) -> None:
        self.size += len(piece)
        if self.is_invalid:
            return
        text, self._rest = self._rest + piece, ""
        at = 0
        try:
            while at < len(text):
                at = self._read(text, at)
        except ValueError:
            self.is_invalid, self.is_whole = True, False
            self._root, self._is_text_new = None, False
            self._open.clear()
            self._text.clear()

    def value(self) -> JSON | None:
        """What is whole by now, as an object of its own; None where nothing has begun.

        A string is as long as it is by now. A number is there once something follows it, and a
        key once its value is.
        """
        if self._is_text_new:
            text = "".join(self._text)
            self._place(text)
            self._text[:] = [text]
            self._is_text_new = False
        return None if self._root is None else _copied(self._root)

    # -- what may come next. Each reads `text` from `at` on, and returns where it has stopped -----

    def _beginning(self, text: str, at: int) -> int:
        at = _behind_space(text, at)
        if at == len(text):
            return at
        if text[at] != "{":
            raise ValueError
        self._root = {}
        self._enter(self._root)
        return at + 1

    def _first_key(self, text: str, at: int) -> int:
        at = _behind_space(text, at)
        return self._leave(at) if text.startswith("}", at) else self._next_key(text, at)

    def _next_key(self, text: str, at: int) -> int:
        at = _behind_space(text, at)
        if at == len(text):
            return at
        if text[at] != '"':
            raise ValueError
        self._read = self._in_key
        return at + 1

    def _colon(self, text: str, at: int) -> int:
        at = _behind_space(text, at)
        if at == len(text):
            return at
        if text[at] != ":":
            raise ValueError
        self._read = self._value
        return at + 1

    def _first_item(self, text: str, at: int) -> int:
        at = _behind_space(text, at)
        return self._leave(at) if text.startswith("]", at) else self._value(text, at)

    def _value(self, text: str, at: int) -> int:
        at = _behind_space(text, at)
        if at == len(text):
            return at
        first = text[at]
        if first == '"':
            self._add("")
            self._read = self._in_string
            return at + 1
        if first in "{[":
            inner: Any = {} if first == "{" else []
            self._add(inner)
            self._enter(inner)
            return at + 1
        if first in "-0123456789":
            self._read = self._in_number
            return at
        return self._literal(text, at)

    def _literal(self, text: str, at: int) -> int:
        for word, value in _LITERALS.items():
            if text.startswith(word, at):
                self._add(value)
                self._read = self._behind_value
                return at + len(word)
            if len(text) - at < len(word) and word.startswith(text[at:]):
                self._rest = text[at:]
                return len(text)
        raise ValueError

    def _in_number(self, text: str, at: int) -> int:
        end = _end(_OF_NUMBER, text, at)
        self._text.append(text[at:end])
        if end == len(text):
            return end
        number = "".join(self._text)
        self._text.clear()
        if not _NUMBER.fullmatch(number):
            raise ValueError
        value = json.loads(number)  # a ValueError where a whole number has thousands of digits
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError
        self._add(value)
        self._read = self._behind_value
        return end

    def _in_key(self, text: str, at: int) -> int:
        at, is_whole = self._string(text, at)
        if is_whole:
            self._key = "".join(self._text)
            self._text.clear()
            self._read = self._colon
        return at

    def _in_string(self, text: str, at: int) -> int:
        at, is_whole = self._string(text, at)
        self._is_text_new = True
        if is_whole:
            self._place("".join(self._text))
            self._text.clear()
            self._is_text_new = False
            self._read = self._behind_value
        return at

    def _string(self, text: str, at: int) -> tuple[int, bool]:
        """Read some of a string; whether that was its end."""
        end = _end(_PLAIN, text, at)
        if end > at:
            self._text.append(text[at:end])
        if end == len(text):
            return end, False
        if text[end] == '"':
            return end + 1, True
        return self._escape(text, end), False

    def _escape(self, text: str, at: int) -> int:
        found = _ESCAPE.match(text, at)
        if found is None:
            if not _CUT_ESCAPE.fullmatch(text, at):
                raise ValueError
        elif not (_LONE_HIGH.fullmatch(found[0]) and _CUT_LOW.fullmatch(text, found.end())):
            self._text.append(json.loads(f'"{found[0]}"'))
            return found.end()
        self._rest = text[at:]
        return len(text)

    def _behind_value(self, text: str, at: int) -> int:
        at = _behind_space(text, at)
        if at == len(text):
            return at
        is_object = isinstance(self._open[-1], dict)
        if text[at] == ",":
            self._read = self._next_key if is_object else self._value
            return at + 1
        if text[at] != ("}" if is_object else "]"):
            raise ValueError
        return self._leave(at)

    def _end_of_all(self, text: str, at: int) -> int:
        at = _behind_space(text, at)
        if at < len(text):
            raise ValueError
        return at

    # -- the value ------------------------------------------------------------------------------

    def _enter(self, inner: Any) -> None:
        if len(self._open) == MOST:
            raise ValueError
        self._open.append(inner)
        self._read = self._first_key if isinstance(inner, dict) else self._first_item

    def _leave(self, at: int) -> int:
        self._open.pop()
        self.is_whole = not self._open
        self._read = self._end_of_all if self.is_whole else self._behind_value
        return at + 1

    def _add(self, value: Any) -> None:
        """Put a value where one is due."""
        innermost = self._open[-1]
        if isinstance(innermost, dict):
            innermost[self._key] = value
        else:
            innermost.append(value)

    def _place(self, text: str) -> None:
        """Put what is there of a string in the place of what was there of it before."""
        innermost = self._open[-1]
        innermost[self._key if isinstance(innermost, dict) else -1] = text


def _behind_space(text: str, at: int) -> int:
    return _end(_SPACE, text, at)


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Where a match ends that is always there, though it may be empty."""
    found = pattern.match(text, at)
    return at if found is None else found.end()


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_copied(inner) for inner in value]
    return value
