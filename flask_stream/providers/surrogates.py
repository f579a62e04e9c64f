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
        self._half: Event | None = None

    def feed(self, events: list[Event]) -> list[Event]:
        """What can be told once these are there."""
        mended: list[Event] = []
        for event in events:
            name = _field_of(event)
            if name is None:
                mended += self.end()
                mended.append(event)
                continue
            text: str = getattr(event, name)
            if self._half is not None or not text.isascii():
                self._mend(event, name, text, mended)
            elif text:
                mended.append(event)
        return mended

    def end(self) -> list[Event]:
        """The half that has stayed alone, if one has."""
        half, self._half = self._half, None
        return [] if half is None else [_alone(half)]

    def _mend(self, event: Event, name: str, text: str, mended: list[Event]) -> None:
        if self._half is not None:
            if _same_text(self._half, event):
                text = getattr(self._half, name) + text
                self._half = None
            else:
                mended += self.end()
        whole = text
        if "\ud800" <= text[-1:] <= "\udbff":
            self._half = replace(event, **{name: text[-1]})  # type: ignore[type-var]
            whole = text[:-1]
        whole = mend(whole)
        if not whole:
            return
        if whole != getattr(event, name):
            event = replace(event, **{name: whole})  # type: ignore[type-var]
        mended.append(event)


def _field_of(event: Event) -> str | None:
    """Where an event has text that goes on in the next one."""
    if isinstance(event, Words):
        return "text"
    return "arguments" if isinstance(event, ToolCallDelta) else None


def _same_text(a: Event, b: Event) -> bool:
    return type(a) is type(b) and getattr(a, "id", None) == getattr(b, "id", None)


def _alone(half: Event) -> Event:
    return replace(half, **{_field_of(half) or "": "\ufffd"})  # type: ignore[type-var]
