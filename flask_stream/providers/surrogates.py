"""Surrogate pairs that were split over two deltas.

JSON lets a sender escape the two halves of a character above U+FFFF one by one
(RFC 8259 section 7), and some providers cut between them. Half a pair waits for the other
half; one that stays alone becomes U+FFFD, since UTF-8 cannot carry it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from ..events import FLUSH, Event, Reasoning, Refusal, Text, ToolCallDelta
from .digits import Digits

_FIELD = {Text: "text", Reasoning: "text", Refusal: "text", ToolCallDelta: "arguments"}


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


def mended(events: Iterable[Event]) -> Iterator[Event]:
    """`events`, with split pairs joined; texts that are empty are left out."""
    half: Event | None = None
    for event in events:
        name = _FIELD.get(type(event))
        if name is None:
            if half is not None and event is not FLUSH:
                yield _alone(half)
                half = None
            yield event
            continue
        text: str = getattr(event, name)
        if half is None and text.isascii():
            if text:
                yield event
            continue
        if half is not None:
            if _same_text(half, event):
                text = getattr(half, name) + text
            else:
                yield _alone(half)
            half = None
        whole = text
        if "\ud800" <= text[-1:] <= "\udbff":
            half = replace(event, **{name: text[-1]})  # type: ignore[type-var]
            whole = text[:-1]
        whole = mend(whole)
        if whole:
            yield event if whole == getattr(event, name) else replace(event, **{name: whole})  # type: ignore[type-var]
    if half is not None:
        yield _alone(half)


def _same_text(a: Event, b: Event) -> bool:
    return type(a) is type(b) and getattr(a, "id", None) == getattr(b, "id", None)


def _alone(half: Event) -> Event:
    return replace(half, **{_FIELD[type(half)]: "\ufffd"})  # type: ignore[type-var]
