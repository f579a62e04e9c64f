"""Surrogate pairs that were split over two deltas.

JSON lets a sender escape the two halves of a character above U+FFFF one by one
(RFC 8259 section 7), and some providers cut between them. Half a pair waits for the other
half; one that stays alone becomes U+FFFD, since UTF-8 cannot carry it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..events import Event, ToolCallDelta, Words
from ..sse import mend
from .digits import Digits


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
        self._waiting: Words | ToolCallDelta | None = None  # its text ended with half a pair,
        self._high_surrogate = ""  # which is this one

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
            if self._waiting is not None or not text.isascii():
                mended += self._mend(event, text)
            elif text:
                mended.append(event)
        return mended

    def end(self) -> list[Event]:
        """The half that has stayed alone, if one has."""
        waiting, self._waiting = self._waiting, None
        return [] if waiting is None else [_saying(waiting, "\ufffd")]

    def _mend(self, event: Words | ToolCallDelta, text: str) -> list[Event]:
        """What can be told of `text`, which is the event's, and of what has waited for it."""
        mended: list[Event] = []
        whole = text
        if self._waiting is not None and _same_text(self._waiting, event):
            whole = self._high_surrogate + whole
            self._waiting = None
        elif self._waiting is not None:
            mended = self.end()
        if "\ud800" <= whole[-1:] <= "\udbff":
            self._waiting, self._high_surrogate = event, whole[-1]
            whole = whole[:-1]
        whole = mend(whole)
        if whole:
            mended.append(event if whole == text else _saying(event, whole))
        return mended


def _same_text(a: Event, b: Event) -> bool:
    return type(a) is type(b) and getattr(a, "id", None) == getattr(b, "id", None)


def _saying(event: Words | ToolCallDelta, text: str) -> Event:
    """The same event with another text."""
    if isinstance(event, Words):
        return replace(event, text=text)
    return replace(event, arguments=text)
