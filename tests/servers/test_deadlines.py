"""What takes too long ends as `failed: timeout`, with what came so far."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from tests.provider import Exchange, Provider
from tests.servers.client import DEADLINE
from tests.servers.running import Server, in_core
from tests.servers.talk import (
    WIRES,
    answer_tool,
    be_silent,
    is_tool,
    speak,
    wire_of,
    words_for,
)

pytestmark = pytest.mark.slow  # processes that end take their time, on every Python

# In seconds. The provider of the site's routes `/idle…` may be silent for one second, and those
# that begin with `/max` have one second in all.
TOO_LONG = 1.5


def goes_on_until_gone(exchange: Exchange, more: Callable[[], bytes], pace: float) -> bool:
    """Send more and more, until the client is gone, or it is clear that it will never be."""
    deadline = time.monotonic() + DEADLINE
    try:
        while time.monotonic() < deadline:
            if exchange.gone(pace):
                return True
            exchange.send(more())
    except OSError:
        return True
    exchange.cut()
    return False


class Stalling:
    """Two words, then nothing, or nothing but pings, until the client is gone."""

    def __init__(self, pings: bool) -> None:
        self.gone = threading.Event()
        self._pings = pings

    def __call__(self, exchange: Exchange) -> None:
        wire = wire_of(exchange)
        exchange.start()
        exchange.send(wire.head + wire.word("so far"))
        gone = (
            goes_on_until_gone(exchange, lambda: wire.ping, 0.05)
            if self._pings
            else exchange.gone(DEADLINE)
        )
        if gone:
            self.gone.set()


def stall(server: Server, provider: Provider, path: str, pings: bool) -> tuple[str, str, str]:
    script = Stalling(pings)
    provider.run(script)
    seen = server.answer(path)
    assert script.gone.wait(DEADLINE), "the provider's connection was not closed"
    return seen


def test_a_provider_that_stalls_is_given_up(server: Server, speaking: Provider) -> None:
    seen = stall(server, speaking, "/idle/anthropic/stall", pings=False)
    assert seen == ("so far", "failed", "timeout")


@in_core
@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("by", "idle"), [("sdk", "idle"), ("helper", "idle-helper"), ("requests", "idle-requests")]
)
def test_every_wire_that_only_pings_is_given_up(
    server: Server, speaking: Provider, by: str, idle: str, wire: str
) -> None:
    # An SDK builds what it needs for a wire with its first answer, which takes long enough to
    # look like a provider that stalls.
    speaking.run(speak)
    assert server.answer(f"/{by}/{wire}/first-{by}-{wire}")[1] == "done"
    seen = stall(server, speaking, f"/{idle}/{wire}/ping-{by}-{wire}", pings=True)
    assert seen == ("so far", "failed", "timeout")


def test_an_app_may_go_on_after_a_provider_that_stalls(server: Server, speaking: Provider) -> None:
    seen = stall(server, speaking, "/idle-careful/anthropic/stall-careful", pings=True)
    assert seen == ("so far|fallback", "done", None)
    assert server.notes_of("stall-careful") == ["fell back: timeout: so far"]


@in_core
def test_a_provider_that_never_says_a_word_is_given_up(server: Server, speaking: Provider) -> None:
    def say_nothing(exchange: Exchange) -> None:
        exchange.start()
        exchange.gone(DEADLINE)

    speaking.run(say_nothing)
    assert server.answer("/idle/anthropic/nothing") == ("", "failed", "timeout")


@in_core
def test_a_slow_tool_is_no_silent_provider(server: Server, speaking: Provider) -> None:
    def take_long(exchange: Exchange) -> None:
        be_silent(exchange, TOO_LONG)
        answer_tool(exchange, "told")

    speaking.run(take_long)
    assert server.answer("/idle-tool/slow-tool") == ("before told after", "done", None)


@in_core
def test_a_tool_between_two_streams_may_be_slow(server: Server, speaking: Provider) -> None:
    def take_long(exchange: Exchange) -> None:
        if is_tool(exchange):
            be_silent(exchange, TOO_LONG)
            answer_tool(exchange, "told")
        else:
            speak(exchange)

    speaking.run(take_long)
    words = "".join(words_for("agent"))
    assert server.answer("/idle-agent/agent") == (f"{words}told{words}", "done", None)


@in_core
def test_a_slow_provider_that_does_not_stall_is_waited_for(
    server: Server, speaking: Provider
) -> None:
    """In all it takes longer than it may be silent."""

    def take_time(exchange: Exchange) -> None:
        wire = wire_of(exchange)
        exchange.start()
        exchange.send(wire.head)
        for _ in range(24):
            exchange.send(wire.word("on "))
            be_silent(exchange, 0.05)
        exchange.send(wire.tail)
        exchange.end()

    speaking.run(take_time)
    assert server.answer("/idle/anthropic/slow") == ("on " * 24, "done", None)


class Endless:
    """Words until the client is gone."""

    def __init__(self) -> None:
        self.sent = ""
        self.gone = threading.Event()

    def __call__(self, exchange: Exchange) -> None:
        self._wire = wire_of(exchange)
        exchange.start()
        exchange.send(self._wire.head)
        if goes_on_until_gone(exchange, self._more, 0.01):
            self.gone.set()

    def _more(self) -> bytes:
        self.sent += "on "
        return self._wire.word("on ")


def end_at_limit(server: Server, provider: Provider, wire: str) -> None:
    script = Endless()
    provider.run(script)
    text, kind, code = server.answer(f"/max/{wire}/limit-{wire}")
    assert (kind, code) == ("failed", "timeout")
    assert text.startswith("on on ")
    assert script.sent.startswith(text)
    assert script.gone.wait(DEADLINE), "the provider's connection was not closed"


def test_a_run_that_goes_on_ends_at_its_limit(server: Server, speaking: Provider) -> None:
    end_at_limit(server, speaking, "anthropic")


@in_core
@pytest.mark.parametrize("wire", list(WIRES)[1:])
def test_every_wire_ends_at_its_limit(server: Server, speaking: Provider, wire: str) -> None:
    end_at_limit(server, speaking, wire)


@in_core
def test_a_run_that_stalls_ends_at_its_limit(server: Server, speaking: Provider) -> None:
    seen = stall(server, speaking, "/max/anthropic/limit-stall", pings=False)
    assert seen == ("so far", "failed", "timeout")


@in_core
def test_a_generator_ends_at_its_next_item_when_its_run_is_over_its_limit(
    server: Server, speaking: Provider
) -> None:
    def take_too_long(exchange: Exchange) -> None:
        be_silent(exchange, TOO_LONG)
        answer_tool(exchange, "told")

    speaking.run(take_too_long)
    text, kind, code = server.answer("/max-tool/too-long")
    assert (kind, code) == ("failed", "timeout")
    assert text in ("before ", "before told")
    assert server.notes_of("too-long") == ["the tool is done", "GeneratorExit"]
