"""Errors that stand in an event stream outside of its events, by each way to read a body."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from flask_stream import relay
from flask_stream.providers.error_fields import error_in
from flask_stream.providers.over_requests import Events
from flask_stream.providers.stray import Strays
from flask_stream.providers.wire import parse
from flask_stream.sse import Decoder
from tests.provider import Exchange, Provider, frames
from tests.transcripts.reading import chunk, collect

ERROR = {"code": 429, "message": "slow down", "type": "rate_limit_exceeded"}
NESTED = {"error": ERROR}
PRETTY = json.dumps(NESTED, indent=2)
SAID = frames(chunk({"content": "a"}))
MORE = frames(chunk({"content": "b"}, "stop"), done=True)


WAYS: dict[str, Callable[[Provider], Any]] = {
    "sdk": lambda p: p.create("openai_chat"),
    "requests": lambda p: p.post("openai_chat"),
    "httpx": lambda p: p.send("openai_chat"),
    "httpx2": lambda p: p.send("openai_chat", "httpx2"),
}
each_way = pytest.mark.parametrize("ask", WAYS.values(), ids=list(WAYS))

STRAYS = {
    "a field": f"error: {json.dumps(ERROR)}\n\n",
    "a field, nested": f"error:{json.dumps(NESTED)}\n\n",
    "JSON": f"{json.dumps(NESTED)}\n\n",
    "JSON without a line's end": json.dumps(NESTED),
    "JSON over several lines": f"{PRETTY}\n\n",
    "JSON over several lines, CRLF": PRETTY.replace("\n", "\r\n"),
    "a list": f"[{json.dumps(NESTED)}]\n",
    "a list over several lines": json.dumps([NESTED], indent=1),
    "JSON, and an event behind it": f"{json.dumps(NESTED)}data: [DONE]\n\n",
    "a list in an event": f"data: [{json.dumps(NESTED)}]\n\n",
    "an event with a capital": f"event: Error\ndata: {json.dumps(ERROR)}\n\n",
}


each_stray = pytest.mark.parametrize("stray", STRAYS.values(), ids=list(STRAYS))
DONE = b"\n\ndata: [DONE]\n\n"


@each_way
@each_stray
def test_an_error_beside_the_events_is_the_providers(
    provider: Provider, ask: Callable[[Provider], Any], stray: str
) -> None:
    provider.play(SAID + stray.encode() + DONE)
    _, result = collect(relay(ask(provider)))
    assert result.error is not None
    assert (result.error.code, result.text) == ("rate_limited", "a")


@each_stray
def test_an_error_beside_the_events_may_be_all_there_is(provider: Provider, stray: str) -> None:
    provider.play(stray.encode() + DONE)
    _, result = collect(relay(provider.create("openai_chat")))
    assert result.error is not None
    assert (result.error.code, result.text) == ("rate_limited", "")


@pytest.mark.parametrize("end", [b"", DONE], ids=["at the end", "in the middle"])
@pytest.mark.parametrize(
    "events", [lambda: Decoder(Strays()), lambda: Events(10**6)], ids=["ours", "sseclient"]
)
@each_stray
def test_an_error_beside_the_events_is_one_whatever_the_pieces(
    events: Callable[[], Any], stray: str, end: bytes
) -> None:
    body = SAID + stray.encode() + end
    whole, bytewise = events(), events()
    told = [*whole.feed(body), *whole.end()]
    assert [e for b in body for e in bytewise.feed(bytes([b]))] + bytewise.end() == told
    said = [parse(event.data, event.type) for event in told]
    assert error_in(said[1]) == ERROR


@each_way
def test_what_comes_before_such_an_error_is_said_and_what_comes_behind_is_not(
    provider: Provider, ask: Callable[[Provider], Any]
) -> None:
    provider.play(SAID + f"error: {json.dumps(ERROR)}\n\n".encode() + MORE)
    _, result = collect(relay(ask(provider)))
    assert (result.outcome, result.text) == ("failed", "a")


@each_way
def test_such_an_error_is_told_while_the_connection_stays_open(
    provider: Provider, ask: Callable[[Provider], Any]
) -> None:
    gone: list[bool] = []

    def script(exchange: Exchange) -> None:
        exchange.start()
        exchange.send(SAID + PRETTY.encode() + b"\n")
        gone.append(exchange.gone())

    provider.run(script)
    _, result = collect(relay(ask(provider)))
    assert result.error is not None
    assert result.error.code == "rate_limited"


HARMLESS = [
    *("error:\n", "error: \n", "error: null\n", "errors: many\n", "error\n"),
    *("<html>\n", "null\n", "[1]\n", '{"hello": 1}\n', "{not json}\n", "}\n"),
    '{"error": null}\n',
]


@each_way
@pytest.mark.parametrize("stray", HARMLESS)
def test_what_else_stands_beside_the_events_is_passed_over(
    provider: Provider, ask: Callable[[Provider], Any], stray: str
) -> None:
    provider.play(SAID + stray.encode() + b"\n" + MORE)
    _, result = collect(relay(ask(provider)))
    assert (result.outcome, result.text) == ("complete", "ab")


@pytest.mark.parametrize("line", ["[", '{"a":', '"' * 64, '{"\\"\\"', "error: ["])
def test_lines_that_never_become_json_cost_linear_time(line: str) -> None:
    def seconds(count: int) -> float:
        strays = Strays()
        lines = ["{", *[line] * count, line * count]
        begun = time.process_time()
        for one in lines:
            strays(one)
        return time.process_time() - begun

    assert seconds(40_000) < 40 * seconds(4_000) + 0.5


def test_a_line_of_megabytes_costs_no_seconds() -> None:
    strays = Strays()
    begun = time.process_time()
    strays("[" * 8_000_000)
    assert time.process_time() - begun < 1
