"""What a view may return: a provider's stream, through the real SDKs and over HTTP."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flask_stream import Result, after_this_stream, relay
from tests.conftest import Site, events_of, said
from tests.provider import (
    TEXT,
    WIRES,
    WORDS,
    Exchange,
    InTurns,
    Provider,
    Traced,
    told,
    word_by_word,
)
from tests.servers.client import DEADLINE

Event = tuple[str, Any]

USAGE = {
    "anthropic": {
        "input_tokens": 351,
        "output_tokens": 17,
        "cache_read_tokens": 40,
        "cache_write_tokens": 300,
    },
    "openai_chat": {
        "input_tokens": 51,
        "output_tokens": 17,
        "cache_read_tokens": 40,
        "reasoning_tokens": 0,
    },
}
USAGE["openai_responses"] = USAGE["openai_chat"]

META = {
    "anthropic": ("anthropic", "claude-imaginary-1", "msg_tern_1"),
    "openai_chat": ("openai", "gpt-imaginary-1", "chatcmpl-tern-1"),
    "openai_responses": ("openai", "gpt-imaginary-2", "resp_tern_1"),
}

STOP = {"anthropic": "end_turn", "openai_chat": "stop", "openai_responses": "completed"}

FINAL = {
    "anthropic": lambda stream: stream.get_final_message().content[0].text,
    "openai_chat": lambda stream: stream.get_final_completion().choices[0].message.content,
    "openai_responses": lambda stream: stream.get_final_response().output_text,
}


def whole_answer(wire: str) -> list[Event]:
    """The events of the wire's `…_text` stream, after `start` and the first `meta`."""
    provider, model, response_id = META[wire]
    done = {
        "stop_reason": "stop",
        "text_length": len(TEXT) + 1,  # the lamp takes two UTF-16 code units
        "provider_stop_reason": STOP[wire],
        "usage": USAGE[wire],
    }
    return [
        ("meta", {"provider": provider, "model": model, "response_id": response_id}),
        *[("text", {"text": word}) for word in WORDS],
        ("usage", USAGE[wire]),
        ("done", done),
    ]


def after_start(events: list[Event]) -> list[Event]:
    """The events, without those whose presence depends on how much is known beforehand."""
    assert events[0][0] == "start"
    return [e for e in events[1:] if e[0] != "meta" or "model" in e[1]]


def one_by_one(body: Any) -> Iterator[Event]:
    for chunk in body:
        yield from events_of([chunk])


def generator_over(stream: Any) -> Iterator[Any]:
    yield from stream


@pytest.mark.parametrize("wire", WIRES)
def test_the_stream_that_create_returns(site: Site, provider: Provider, wire: str) -> None:
    provider.play(told(wire))
    site.view(lambda: provider.create(wire))
    assert after_start(site.events()) == whole_answer(wire)


@pytest.mark.parametrize("wire", WIRES)
def test_the_provider_is_told_with_meta_before_it_has_said_anything(
    site: Site, provider: Provider, wire: str
) -> None:
    provider.play(told(wire))
    site.view(lambda: provider.create(wire))
    start, meta, *_ = site.events()
    assert start[0] == "start"
    assert meta == ("meta", {"provider": META[wire][0]})


def test_the_beta_twin_of_an_anthropic_stream(site: Site, provider: Provider) -> None:
    provider.play(told("anthropic"))
    messages: Any = [{"role": "user", "content": "Hello?"}]
    site.view(
        lambda: provider.anthropic.beta.messages.create(
            model="m", max_tokens=64, messages=messages, stream=True, betas=["some-beta"]
        )
    )
    assert after_start(site.events()) == whole_answer("anthropic")


@pytest.mark.parametrize("wire", WIRES)
def test_the_manager_that_stream_returns_as_it_is(
    site: Site, provider: Provider, wire: str
) -> None:
    provider.play(told(wire))
    site.view(lambda: provider.helper(wire))
    assert after_start(site.events()) == whole_answer(wire)


def test_the_manager_of_anthropics_messages_that_are_not_beta(
    site: Site, provider: Provider
) -> None:
    provider.play(told("anthropic"))
    messages: Any = [{"role": "user", "content": "Hello?"}]
    site.view(
        lambda: provider.anthropic.messages.stream(model="m", max_tokens=64, messages=messages)
    )
    assert after_start(site.events()) == whole_answer("anthropic")


@pytest.mark.parametrize("wire", WIRES)
def test_an_entered_helper_stream_has_its_final_message_when_the_run_has_ended(
    site: Site, provider: Provider, wire: str
) -> None:
    provider.play(told(wire))
    final = []

    @site.view
    def view() -> Any:
        stream = provider.helper(wire).__enter__()
        after_this_stream(lambda _: final.append(FINAL[wire](stream)))
        return stream

    assert after_start(site.events()) == whole_answer(wire)
    assert final == [TEXT]


@pytest.mark.parametrize("wire", WIRES)
def test_a_relayed_helper_stream_has_its_final_message_afterwards(
    site: Site, provider: Provider, wire: str
) -> None:
    provider.play(told(wire))
    final = []

    @site.view
    def view() -> Iterator[Any]:
        with provider.helper(wire) as stream:
            yield from relay(stream)
            final.append(FINAL[wire](stream))

    assert after_start(site.events()) == whole_answer(wire)
    assert final == [TEXT]


@pytest.mark.parametrize("wire", WIRES)
def test_what_the_sdk_parses_from_a_raw_response(site: Site, provider: Provider, wire: str) -> None:
    provider.play(told(wire))
    messages: Any = [{"role": "user", "content": "Hello?"}]

    @site.view
    def view() -> Any:
        if wire == "anthropic":
            raw: Any = provider.anthropic.messages.with_raw_response.create(
                model="m", max_tokens=64, messages=messages, stream=True
            )
        elif wire == "openai_chat":
            raw = provider.openai.chat.completions.with_raw_response.create(
                model="m", messages=messages, stream=True
            )
        else:
            raw = provider.openai.responses.with_raw_response.create(
                model="m", input="Hello?", stream=True
            )
        return raw.parse()

    assert after_start(site.events()) == whole_answer(wire)


# -- streams that somebody watches ------------------------------------------------------------


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("wrap", [Traced, generator_over])
def test_a_stream_in_a_tracing_wrapper_gives_the_same_events(
    site: Site, provider: Provider, wire: str, wrap: Callable[[Any], Any]
) -> None:
    provider.play(told(wire))
    site.view(lambda: wrap(provider.create(wire)))
    assert after_start(site.events()) == whole_answer(wire)


@pytest.mark.parametrize("wire", WIRES)
def test_a_tracing_wrapper_sees_every_item(site: Site, provider: Provider, wire: str) -> None:
    provider.play(told(wire), told(wire))
    traced: list[Traced] = []

    @site.view
    def view() -> Any:
        traced.append(Traced(provider.create(wire)))
        return traced[0]

    site.events()
    items = list(provider.create(wire))
    assert [item.to_dict() for item in traced[0].items] == [item.to_dict() for item in items]


@pytest.mark.parametrize("wire", WIRES)
def test_a_tracer_that_replaced_the_streams_iterator_in_place_sees_every_item(
    site: Site, provider: Provider, wire: str
) -> None:
    """Sentry's integrations for both SDKs do that."""
    provider.play(told(wire))
    seen = []

    @site.view
    def view() -> Any:
        def watch(items: Iterator[Any]) -> Iterator[Any]:
            for item in items:
                seen.append(item)
                yield item

        stream = provider.create(wire)
        stream._iterator = watch(stream._iterator)
        return stream

    assert after_start(site.events()) == whole_answer(wire)
    assert len(seen) > len(WORDS)


def test_an_observer_that_the_anthropic_sdk_reports_to_sees_every_item(
    site: Site, provider: Provider
) -> None:
    class Observer:
        def __init__(self) -> None:
            self.begun = 0
            self.items: list[str] = []
            self.ends: list[str] = []

        def begin(self) -> None:
            self.begun += 1

        def item(self, item: Any) -> None:
            self.items.append(item.type)

        def end(self, how: str, error: BaseException | None = None) -> None:
            self.ends.append(how)

    provider.play(told("anthropic"))
    observer = Observer()

    @site.view
    def view() -> Any:
        stream = provider.create("anthropic")
        stream.response.stream.stream_observer = observer
        return stream

    assert after_start(site.events()) == whole_answer("anthropic")
    assert observer.begun == 1
    assert observer.items[0] == "message_start"
    assert observer.items[-1] == "message_stop"
    assert observer.ends[0] == "read"


@pytest.mark.parametrize("wire", WIRES)
def test_a_stream_that_the_view_has_begun_to_read_goes_on_where_it_was(
    site: Site, provider: Provider, wire: str
) -> None:
    provider.play(told(wire))

    @site.view
    def view() -> Any:
        stream = provider.create(wire)
        next(iter(stream))
        return stream

    events = site.events()
    assert said(events) == TEXT
    assert events[-1][0] == "done"


# -- requests ---------------------------------------------------------------------------------


@pytest.mark.parametrize("wire", WIRES)
def test_a_view_may_return_a_response_of_requests(
    site: Site, provider: Provider, wire: str
) -> None:
    provider.play(told(wire))
    site.view(lambda: provider.post(wire))
    assert after_start(site.events()) == whole_answer(wire)


@pytest.mark.parametrize("wire", WIRES)
def test_a_response_of_requests_whose_wire_is_said(
    site: Site, provider: Provider, wire: str
) -> None:
    provider.play(told(wire))

    @site.view
    def view() -> Iterator[Any]:
        yield from relay(provider.post(wire), wire=wire)

    assert after_start(site.events()) == whole_answer(wire)


@pytest.mark.parametrize("wire", WIRES)
def test_a_first_event_that_does_not_tell_the_wire_is_no_harm_where_it_is_said(
    site: Site, provider: Provider, wire: str
) -> None:
    provider.play(b'data: {"vendor": "hello"}\n\n' + told(wire))

    @site.view
    def view() -> Iterator[Any]:
        yield from relay(provider.post(wire), wire=wire)

    assert after_start(site.events()) == whole_answer(wire)


def gzipped(wire: str, chunked: bool) -> Callable[[Exchange], None]:
    def script(exchange: Exchange) -> None:
        handler, exchange.chunked = exchange.handler, chunked
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Content-Encoding", "gzip")
        handler.send_header(*(("Transfer-Encoding", "chunked") if chunked else CLOSE))
        handler.end_headers()
        handler.close_connection = not chunked
        gzip = zlib.compressobj(wbits=31)
        for piece in word_by_word(wire):
            for byte in gzip.compress(piece) + gzip.flush(zlib.Z_SYNC_FLUSH):
                exchange.send(bytes([byte]))
        exchange.send(gzip.flush())
        exchange.end()

    return script


CLOSE = ("Connection", "close")
WAYS = ["create", "helper", "post"]  # of the provider, to ask it


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "until it closes"])
def test_a_gzipped_body_is_unpacked(
    site: Site, provider: Provider, wire: str, way: str, chunked: bool
) -> None:
    provider.run(gzipped(wire, chunked))
    site.view(lambda: getattr(provider, way)(wire))
    assert after_start(site.events()) == whole_answer(wire)


# -- each word as it comes --------------------------------------------------------------------


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "until it closes"])
def test_each_word_arrives_before_the_provider_sends_the_next(
    site: Site, provider: Provider, wire: str, way: str, chunked: bool
) -> None:
    script = InTurns(wire, chunked=chunked)
    provider.run(script)
    site.view(lambda: getattr(provider, way)(wire))

    response = site.ask()
    for name, _ in one_by_one(response.response):
        if name == "text":
            script.heard()
    assert not script.waited_in_vain


@pytest.mark.parametrize("wire", WIRES)
def test_words_of_one_network_read_leave_in_one_write(
    site: Site, provider: Provider, wire: str
) -> None:
    provider.play(told(wire))
    site.view(lambda: provider.create(wire))
    writes = [events_of([chunk]) for chunk in site.ask().response]
    assert [said(events) for events in writes if said(events)] == [TEXT]


@pytest.mark.parametrize("wire", WIRES)
def test_start_leaves_before_the_provider_has_sent_an_event(
    site: Site, provider: Provider, wire: str
) -> None:
    has_start = threading.Event()
    waited: list[bool] = []

    def script(exchange: Exchange) -> None:
        exchange.start()  # create() waits for these headers, and for no more
        waited.append(has_start.wait(timeout=DEADLINE))
        exchange.send(told(wire))
        exchange.end()

    provider.run(script)
    site.view(lambda: provider.create(wire))
    for name, _ in one_by_one(site.ask().response):
        if name == "start":
            has_start.set()
    assert waited == [True]


# -- what is kept of it -----------------------------------------------------------------------


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("way", WAYS)
def test_the_result_is_the_same_whatever_was_returned(
    site: Site, provider: Provider, wire: str, way: str
) -> None:
    provider.play(told(wire))
    results: list[Result] = []
    site.view(on_finish=results.append)(lambda: getattr(provider, way)(wire))
    events = site.events()

    [result] = results
    assert result.id == events[0][1]["id"]
    assert result.outcome == "complete"
    assert result.text == TEXT
    assert (result.provider, result.model, result.response_id) == META[wire]
    assert (result.stop_reason, result.provider_stop_reason) == ("stop", STOP[wire])
    assert result.usage.payload() == USAGE[wire]
    assert result.error is None
    assert WORDS[0] in str(result.message)
    assert [step.text for step in result.steps] == [TEXT]
