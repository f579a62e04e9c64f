"""Surrogate pairs that were split over two deltas.

JSON lets a sender escape the two halves of a character above U+FFFF one by one
(RFC 8259 section 7), and some providers cut between them. Half a pair waits for the other
half; one that stays alone becomes U+FFFD, since UTF-8 cannot carry it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..events import Event, ToolCallDelta, Words
from .digits import Digits


def mend(text: str) -> str:
    """`text` with its surrogate halves joined, and lone ones as U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def mend_all(value: Any) -> Any:
    """A JSON value to give out, with every string in it mended, and its numbers plain.

    It stays as it is where it is nested too deep.
    """
    try:
        return _mend_all(value)
    except RecursionError:
        return value


def _mend_all(value: Any) -> Any:
    if isinstance(value, str):
        return mend(value)
    if isinstance(value, list):
        return [_mend_all(item) for item in value]
    if isinstance(value, dict):
        return {mend(key): _mend_all(item) for key, item in value.items()}
    return value.plain if isinstance(value, Digits) else value


class Mender:
    """Joins split pairs over the events of one stream; leaves out texts that are empty."""

    def __init__(self) -> None:
        self._half: Words | ToolCallDelta | None = None  # the event whose text ends with it
        self._high = ""

    def feed(self, events: list[Event]) -> list[Event]:
        """What can be told once these are there."""
        mended: list[Event] = []
        for event in events:
            if isinstance(event, Words):
                text = event.text
            elif isinstance(event, ToolCallDelta):
                text = event.arguments
            else:
                mended += self.end()
                mended.append(event)
                continue
            if self._half is not None or not text.isascii():
                self._mend(event, text, mended)
            elif text:
                mended.append(event)
        return mended

    def end(self) -> list[Event]:
        """The half that has stayed alone, if one has."""
        half, self._half = self._half, None
        return [] if half is None else [_saying(half, "\ufffd")]

    def _mend(self, event: Words | ToolCallDelta, text: str, mended: list[Event]) -> None:
        came = text
        if self._half is not None:
            if _same_text(self._half, event):
                text = self._high + text
                self._half = None
            else:
                mended += self.end()
        whole = text
        if "\ud800" <= text[-1:] <= "\udbff":
            self._half, self._high = event, text[-1]
            whole = text[:-1]
        whole = mend(whole)
        if not whole:
            return
        mended.append(event if whole == came else _saying(event, whole))


def _same_text(a: Event, b: Event) -> bool:
    return type(a) is type(b) and getattr(a, "id", None) == getattr(b, "id", None)


def _saying(event: Words | ToolCallDelta, text: str) -> Event:
    """The same event with another text."""
    if isinstance(event, Words):
        return replace(event, text=text)
    return replace(event, arguments=text)
