"""Providers that fall silent, and the ways to ask them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flask_stream import relay
from tests.provider import Exchange, Provider, Traced, told, word_by_word
from tests.servers.client import DEADLINE


def relayed(provider: Provider, wire: str) -> Iterator[Any]:
    yield from relay(provider.create(wire))


def wrapped(provider: Provider, wire: str) -> Any:
    return Traced(provider.create(wire))


Way = Callable[[Provider, str], Any]

# Each kind of source, and each wire, but not all of them with all.
CASES: list[tuple[Way, str]] = [
    (Provider.create, "anthropic"),
    (Provider.create, "openai_chat"),
    (Provider.helper, "anthropic"),
    (Provider.helper, "openai_responses"),
    (Provider.post, "openai_chat"),
    (Provider.post, "openai_responses"),
]
each_case_of_a_view = pytest.mark.parametrize(("way", "wire"), [*CASES, (wrapped, "anthropic")])


def warm_up(provider: Provider, wire: str) -> None:
    """Have the SDK build its models, which may take as long as a silence in these tests."""
    provider.play(told(wire))
    for _ in provider.create(wire):
        pass
    with provider.helper(wire) as stream:
        for _ in stream:
            pass
    provider.requests.clear()


class Stalling:
    """A script that says one word, and is silent until its client is gone."""

    def __init__(self, wire: str = "anthropic") -> None:
        self.said = threading.Event()
        self.gone = threading.Event()
        self._wire = wire

    def __call__(self, exchange: Exchange) -> None:
        exchange.start()
        exchange.send(word_by_word(self._wire)[0])
        self.said.set()
        self.wait(exchange)

    def wait(self, exchange: Exchange) -> None:
        if exchange.gone(2 * DEADLINE):  # longer than anybody waits for it to be noticed
            self.gone.set()
