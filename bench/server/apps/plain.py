"""The plain generator, and its async twin: words at a pace, with no provider behind them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from itertools import count

from bench.server import stamps
from bench.server.pace import Pace

_numbers = count()


def _schedule(model: str) -> Iterator[float]:
    """For each word, the seconds to wait for it. By the clock: one that was late is made up for."""
    pace, number, begun = Pace.of(model), next(_numbers), time.monotonic()
    for word in range(pace.words):
        yield begun + pace.due(number, word) - time.monotonic()


def words(model: str, padding: int = 0) -> Iterator[str]:
    """:param padding: so many characters behind each word."""
    asked = stamps.now()
    for number, wait in enumerate(_schedule(model)):
        if wait > 0:
            time.sleep(wait)
        sent = stamps.now()
        word = stamps.word(sent) if number else stamps.first_word(asked, sent)
        yield word + "." * padding


async def async_words(model: str) -> AsyncIterator[str]:
    asked = stamps.now()
    for number, wait in enumerate(_schedule(model)):
        if wait > 0:
            await asyncio.sleep(wait)
        sent = stamps.now()
        yield stamps.word(sent) if number else stamps.first_word(asked, sent)
