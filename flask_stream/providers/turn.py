"""`Turn`, which a reader fills; and small helpers, to read what may be anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from sys import getsizeof
from typing import Any

from ..errors import ProviderError
from ..events import JSON, MOST_TOKENS, Event, Source, Usage
from ..told import logger
from .digits import Digits
from .stop_reasons import interruption, reason

Tell = Callable[[Event], None]

# Stands for Chat Completions' `data: [DONE]`, which is no JSON.
DONE: JSON = {"flask_stream": "done"}

# What may be kept of a provider's own that no event has told, in bytes of memory, more or less:
# some pictures and found documents, but not whatever comes for as long as some words come with it.
_MOST_KEPT = 64 * 2**20


class Turn:
    """One relayed stream, as its reader has understood it so far.

    :ivar tell: called by whoever reads, with each event, in order.
    :ivar ended: the provider has said its last word; what may follow is of no use.
    :ivar complete: an end mark was seen: the provider has said that its answer is whole, each wire
        in its own way. A stream that ends without one was cut, and is never a success.
    :ivar error: what the provider reported instead.
    :ivar message: its own turn, see `Result.message`.
    """

    def __init__(self) -> None:
        self.ended = self.complete = False
        self.error: ProviderError | None = None
        self.message: Any = None
        self.raw_usage: Mapping[str, Any] | None = None
        self.usage: Usage | None = None
        self.stop_reason: str | None = None
        self.provider_stop_reason: str | None = None
        self._told: list[Event] = []
        self.tell: Tell = self._told.append
        self._sources: set[Source] = set()
        self._kept = 0

    def take_events(self) -> list[Event]:
        """What was told since this was called last."""
        told = self._told[:]
        self._told.clear()
        return told

    def keep(self, value: Any, instead_of: Any = None) -> bool:
        """Count a JSON value that is kept for the provider's own turn, and is not told.

        :returns: whether it is to be kept. Otherwise the stream has failed.
        """
        self._kept += weight(value) - weight(instead_of)
        if self._kept <= _MOST_KEPT:
            return True
        detail = f"it sent more than {_MOST_KEPT} bytes that belong to no word of its answer"
        self.fail(ProviderError(detail=detail))
        return False

    def use(self, raw: JSON, told: JSON) -> None:
        """Put what a usage object tells into `raw`, which has what was told before."""
        self.keep(told, instead_of={key: raw[key] for key in told if key in raw})
        raw.update(told)
        self.raw_usage = raw

    def stop(self, word: str) -> None:
        """The provider says why it stopped; where that was an interruption, it has failed."""
        self.provider_stop_reason = word
        code = interruption(word)
        if code is None:
            self.complete = True
            self.stop_reason = reason(word)
        else:
            self.fail(ProviderError(code, detail=f"it stopped with {word!r}", retryable=True))

    def fail(self, error: ProviderError) -> None:
        """The provider says that it has failed: it is over, and never complete."""
        self.error = self.error or error
        self.ended = True

    def new_source(
        self,
        url: object = None,
        title: object = None,
        cited_text: object = None,
        document: object = None,
    ) -> None:
        """Tell of a source, unless this turn has named it before."""
        source = Source(*(only_text(x) or None for x in (url, title, cited_text, document)))
        if source.payload() and source not in self._sources:
            self._sources.add(source)
            self.tell(source)


# Dialects put null, a list or nothing where the wire has an object, and new kinds of content come
# unannounced: one guard for a whole dict, instead of one at each of its fields.
NOT_UNDERSTOOD = (AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError)


def understood(handle: Callable[[JSON], None], d: JSON) -> None:
    """Have one dict, or a part of one, handled. What makes no sense is skipped, never fatal."""
    try:
        handle(d)
    except NOT_UNDERSTOOD:
        log_skipped(d)


def log_skipped(d: JSON) -> None:
    """Log a dict that is skipped, with the exception that is being handled."""
    logger.debug("Skipped what was not understood of %s", d, exc_info=True)


def weight(value: Any) -> int:
    """How many bytes of memory a JSON value takes, more or less."""
    total, values = 0, [value]
    while values:
        value = values.pop()
        if isinstance(value, dict):
            total += 64 + sum(map(len, value)) + 100 * len(value)
            values.extend(value.values())
        elif isinstance(value, list):
            total += 64 + 8 * len(value)
            values.extend(value)
        else:
            total += getsizeof(value)
            if isinstance(value, Digits):
                total += len(value.digits)
    return total


def check_weight(d: JSON) -> None:
    """:raises ProviderError: one event takes more memory than all that may be kept."""
    if weight(d) > _MOST_KEPT:
        raise ProviderError(detail=f"it sent an event that takes more than {_MOST_KEPT} bytes")


_LONGEST_PLACE = 100  # characters


def place(index: Any) -> str | None:
    """A provider's index as a dict's key; None where there is none.

    As text: whole numbers can be chosen so that their hashes are one (i * (2**61 - 1)), and a
    dict then compares each of them with all.
    """
    if type(index) is int:  # as nearly always
        return str(index)
    if isinstance(index, float) and index.is_integer():  # 1.0 is 1
        index = int(index)
    return None if index is None else str(index)[:_LONGEST_PLACE]


def only_text(value: object) -> str:
    """`value` where it is text, else no text."""
    return value if isinstance(value, str) else ""


def count(raw: Mapping[str, Any] | None, *path: str) -> int | None:
    """The whole number at `path` in the provider's usage object; None where there is none."""
    value: Any = raw
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return as_count(value)


def as_count(value: object) -> int | None:
    """A whole number that a page can count; None of all else."""
    if isinstance(value, float) and value.is_integer():  # some write 10.0
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= MOST_TOKENS else None


def added(*counts: int | None) -> int | None:
    """The sum of those that are known, as far as a page can count; None where none is."""
    known = [count for count in counts if count is not None]
    return min(sum(known), MOST_TOKENS) if known else None
