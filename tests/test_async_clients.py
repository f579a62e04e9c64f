"""The async clients of the SDKs and of httpx: what they give is read as what their twins give."""

from __future__ import annotations

import asyncio
import gc
import gzip
import inspect
import threading
import warnings
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anthropic
import httpx
import httpx2
import openai
import pytest

from flask_stream import Event, ProviderError, Result, SourceError, Text, relay
from tests.conftest import Site, events_of, said
from tests.other_loops import in_another_loop
from tests.our_loop import on_our_loop
from tests.provider import (
    KEY,
    PATHS,
    PROVIDERS_WORDS,
    TEXT,
    WIRES,
    Exchange,
    Provider,
    Traced,
    told,
    word_by_word,
)
from tests.servers.client import DEADLINE
from tests.test_bad_input import failure, refusal

QUESTION: Any = [{"role": "user", "content": "Why?"}]

each_wire = pytest.mark.parametrize("wire", WIRES)


class Asking:
    """Async clients that ask a provider; each of their methods gives what a view may return."""

    def __init__(self, base: str) -> None:
        self.claude = anthropic.AsyncAnthropic(base_url=base, api_key=KEY, max_retries=0)
        self.gpt = openai.AsyncOpenAI(base_url=f"{base}/v1", api_key=KEY, max_retries=0)
        self.httpx = httpx.AsyncClient(base_url=base)
        self.httpx2 = httpx2.AsyncClient(base_url=base)

    async def close(self) -> None:
        for client in (self.claude, self.gpt):
            await client.close()
        for client in (self.httpx, self.httpx2):
            await client.aclose()

    def create(self, wire: str) -> Any:
        """A coroutine."""
        if wire == "anthropic":
            return self.claude.messages.create(
                model="m", max_tokens=9, messages=QUESTION, stream=True
            )
        if wire == "openai_chat":
            return self.gpt.chat.completions.create(model="m", messages=QUESTION, stream=True)
        return self.gpt.responses.create(model="m", input="Why?", stream=True)

    def stream(self, wire: str) -> Any:
        """An async context manager."""
        if wire == "anthropic":
            return self.claude.beta.messages.stream(model="m", max_tokens=9, messages=QUESTION)
        if wire == "openai_chat":
            return self.gpt.chat.completions.stream(model="m", messages=QUESTION)
        return self.gpt.responses.stream(model="m", input="Why?")

    def send(self, wire: str) -> Any:
        """A coroutine of httpx's."""
        request = self.httpx.build_request("POST", PATHS[wire], json={"stream": True})
        return self.httpx.send(request, stream=True)

    def open(self, wire: str) -> Any:
        """An async context manager of httpx2's."""
        return self.httpx2.stream("POST", PATHS[wire], json={"stream": True})


WAYS: dict[str, Callable[[Asking, str], Any]] = {
    "create": Asking.create,
    "stream": Asking.stream,
    "httpx send": Asking.send,
    "httpx2 stream": Asking.open,
}
each_way = pytest.mark.parametrize("way", WAYS)


@pytest.fixture
def asking(provider: Provider) -> Iterator[Asking]:
    asking = Asking(provider.base)
    yield asking
    on_our_loop(asking.close())


# -- the same as of the sync ones -----------------------------------------------------------


def answer(site: Site, view: Callable[[], Any]) -> tuple[list[Any], Result]:
    """The events behind `start`, and the Result."""
    results: list[Result] = []
    site.view(view, on_finish=results.append)
    events = site.events()
    (result,) = results
    return events[1:], result


def sync_twin(provider: Provider, way: str, wire: str) -> Any:
    if way == "create":
        return provider.create(wire)
    return provider.helper(wire) if way == "stream" else provider.send(wire)


@each_wire
@each_way
@pytest.mark.parametrize("what", ["text", "error"])
def test_it_is_what_the_sync_client_gives(
    provider: Provider, asking: Asking, way: str, wire: str, what: str
) -> None:
    provider.play(told(wire, what))
    expected, result = answer(Site(), lambda: sync_twin(provider, way, wire))
    for view in views(asking, way, wire):
        events, its_result = answer(Site(), view)
        assert events == expected
        assert its_result.text == result.text
        assert its_result.message == result.message
        assert its_result.raw_usage == result.raw_usage
    assert (said(expected) == TEXT) == (what == "text")


def views(asking: Asking, way: str, wire: str) -> list[Callable[[], Any]]:
    """Ways to give a stream to a run: returned, relayed, and by an async view."""
    ask = WAYS[way]

    def relayed() -> Iterator[Event]:
        result = yield from relay(ask(asking, wire))
        assert result.outcome == "complete"

    async def awaited() -> Any:
        asked = ask(asking, wire)
        return await asked if asyncio.iscoroutine(asked) else asked

    return [lambda: ask(asking, wire), relayed, awaited]


@each_wire
def test_words_reach_the_page_as_they_come(provider: Provider, asking: Asking, wire: str) -> None:
    heard = threading.Semaphore(0)

    def in_turns(exchange: Exchange) -> None:
        exchange.start()
        *pieces, rest = word_by_word(wire)
        for piece in pieces:
            exchange.send(piece)
            assert heard.acquire(timeout=DEADLINE)
        exchange.send(rest)
        exchange.end()

    provider.run(in_turns)
    site = Site()
    site.view(lambda: asking.create(wire))
    body = b""
    for chunk in site.ask().response:
        if b"event: text" in chunk:
            heard.release()
        body += chunk
    assert said(events_of([body])) == TEXT


@pytest.mark.parametrize("way", ["create", "stream"])
def test_a_packed_body_is_unpacked(provider: Provider, asking: Asking, way: str) -> None:
    body = gzip.compress(told("openai_chat"))

    def packed(exchange: Exchange) -> None:
        exchange.handler.send_response(200)
        exchange.handler.send_header("Content-Type", "text/event-stream")
        exchange.handler.send_header("Content-Encoding", "gzip")
        exchange.handler.send_header("Content-Length", str(len(body)))
        exchange.handler.end_headers()
        exchange.handler.wfile.write(body)

    provider.run(packed)
    site = Site()
    site.view(lambda: WAYS[way](asking, "openai_chat"))
    assert said(site.events()) == TEXT


@pytest.mark.parametrize("way", ["create", "stream"])
def test_an_event_of_any_size_fills_no_memory(provider: Provider, asking: Asking, way: str) -> None:
    head, *_ = told("openai_chat").split(b"\n\n")
    provider.play([head + b"\n\ndata: {", b"x" * 20_000, b"}\n\n"])
    site = Site()
    site.app.config["STREAM_MAX_EVENT_BYTES"] = 10_000
    site.view(lambda: WAYS[way](asking, "openai_chat"))
    name, data = site.events()[-1]
    assert (name, data["code"]) == ("failed", "provider_error")


def test_a_traced_stream_is_read_by_its_tracer(provider: Provider, asking: Asking) -> None:
    provider.play(told("openai_chat"))
    seen: list[Any] = []

    class AsyncTraced(Traced):
        __iter__ = None  # type: ignore[assignment]

        async def __aiter__(self) -> AsyncIterator[Any]:
            async for item in self._stream:
                seen.append(item)
                yield item

    site = Site()

    @site.view
    async def view() -> Any:
        traced = AsyncTraced(await asking.create("openai_chat"))
        return wrapped(traced)

    async def wrapped(traced: Any) -> AsyncIterator[Any]:
        async for item in traced:
            yield item

    assert said(site.events()) == TEXT
    assert seen


# -- tool loops, and errors -----------------------------------------------------------------


def test_a_tool_loop_with_an_async_client_is_a_plain_while(
    provider: Provider, asking: Asking, site: Site
) -> None:
    provider.play(told("openai_chat", "reasoning_tool"), told("openai_chat"))
    calls: list[Any] = []

    @site.view
    def view() -> Iterator[Event]:
        messages = list(QUESTION)
        while True:
            asked = asking.gpt.chat.completions.create(model="m", messages=messages, stream=True)
            result = yield from relay(asked)
            if result.stop_reason != "tool_calls":
                return
            messages.append(result.message)
            for call in result.tool_calls:
                calls.append(call)
                messages.append({"role": "tool", "tool_call_id": call.id, "content": "ok"})

    assert TEXT in said(site.events())
    assert calls
    assert [message["role"] for message in provider.requests[1]["messages"]][:2] == [
        "user",
        "assistant",
    ]


@each_way
@pytest.mark.parametrize("relayed", [False, True])
@pytest.mark.parametrize(("status", "code", "http"), [(401, "auth", 502), (529, "overloaded", 503)])
def test_a_refusal_before_the_first_byte_is_an_http_error(
    provider: Provider, asking: Asking, way: str, relayed: bool, status: int, code: str, http: int
) -> None:
    body = {"type": "error", "error": {"type": "x", "message": PROVIDERS_WORDS}}
    provider.run(lambda exchange: exchange.answer(status, body))
    ask, site = WAYS[way], Site()
    site.view(
        (lambda: relay(ask(asking, "anthropic"))) if relayed else (lambda: ask(asking, "anthropic"))
    )
    response = site.ask()
    assert (response.status_code, response.json["code"]) == (http, code)
    assert PROVIDERS_WORDS not in response.get_data(as_text=True)


def test_a_fallback_catches_the_providers_failure(
    provider: Provider, asking: Asking, site: Site
) -> None:
    provider.play(told("anthropic", "error"), told("openai_chat"))

    @site.view
    def view() -> Iterator[Event]:
        try:
            yield from relay(asking.stream("anthropic"))
        except ProviderError:
            yield Text("|")
            yield from relay(asking.create("openai_chat"))

    assert said(site.events()).endswith(f"|{TEXT}")


def test_a_body_that_ends_early_is_truncated(
    provider: Provider, asking: Asking, site: Site
) -> None:
    first, *_ = word_by_word("openai_chat")

    def cut(exchange: Exchange) -> None:
        exchange.start()
        exchange.send(first)
        exchange.cut()

    provider.run(cut)
    site.view(lambda: asking.create("openai_chat"))
    assert site.events()[-1][1]["code"] == "truncated"


def test_a_provider_that_is_silent_is_a_timeout(
    provider: Provider, asking: Asking, site: Site
) -> None:
    gone: list[bool] = []
    first, *_ = word_by_word("anthropic")

    def fall_silent(exchange: Exchange) -> None:
        exchange.start()
        exchange.send(first)
        gone.append(exchange.gone(DEADLINE))

    provider.run(fall_silent)
    site.view(lambda: asking.create("anthropic"), idle_seconds=0.2)
    assert site.events()[-1][1]["code"] == "timeout"
    until(lambda: gone == [True])


@each_way
@pytest.mark.parametrize("wire", ["anthropic", "openai_responses"])
def test_a_reader_who_leaves_in_silence_closes_the_providers_connection(
    provider: Provider, asking: Asking, site: Site, way: str, wire: str
) -> None:
    gone: list[bool] = []
    first, *_ = word_by_word(wire)

    def fall_silent(exchange: Exchange) -> None:
        exchange.start()
        exchange.send(first)
        gone.append(exchange.gone(DEADLINE))

    provider.run(fall_silent)
    site.view(lambda: WAYS[way](asking, wire))
    response = site.ask()
    for chunk in response.response:
        if b"event: text" in chunk:
            break
    response.close()
    until(lambda: gone == [True])


def until(look: Callable[[], bool]) -> None:
    clock = threading.Event()
    for _ in range(DEADLINE * 100):
        if look():
            return
        clock.wait(0.01)
    raise AssertionError


# -- what is refused ------------------------------------------------------------------------


@pytest.fixture
def testing(site: Site) -> Site:
    site.app.testing = True
    return site


def test_a_complete_answer_is_told(testing: Site, provider: Provider, asking: Asking) -> None:
    whole = {"id": "c", "object": "chat.completion", "choices": [], "created": 1, "model": "m"}
    provider.run(lambda exchange: exchange.answer(200, whole))
    message = refusal(
        testing, lambda: asking.gpt.chat.completions.create(model="m", messages=QUESTION)
    )
    assert "a complete answer" in message
    assert "stream=True" in message


def test_what_is_no_providers_is_refused_by_relay(testing: Site) -> None:
    async def words() -> AsyncIterator[str]:
        yield "one"

    message = refusal(testing, lambda: relay(words()))
    assert "relay() was given an async_generator, which is no provider's stream" in message


def test_a_manager_that_was_entered_is_told(
    testing: Site, provider: Provider, asking: Asking
) -> None:
    provider.play(told("anthropic"))

    async def view() -> Any:
        manager = asking.stream("anthropic")
        async with manager:
            pass
        return manager

    assert "was used before" in refusal(testing, view)


def test_a_stream_that_is_closed_is_told(testing: Site, provider: Provider, asking: Asking) -> None:
    provider.play(told("anthropic"))

    async def view() -> Any:
        async with await asking.create("anthropic") as stream:
            pass
        return stream

    assert "is closed" in refusal(testing, view)


def test_a_stream_of_a_loop_that_has_ended_is_told(
    site: Site, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    first, *_ = word_by_word("anthropic")

    def wait(exchange: Exchange) -> None:
        exchange.start()
        exchange.send(first)
        exchange.gone(DEADLINE)

    provider.run(wait)

    def view() -> Any:
        return in_another_loop(ask())

    asked: list[Any] = []

    async def ask() -> Any:
        stream = await Asking(provider.base).create("anthropic")
        asked.append(weakref.ref(stream))
        return stream

    assert "AsyncStream belongs to another event loop" in failure(site, caplog, view)
    for record in caplog.records:  # whose traceback's frames have it
        record.exc_info = None

    def is_let_go() -> bool:  # by the event loop's thread too, which may be a moment behind
        gc.collect()
        return [stream() for stream in asked] == [None]

    with warnings.catch_warnings():  # its connection has no loop that could close it
        warnings.simplefilter("ignore", ResourceWarning)
        until(is_let_go)


def test_a_coroutine_that_no_relay_has_awaited_is_closed(site: Site) -> None:
    """Else Python would warn of it, beside our own warning that names the mistake."""

    async def asking() -> None:
        raise AssertionError("nobody reads it")

    asked = asking()

    def view() -> Iterator[Any]:
        relay(asked)
        yield "Done."

    site.view(view)
    assert said(site.events()) == "Done."
    assert inspect.getcoroutinestate(asked) == inspect.CORO_CLOSED


def test_the_words_of_a_stream_whose_block_has_ended_are_refused(
    site: Site, provider: Provider, asking: Asking
) -> None:
    provider.play(told("anthropic"))

    @site.view
    async def chat() -> Any:
        async with asking.claude.messages.stream(
            model="m", max_tokens=9, messages=QUESTION
        ) as stream:
            return stream.text_stream

    site.app.testing = True
    with pytest.raises(SourceError, match=r"a with block that has ended.*yield inside"):
        site.ask()
