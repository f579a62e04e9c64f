"""What one answer may cost: each bound, and what comes of an answer that is above it."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from flask_stream import Data, ProviderError, Result, Source, Usage, relay
from flask_stream.events import MOST_TOKENS
from flask_stream.providers.adapt import adapt
from flask_stream.providers.cut_json import partial_json
from flask_stream.providers.relay import relay_source
from flask_stream.providers.stray import Strays
from flask_stream.providers.wire import dict_of
from flask_stream.result import size_of
from flask_stream.sse import Decoder
from tests import aws
from tests.conftest import Site, said
from tests.hostile.work import Counted, peak_of
from tests.provider import TEXT, WORDS, Exchange, Provider, frames, told, word_by_word
from tests.servers.client import DEADLINE
from tests.transcripts.reading import block, chat, chunk, collect, delta, piece, read, start

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


@pytest.mark.parametrize("kind", [aws.CONTENT_TYPE, "application/json", "text/plain"])
@pytest.mark.parametrize("ask", [Provider.create, Provider.helper])
def test_no_content_type_takes_the_bound_away_from_what_an_sdk_decodes(
    site: Site, provider: Provider, ask: Ask, kind: str
) -> None:
    site.app.config["STREAM_MAX_EVENT_BYTES"] = MOST

    def script(exchange: Exchange) -> None:
        exchange.start(kind)
        exchange.send(frames(chunk({"content": "a"}), chunk({"content": "x" * 2 * MOST})))
        exchange.send(told(CHAT))
        exchange.end()

    provider.run(script)
    results: list[Result] = []
    site.view(on_finish=results.append)(lambda: ask(provider, CHAT))
    assert site.events()[-1][1]["code"] == "provider_error"


def test_what_an_sdk_has_put_together_is_not_read_at_each_end(provider: Provider) -> None:
    provider.play(told("anthropic"))
    with provider.helper("anthropic") as stream:
        read = [dict_of(item) for item in stream]
    ends = [d for d in read if d is not None and str(d["type"]).endswith("_stop")]
    assert [d["type"] for d in ends] == ["content_block_stop", "message_stop"]
    assert all("content_block" not in d and "message" not in d for d in ends)


def test_what_one_read_brings_leaves_in_writes_of_a_bounded_size(
    site: Site, provider: Provider
) -> None:
    pieces = [piece(0, "t" * 40, "look", "x")["tool_calls"][0] for _ in range(5_000)]
    provider.play(frames(chunk({"tool_calls": pieces}), chunk({"content": "a"})) + told(CHAT))
    site.view(lambda: provider.post(CHAT))
    writes = [len(data) for data in site.ask(buffered=False).response]
    assert sum(writes) > 400_000
    assert max(writes) < 70_000


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


@pytest.mark.parametrize(
    "items", [["abcd", "e\ud83d"], ["abcd\ud83d"], ["abcd", "\ud83d"]], ids=ascii
)
def test_half_a_character_above_the_limit_is_too_long_an_answer(
    site: Site, items: list[str]
) -> None:
    site.app.config["STREAM_MAX_CHARACTERS"] = 4
    site.view(lambda: iter(items))
    assert too_long(site) == "abcd"


def test_a_long_id_that_comes_with_each_piece_is_counted_each_time(
    site: Site, provider: Provider
) -> None:
    site.app.config["STREAM_MAX_CHARACTERS"] = MOST
    pieces = [chunk(piece(0, "x" * 1000, "look", "1")) for _ in range(20)]
    provider.play(frames(*pieces))
    site.view(lambda: provider.post(CHAT))
    assert len(site.ask().get_data()) < 4 * MOST


def test_what_an_event_brings_is_counted_by_its_characters_and_not_by_how_python_writes_them() -> (
    None
):
    assert size_of(Data("note", "\u3000\n" * 100)) == 200
    assert 200 < size_of(Data("note", {"a": ["🔦" * 100], "b": [1, None, "x" * 100]})) < 220
    assert size_of(Data("note", [[]] * 100)) >= 100


def test_a_stop_reason_is_as_long_as_a_word(site: Site, provider: Provider) -> None:
    provider.play(frames(chunk({"content": "a"}), chunk(finish="x" * 10**6)))
    site.view(lambda: provider.post(CHAT))
    assert len(site.events()[-1][1]["provider_stop_reason"]) == 200


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


def test_what_gives_no_event_ends_where_no_socket_can_be_shut_down() -> None:
    """By HTTP/2 one connection carries other streams too: its reader is not woken, and looks."""
    read_on: list[int] = []

    def comments() -> Iterator[bytes]:
        for at in range(1000):
            if at == 10:
                source.cancel()
            read_on.append(at)
            yield b": still here\n\ndata: ping\n\n"

    response = httpx.Response(
        200,
        headers={"Content-Type": "text/event-stream"},
        content=comments(),
        extensions={"http_version": b"HTTP/2"},
    )
    source = adapt(response)
    assert source is not None
    collect(relay_source(source))
    assert len(read_on) <= 12


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


@pytest.mark.parametrize("levels", [150, 300, 600])
def test_what_is_nested_too_deep_is_skipped_where_an_sdk_reads(
    site: Site, provider: Provider, levels: int
) -> None:
    deep: Any = 1
    for _ in range(levels):
        deep = {"a": deep}
    provider.play(frames(chunk({"annotations": [deep]})) + told(CHAT))
    site.view(lambda: provider.helper(CHAT))
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


def test_text_with_an_escape_at_each_place_takes_no_more_memory_than_it_is_long() -> None:
    text = '{"a": "' + "\\n" * 100_000
    assert peak_of(lambda: partial_json(text + '", "b": tru')) < 10 * len(text)
    assert peak_of(lambda: Strays()(text)) < 10 * len(text)


def test_addresses_whose_hashes_are_alike_cost_no_more_than_others(site: Site) -> None:
    """In a set, each of them would be compared with all that are there."""
    counted = [Counted(i * (2**61 - 1)) for i in range(1, 500)]
    results = [{"url": url, "title": "a"} for url in counted]
    Counted.compared = 0
    chat(chunk({"content": "a"}, search_results=results), chunk(finish="stop"))
    assert Counted.compared < 2 * len(counted)


def test_a_choice_that_is_none_hides_no_other() -> None:
    d = chunk({"content": "a"})
    assert chat({**d, "choices": [0, None, *d["choices"]]}, chunk(finish="stop")).text == "a"


def test_counts_that_add_up_to_more_than_a_page_can_count_cost_no_stop_reason() -> None:
    usage = {"input_tokens": MOST_TOKENS, "cache_read_input_tokens": MOST_TOKENS}
    _, result = read(start(), delta("max_tokens", usage=usage), {"type": "message_stop"})
    assert result.stop_reason == "length"
    assert result.usage is not None
    assert result.usage.input_tokens == MOST_TOKENS


def test_arguments_that_are_cut_off_deep_inside_cost_what_they_are_long() -> None:
    assert partial_json('{"a": ' * 300 + "[1, 2") != {}
    assert partial_json("[" * 100_000) == {}
    assert partial_json('["' + "x" * 10**6) == []


def test_long_arguments_that_end_together_leave_in_writes_of_a_bounded_size(
    site: Site, provider: Provider
) -> None:
    pieces = [
        piece(at, f"t{at}", "look", json.dumps("x" * 3_000))["tool_calls"][0] for at in range(300)
    ]
    provider.play(frames(chunk({"tool_calls": pieces}), chunk(finish="tool_calls"), done=True))
    site.view(lambda: provider.create(CHAT))
    writes = [len(data) for data in site.ask(buffered=False).response]
    assert sum(writes) > 1_500_000
    assert max(writes) < 80_000
