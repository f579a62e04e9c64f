"""Async generators that nobody holds any more are closed once the collector is done with them."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from flask_stream.event_loop import loop_thread
from tests.collector import no_automatic_collection
from tests.our_loop import on_our_loop
from tests.servers.client import DEADLINE


async def begin(stream: AsyncIterator[int]) -> None:
    """On its loop, whose hooks it takes as it is asked first."""
    await anext(stream)


class Waits:
    """Holds a collection up, as other threads do that take the interpreter's lock."""

    def __init__(self, event: threading.Event, seconds: float) -> None:
        self.event, self.seconds = event, seconds

    def __del__(self) -> None:
        self.event.wait(self.seconds)


def test_a_chain_of_them_is_closed_when_the_collection_that_found_it_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unraisable: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    is_closing, may_close = threading.Event(), threading.Event()
    closed: list[str] = []

    async def outer(chain: dict[str, Any]) -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await chain["inner"].aclose()
            closed.append("outer")

    async def inner(_: dict[str, Any]) -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            is_closing.set()
            may_close.wait(DEADLINE)  # executing, as the collector comes to it
            closed.append("inner")

    # The collector takes them in the order in which they were made.
    chain: dict[str, Any] = {}
    chain["outer"] = outer(chain)
    chain["between"] = Waits(is_closing, 0.5)
    chain["inner"] = inner(chain)
    for name in ("outer", "inner"):
        on_our_loop(begin(chain[name]))
    del chain
    gc.collect()
    may_close.set()
    assert is_closing.wait(DEADLINE)
    on_our_loop(asyncio.sleep(0))
    assert (unraisable, closed) == ([], ["inner", "outer"])


def test_a_collection_at_the_end_of_the_stack_has_nothing_of_ours_to_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There is no room for it: the JSON of a provider that means harm has collections there."""
    unraisable: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)

    def collect_at_the_end() -> None:
        try:
            collect_at_the_end()
        except RecursionError:
            gc.collect(0)
            raise

    on_our_loop(asyncio.sleep(0))
    with suppress(RecursionError):
        collect_at_the_end()
    modules = [f"{getattr(each.object, '__module__', None)}" for each in unraisable]
    assert [name for name in modules if name.startswith("flask_stream")] == []


async def closing(is_closed: threading.Event) -> AsyncIterator[int]:
    try:
        yield 1
    finally:
        is_closed.set()


def is_closed_when_dropped() -> bool:
    is_closed = threading.Event()
    dropped = closing(is_closed)
    on_our_loop(begin(dropped))
    del dropped
    return is_closed.wait(DEADLINE)


def test_one_that_is_dropped_is_closed_without_a_collection() -> None:
    """Were there one of the youngest for each, the others would not be collected any more."""
    with no_automatic_collection():
        before = gc.get_stats()
        assert is_closed_when_dropped()
        assert gc.get_stats() == before


def test_a_wake_up_that_fails_keeps_no_later_one_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the end of the stack there may be no room for it."""
    unraisable: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)

    def fail(*_: object) -> None:
        raise RecursionError

    is_closed = threading.Event()
    dropped = closing(is_closed)
    on_our_loop(begin(dropped))
    with monkeypatch.context() as patch:
        patch.setattr(loop_thread().loop(), "call_soon_threadsafe", fail)
        del dropped
    assert [each.exc_type for each in unraisable] == [RecursionError]
    assert is_closed_when_dropped()
    assert is_closed.wait(DEADLINE)


def test_they_are_closed_behind_streams_that_end_the_loop_together(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is run again, for the second one before asyncio's hooks are taken over anew."""
    unraisable: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)

    async def end_it() -> None:
        raise SystemExit

    async def end_it_twice() -> None:
        ending.extend(asyncio.ensure_future(end_it()) for _ in range(2))

    ending: list[asyncio.Future[None]] = []
    on_our_loop(end_it_twice())
    assert is_closed_when_dropped()
    assert caplog.text.count("was ended by one of them, and goes on") == 2
    assert all(isinstance(each.exception(), SystemExit) for each in ending)
    assert unraisable == []
