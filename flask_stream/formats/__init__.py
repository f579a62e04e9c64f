"""Which format a request asks for, and the formats themselves."""

from __future__ import annotations

from typing import Protocol

from werkzeug.exceptions import NotAcceptable
from werkzeug.http import parse_list_header, parse_options_header

from ..events import Event
from .html import Html
from .json import Json
from .native import Native
from .text import PlainText, Unterminated

__all__ = [
    "FORMATS",
    "Format",
    "Html",
    "Json",
    "Streaming",
    "Unterminated",
    "choose",
    "prefers_html",
]


class Streaming(Protocol):
    """A format that has bytes for each event.

    :ivar comment: bytes that mean nothing, to show that the connection lives; b"" for none.
    """

    name: str
    mimetype: str
    comment: bytes

    def encode(self, event: Event) -> bytes: ...

    def cut(self) -> None:
        """Called where a run ends without its terminal event, since its client has left.

        :raises OSError: nothing but a broken connection shows that the body is not whole.
        """


Format = Native | PlainText | Json | Html

# In the order in which a tie is decided.
_OFFERED: tuple[Format, ...] = (Native(), Json(), PlainText(), Html())

#: What a route's `format=` and Accept's `text/event-stream;format=` may name.
FORMATS: dict[str, Format] = {f.name: f for f in _OFFERED if f.name != "html"}


def choose(accept: str | None, fixed: Format | None = None) -> Format:
    """The format for a request (RFC 9110 section 12.5.1).

    :param accept: the Accept header, as it came.
    :param fixed: the route's own, which wins.
    :raises NotAcceptable: nothing that is offered fits; the message lists what is.
    """
    if fixed is not None:
        return fixed
    ranges = _parse(accept)
    best = max(_OFFERED, key=lambda f: _quality(f.mimetype, ranges))
    if _quality(best.mimetype, ranges) > 0:
        named = [p["format"] for m, p, _ in ranges if m == best.mimetype and "format" in p]
        if not named:
            return best
        if named[0] in FORMATS:
            return FORMATS[named[0]]
    raise NotAcceptable(
        f"This route cannot answer with {accept}. It has text/event-stream, application/json, "
        "text/plain and text/html, and as text/event-stream;format=NAME: "
        f"{', '.join(sorted(FORMATS))}."
    )


def prefers_html(accept: str | None) -> bool:
    """Whether a person's browser asks for a page, rather than a script for an answer."""
    ranges = _parse(accept)
    others = ("text/event-stream", "application/json", "text/plain")
    return _quality("text/html", ranges) > max(_quality(m, ranges) for m in others)


def _parse(accept: str | None) -> list[tuple[str, dict[str, str], float]]:
    ranges = []
    for item in parse_list_header(accept or "*/*") or ["*/*"]:
        mimetype, parameters = parse_options_header(item)
        try:
            quality = float(parameters.pop("q", 1))
        except ValueError:
            quality = 0.0
        ranges.append((mimetype.lower(), parameters, quality))
    return ranges


def _quality(mimetype: str, ranges: list[tuple[str, dict[str, str], float]]) -> float:
    """The q of the most specific range that `mimetype` falls into; 0 for none."""
    found = {range_: quality for range_, _, quality in reversed(ranges)}
    for range_ in (mimetype, f"{mimetype.partition('/')[0]}/*", "*/*"):
        if range_ in found:
            return found[range_]
    return 0.0
