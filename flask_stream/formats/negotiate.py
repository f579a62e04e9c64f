"""Which format a request asks for: content negotiation, RFC 9110 section 12.5.1."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import ClassVar

from werkzeug.exceptions import NotAcceptable
from werkzeug.http import parse_list_header, parse_options_header

from .. import texts
from .base import Complete, Streamed
from .json import Json
from .native import Native
from .page import Page
from .text import PlainText

AnyFormat = Streamed | Complete

# In the order in which a tie is decided.
_OFFERED: tuple[type[AnyFormat], ...] = (Native, Json, PlainText, Page)

#: What a route's `format=` and Accept's `text/event-stream;format=` may name.
FORMATS: dict[str, type[AnyFormat]] = {f.name: f for f in _OFFERED if not f.is_page}

_EVENTS = Native.mimetype

# What a browser or a library sends is a tenth of that; what goes on behind it is not read.
_MOST_BYTES = 2048

# The q of each media range, and of each `format=` of text/event-stream; the first one counts.
_Asked = dict[tuple[str, str | None], float]


class NothingFits(NotAcceptable):
    """No format is one that the request accepts: 406, with a list of them."""

    text = texts.NO_FORMAT
    values: ClassVar[Mapping[str, object]] = {
        "types": ", ".join(each.mimetype for each in _OFFERED),
        "names": ", ".join(sorted(FORMATS)),
    }
    description = text.format(**values)


def choose(accept: str | None, fixed: type[AnyFormat] | None = None) -> AnyFormat:
    """The format of one response.

    :param accept: the Accept header, as it came; its first 2 KB count.
    :param fixed: the route's own, which wins.
    :raises NotAcceptable: nothing that is offered fits; the message lists what is.
    """
    if fixed is not None:
        return fixed()
    best = _best(_beginning(accept))
    if best is not None:
        return best()
    raise NothingFits


def of_refusals(accept: str | None, fixed: type[AnyFormat] | None = None) -> AnyFormat:
    """The format that says how an error before the first byte looks.

    :param accept: the Accept header, as it came. Whoever wants a page most gets one.
    :param fixed: the route's own.
    """
    best = _best(_beginning(accept)) or Native
    return best() if best.is_page or fixed is None else fixed()


@lru_cache(maxsize=64)  # a browser, or a program, asks the same each time
def _best(accept: str) -> type[AnyFormat] | None:
    """What has the highest q; of several, what is named, then what is offered first.

    :param accept: the header's beginning.
    """
    asked = _parse(accept)
    quality, best = 0.0, None
    for format, q in _fitting(asked):
        if q > quality:
            quality, best = q, format
    return best


def _fitting(asked: _Asked) -> Iterator[tuple[type[AnyFormat], float]]:
    # Who names a format wants it more than what his other ranges happen to include. A name
    # that we do not have is passed over: that range fits nothing here.
    for (_, name), q in asked.items():
        if name in FORMATS:
            yield FORMATS[name], q
    for format in _OFFERED:
        yield format, _quality(format, asked)


def _quality(format: type[AnyFormat], asked: _Asked) -> float:
    """The q of the most specific range that the format's media type falls into; 0 for none."""
    mimetype = format.mimetype
    ranges = (
        (mimetype, format.name),  # of text/event-stream alone
        (mimetype, None),
        (f"{mimetype.partition('/')[0]}/*", None),
        ("*/*", None),
    )
    return next((asked[range_] for range_ in ranges if range_ in asked), 0.0)


def _parse(accept: str) -> _Asked:
    asked: _Asked = {}
    for item in filter(None, parse_list_header(accept)):
        mimetype, parameters = parse_options_header(item)
        mimetype = mimetype.lower()
        # Other parameters, as a charset, say nothing that we could choose by.
        name = parameters.get("format") if mimetype == _EVENTS else None
        asked.setdefault((mimetype, name and name.lower()), _qvalue(parameters.get("q", "1")))
    return asked or {("*/*", None): 1.0}


def _beginning(accept: str | None) -> str:
    """As many whole ranges as are read: half of one might ask for what its q excludes."""
    if accept is None or len(accept) <= _MOST_BYTES:
        return accept or ""
    return accept[:_MOST_BYTES].rpartition(",")[0]


def _qvalue(text: str) -> float:
    """0 for what is no number from 0 to 1: a range that cannot be weighed is not asked for."""
    try:
        quality = float(text)
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0
