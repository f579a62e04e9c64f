"""A channel or a bridge that an app keeps for all requests: others than its one run are told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from flask_stream import Channel, SourceError, bridge
from tests.conftest import Site, events_of, said
from tests.test_bridge import DEADLINE


def refused(site: Site) -> None:
    """Ask; what the developer is told is where to make it."""
    with pytest.raises(SourceError, match=r"was read by two runs.*in the view"):
        site.ask()


def a_channel(go_on: threading.Event) -> Any:
    channel = Channel(8)

    def produce() -> None:
        channel.send("one ")
        assert go_on.wait(DEADLINE)
        channel.send("two")

    channel.start(produce)
    return channel


def a_bridge(go_on: threading.Event) -> Any:
    async def words() -> AsyncIterator[str]:
        yield "one "
        assert await asyncio.to_thread(go_on.wait, DEADLINE)
        yield "two"

    return bridge(words())


@pytest.mark.parametrize("make", [a_channel, a_bridge])
@pytest.mark.parametrize("reading", ["returned", "yielded from"])
def test_the_second_run_is_told_and_the_first_goes_on(
    site: Site, make: Callable[[threading.Event], Any], reading: str
) -> None:
    site.app.testing = True
    go_on = threading.Event()
    shared = make(go_on)

    def view() -> Any:
        return shared

    def generator() -> Iterator[Any]:
        yield from shared

    site.view(view if reading == "returned" else generator)
    first = site.ask()
    with ThreadPoolExecutor(1) as another:
        another.submit(refused, site).result(DEADLINE)
    go_on.set()
    assert said(events_of(first.response)) == "one two"
    refused(site)  # and no empty answer, now that it is over


@pytest.mark.parametrize("make", [a_channel, a_bridge])
def test_a_view_may_begin_one_and_another_that_it_calls_goes_on(
    site: Site, make: Callable[[threading.Event], Any]
) -> None:
    go_on = threading.Event()
    go_on.set()

    @site.stream.response
    def rest(items: Any) -> Any:
        return items

    @site.view
    def view() -> Any:
        items = make(go_on)
        assert next(items) == "one "
        return rest(items)

    assert said(site.events()) == "two"
