"""A run knows of each source that is read in it, whatever the app's generator makes of it."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from flask import Flask

from flask_stream import Event, Result, Text, relay
from flask_stream.limits import places
from tests.conftest import Site, said
from tests.overdue import LONG, the_run
from tests.provider import TEXT, WIRES, WORDS, Exchange, Provider, told, word_by_word
from tests.servers.client import DEADLINE
from tests.servers.running import until
from tests.stalling import Stalling

SHORT = 0.3  # seconds: three times the watcher's pace


def test_a_generator_that_keeps_events_to_itself_is_watched(site: Site, provider: Provider) -> None:
    script = Stalling()
    provider.run(script)

    @site.view(idle_seconds=SHORT)
    def view() -> Iterator[str]:
        for event in relay(provider.create("anthropic")):
            if isinstance(event, Text):
                yield event.text.upper()

    events = site.events()
    assert said(events) == WORDS[0].upper()
    assert (events[-1][0], events[-1][1]["code"]) == ("failed", "timeout")
    assert script.gone.wait(DEADLINE)


def test_two_relays_read_in_turn_are_both_let_go(site: Site, provider: Provider) -> None:
    gone: list[bool] = []

    def never_end(exchange: Exchange) -> None:
        exchange.start()
        exchange.send(told("anthropic"))
        gone.append(exchange.gone(DEADLINE))

    provider.run(never_end)

    @site.view
    def view() -> Iterator[Event]:
        first = relay(provider.create("anthropic"))
        second = relay(provider.create("anthropic"))
        yield next(first)
        yield next(second)
        yield from first
        yield from second

    events = site.events()
    assert (said(events), events[-1][0]) == (f"{TEXT}\n\n{TEXT}", "done")
    until(lambda: gone == [True, True], f"they were not both let go: {gone}")


@pytest.mark.parametrize(
    "said_for_ever",
    [
        b"data: {}\n\n",
        b'event: ping\ndata: {"type": "ping"}\n\n',
        b'data: {"type": "response.image_generation_call.partial_image"}\n\n',
        b'data: {"choices": [{"index": 0, "delta": {"content": ""}}]}\n\n',
        b": comment\n\n",
    ],
    ids=["{}", "ping", "partial image", "empty word", "comment"],
)
@pytest.mark.parametrize("wire", WIRES)
def test_what_gives_no_event_is_silence(
    site: Site, provider: Provider, wire: str, said_for_ever: bytes
) -> None:
    def go_on(exchange: Exchange) -> None:
        exchange.start()
        exchange.send(word_by_word(wire)[0])
        for _ in range(100):
            if exchange.gone(SHORT / 10):
                return
            exchange.send(said_for_ever)

    provider.run(go_on)
    site.view(idle_seconds=SHORT)(lambda: provider.create(wire))
    assert site.events()[-1][1]["code"] == "timeout"


def test_a_tool_that_outlasts_its_run_still_shows_that_the_connection_lives(
    site: Site, serve: Callable[[Flask], str]
) -> None:
    site.app.config["STREAM_HEARTBEAT"] = 0.1

    @site.view(max_seconds=LONG)
    def view() -> Iterator[str]:
        yield "a"
        the_run().began -= LONG
        threading.Event().wait(5 * SHORT)
        yield "b"

    with urllib.request.urlopen(serve(site.app), timeout=DEADLINE) as answer:
        body = answer.read()
    assert b'"code":"timeout"' in body
    # Up to the limit there is room for one.
    assert body.count(b": \n\n") > 2


class Interrupted(BaseException):
    """As gevent.Timeout is, and a worker's SystemExit."""


def test_a_callback_that_is_interrupted_gives_the_place_back(site: Site, own_watcher: None) -> None:
    def interrupt(result: Result) -> None:
        raise Interrupted

    @site.view(on_finish=interrupt)
    def view() -> Iterator[str]:
        yield "a"
        yield "b"

    answer = site.ask()
    frames = iter(answer.response)
    next(frames)
    assert places().taken == 1
    with suppress(Interrupted):
        answer.close()
    assert places().taken == 0


@pytest.mark.parametrize("seconds", [10**7, 10**8])
def test_a_limit_that_means_never_is_one(
    site: Site, serve: Callable[[Flask], str], seconds: Any
) -> None:
    site.view(idle_seconds=seconds)(lambda: ["a"])
    with urllib.request.urlopen(serve(site.app), timeout=DEADLINE) as answer:
        assert b"event: done" in answer.read()
