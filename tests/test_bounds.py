"""What one answer may cost: each bound, and what comes of an answer that is above it."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flask_stream import Data, ProviderError, Result, Source, Usage, relay
from flask_stream.events import MOST_TOKENS
from flask_stream.providers.cut_json import partial_json
from flask_stream.sse import Decoder
from tests.conftest import Site, said
from tests.provider import TEXT, WORDS, Exchange, Provider, frames, told, word_by_word
from tests.servers.client import DEADLINE
from tests.transcripts.reading import block, chunk, delta, start

CHAT = "openai_chat"
MOST = 5000

Ask = Callable[[Provider, str], Any]


def by_httpx(provider: Provider, wire: str) -> Any:
    return provider.send(wire, "httpx")


each_ask = pytest.mark.parametrize("ask", [Provider.create, Provider.post, by_httpx])


class Endless:
    """Sends a beginning, and then the same again until its client has left."""

    def __init__(self, beginning: bytes, again: bytes, status: int = 200) -> None:
        self.sent = 0
        self.left = threading.Event()
        self._beginning, self._again, self._status = beginning, again, status

    def __call__(self, exchange: Exchange) -> None:
        if self._status == 200:
            exchange.start()
        else:
            exchange.chunked = True
            exchange.handler.send_response(self._status)
            exchange.handler.send_header("Content-Type", "application/json")
            exchange.handler.send_header("Transfer-Encoding", "chunked")
            exchange.handler.end_headers()
        try:
            exchange.send(self._beginning or b":\n")
            while self.sent < 2**26:
                exchange.send(self._again)
                self.sent += len(self._again)
        except OSError:
            self.left.set()
        exchange.handler.close_connection = True


# -- an event -------------------------------------------------------------------------------


@each_ask
@pytest.mark.parametrize(
    "again",
    [b"x" * 1000, b"data: x\n" * 100, b": " + b"x" * 1000, b"event" * 100],
    ids=["a line", "lines of data", "a comment", "a field"],
)
def test_an_event_without_an_end_fails_and_keeps_what_came_before_it(
    site: Site, provider: Provider, ask: Ask, again: bytes
) -> None:
    site.app.config["STREAM_MAX_EVENT_BYTES"] = MOST
    script = Endless(word_by_word(CHAT)[0] + b"data: {", again)
    provider.run(script)
    site.view(lambda: ask(provider, CHAT))
    events = site.events()
    assert (said(events), events[-1][1].get("code")) == (WORDS[0], "provider_error")


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize("character", ["x", "ä", "あ", "🔦"])
def test_the_bytes_of_an_event_are_counted(size: int, character: str) -> None:
    def is_too_long(data: str) -> bool:
        body = f"data: {data}\n\n".encode()
        decoder = Decoder(most=1000)
        for at in range(0, len(body), size):
            decoder.feed(body[at : at + size])
        return decoder.too_long

    fits = (1000 - len("data: \n")) // len(character.encode())
    assert not is_too_long(character * fits)
    assert is_too_long(character * (fits + 1))


def test_lines_without_data_are_no_event_however_many_they_are(
    site: Site, provider: Provider
) -> None:
    site.app.config["STREAM_MAX_EVENT_BYTES"] = MOST
    provider.play(b":\n" * MOST + b"event: message\nid: 1\n" * MOST + told(CHAT))
    site.view(lambda: provider.post(CHAT))
    assert said(site.events()) == TEXT


@pytest.mark.parametrize("ask", [Provider.post, by_httpx])
def test_what_a_few_packed_bytes_unfold_to_is_not_held(
    site: Site, provider: Provider, ask: Ask
) -> None:
    site.app.config["STREAM_MAX_EVENT_BYTES"] = MOST
    packed = gzip.compress(b"data: {" + b" " * 2**24)

    def script(exchange: Exchange) -> None:
        exchange.chunked = True
        exchange.handler.send_response(200)
        exchange.handler.send_header("Content-Type", "text/event-stream")
        exchange.handler.send_header("Content-Encoding", "gzip")
        exchange.handler.send_header("Transfer-Encoding", "chunked")
        exchange.handler.end_headers()
        exchange.send(packed)
        exchange.end()

    provider.run(script)
    site.view(lambda: ask(provider, CHAT))
    assert site.events()[-1][1]["code"] == "provider_error"


@pytest.mark.parametrize("ask", [Provider.post, by_httpx])
@pytest.mark.parametrize("status", [400, 503])
def test_of_an_errors_body_the_beginning_is_read(
    site: Site, provider: Provider, ask: Ask, status: int
) -> None:
    script = Endless(b'{"error": {"message": "', b"no " * 10_000, status)
    provider.run(script)
    site.view(lambda: ask(provider, CHAT))
    assert site.ask().status_code in (502, 503)
    assert script.left.wait(DEADLINE)


# -- a run ----------------------------------------------------------------------------------


def too_long(site: Site) -> str:
    events = site.events()
    assert events[-1] == (
        "failed",
        {
            "code": "too_long",
            "message": "The answer was longer than this site allows, and was cut off.",
            "retryable": False,
        },
    )
    return said(events)


@each_ask
def test_an_answer_that_is_too_long_keeps_what_came(
    site: Site, provider: Provider, ask: Ask
) -> None:
    results: list[Result] = []
    site.app.config["STREAM_MAX_CHARACTERS"] = MOST
    script = Endless(word_by_word(CHAT)[0], frames(chunk({"content": "x" * 100})))
    provider.run(script)
    site.view(on_finish=results.append)(lambda: ask(provider, CHAT))
    text = too_long(site)
    assert MOST - 200 < len(text) <= MOST
    assert script.left.wait(DEADLINE)
    assert [(result.outcome, result.text) for result in results] == [("failed", text)]


@pytest.mark.parametrize(
    "again",
    [
        {"content": "x" * 100},
        {"reasoning": "x" * 100},
        {"refusal": "x" * 100},
        {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "x" * 99}}]},
    ],
    ids=lambda again: next(iter(again)),
)
def test_what_an_app_keeps_to_itself_is_bounded_too_and_buys_no_fallback(
    site: Site, provider: Provider, again: dict[str, Any]
) -> None:
    site.app.config["STREAM_MAX_CHARACTERS"] = MOST
    provider.run(Endless(b"", frames(chunk(again))))

    @site.view
    def view() -> Iterator[Any]:
        yield "It begins."
        try:
            for _ in relay(provider.create(CHAT)):
                pass
        except ProviderError:
            yield from relay(provider.create(CHAT))

    assert too_long(site) == "It begins."
    assert len(provider.requests) == 1


@pytest.mark.parametrize(
    "item",
    ["x" * 100, Data("progress", ["x" * 100]), Source("https://a.example/" + "x" * 100)],
    ids=["text", "data", "source"],
)
def test_an_app_that_never_ends_is_too_long_an_answer(site: Site, item: Any) -> None:
    site.app.config["STREAM_MAX_CHARACTERS"] = MOST

    @site.view
    def view() -> Iterator[Any]:
        for _ in range(MOST):
            yield item

    too_long(site)


def test_what_cannot_be_encoded_fails_its_run_and_not_its_server(site: Site) -> None:
    changed: list[Any] = ["fine"]
    results: list[Result] = []

    @site.view(on_finish=results.append)
    def view() -> Iterator[Any]:
        yield "before"
        event = Data("progress", changed)
        changed.append(object())
        yield event
        yield "behind"

    events = site.events()
    assert (said(events), events[-1][1].get("code")) == ("before", "internal")
    assert [result.outcome for result in results] == ["failed"]


# -- numbers and nesting --------------------------------------------------------------------


def input_of(text: str) -> list[dict[str, Any]]:
    tool = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    return [
        start(content=[]),
        *block(0, tool, {"type": "input_json_delta", "partial_json": text}),
        delta("tool_use"),
        {"type": "message_stop"},
    ]


def test_a_number_that_python_cannot_read_costs_no_tool_call(
    site: Site, provider: Provider
) -> None:
    text = f'{{"a": {"1" * 5000}}}'
    provider.play(frames(*input_of(text)))
    site.view(lambda: provider.create("anthropic"))
    events = site.events()
    [call] = [data for name, data in events if name == "tool_call"]
    assert (call["arguments"], call["raw"]) == (None, text)
    assert events[-1][0] == "done"


@pytest.mark.parametrize(
    "count", ["9" * 5000, "9" * 400, "-1", str(MOST_TOKENS + 1), "1e300"], ids=lambda c: c[:9]
)
def test_a_count_that_is_none_is_not_known(site: Site, provider: Provider, count: str) -> None:
    counted = f'{{"choices": [], "usage": {{"prompt_tokens": 7, "completion_tokens": {count}}}}}'
    provider.play(f"data: {counted}\n\n".encode() + told(CHAT).replace(b'"usage"', b'"no_usage"'))
    results: list[Result] = []
    site.view(on_finish=results.append)(lambda: provider.create(CHAT))
    assert site.events()[-1][0] == "done"
    assert [result.usage for result in results] == [Usage(7)]


def test_counts_are_what_a_page_can_count() -> None:
    assert Usage.total([Usage(MOST_TOKENS, 1), Usage(MOST_TOKENS, 1)]) == Usage(MOST_TOKENS, 2)
    with pytest.raises(ValueError, match="no page can count"):
        Usage(MOST_TOKENS + 1, 1)


@each_ask
@pytest.mark.parametrize("levels", [150, 600, 100_000])
def test_what_is_nested_too_deep_is_skipped(
    site: Site, provider: Provider, ask: Ask, levels: int
) -> None:
    deep = '{"a":' * levels + "1" + "}" * levels
    bad = f'data: {{"choices": [{{"index": 0, "delta": {{"content": {deep}}}}}]}}\n\n'
    provider.play(bad.encode() + told(CHAT))
    site.view(lambda: ask(provider, CHAT))
    events = site.events()
    assert (said(events), events[-1][0]) == (TEXT, "done")


@pytest.mark.parametrize("ask", [Provider.create, Provider.post, by_httpx])
@pytest.mark.parametrize("levels", [150, 600, 8_000])
def test_an_error_that_is_nested_deep_is_the_providers(
    site: Site, provider: Provider, ask: Ask, levels: int
) -> None:
    body = b'{"error":' * levels + b"1" + b"}" * levels

    def refuse(exchange: Exchange) -> None:
        exchange.handler.send_response(500)
        exchange.handler.send_header("Content-Type", "application/json")
        exchange.handler.send_header("Content-Length", str(len(body)))
        exchange.handler.end_headers()
        exchange.handler.wfile.write(body)

    provider.run(refuse)
    site.view(lambda: ask(provider, CHAT))
    assert site.ask().status_code == 502


def test_arguments_that_are_cut_off_deep_inside_cost_what_they_are_long() -> None:
    assert partial_json('{"a": ' * 300 + "[1, 2") != {}
    assert partial_json("[" * 100_000) == {}
    assert partial_json('["' + "x" * 10**6) == []
