"""What tracers, gateways and other vendors' SDKs give: `return` and `relay` take the same.

Groq's SDK is the real one. The others are large, so their shapes stand here, as they were in
langsmith 0.15, litellm 1.110, opik with openai 3.57, mistralai 3.7 and langchain_core 1.8; each
was tried with the real package, too.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import openai
import pytest
from pydantic import BaseModel, ConfigDict

from flask_stream import Result, SourceError, relay, sse
from tests.conftest import Site, said
from tests.provider import (
    PROVIDERS_WORDS,
    TEXT,
    WORDS,
    Exchange,
    Provider,
    Traced,
    frames,
    told,
)
from tests.servers.client import DEADLINE
from tests.servers.running import until
from tests.test_bad_input import refusal
from tests.transcripts.reading import chunk

MESSAGES: Any = [{"role": "user", "content": "Hello?"}]


@pytest.fixture(autouse=True)
def testing(site: Site) -> None:
    site.app.testing = True


class LangSmith:
    """Its `_TracedStream`: forwards attributes, and does not say to be an openai Stream."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.items: list[Any] = []
        self.ended = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __iter__(self) -> Iterator[Any]:
        try:
            for item in self._stream:
                self.items.append(item)
                yield item
        finally:
            self.ended = True

    def __enter__(self) -> LangSmith:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stream.close()


class ModelResponseStream(BaseModel):
    """LiteLLM's chunk, a model of its own."""

    model_config = ConfigDict(extra="allow")


class LiteLLM:
    """Its `CustomStreamWrapper`: an iterator, sync and async at once; it shows no response."""

    def __init__(self, stream: Any) -> None:
        self.completion_stream = stream
        self.closed = False

    def __iter__(self) -> LiteLLM:
        return self

    def __aiter__(self) -> LiteLLM:
        return self

    def __next__(self) -> ModelResponseStream:
        return ModelResponseStream(**next(self.completion_stream).to_dict())

    def close(self) -> None:
        self.closed = True
        self.completion_stream.close()


class EventStream:
    """Mistral's: made by another generator than OpenAI's, around an httpx response."""

    def __init__(self, response: Any) -> None:
        self.response = response

    def __iter__(self) -> Iterator[Any]:
        class CompletionEvent(BaseModel):
            data: ModelResponseStream

        for event in sse.decode(self.response.iter_bytes()):
            if event.data != "[DONE]":
                data = ModelResponseStream.model_validate_json(event.data)
                yield CompletionEvent(data=data)

    def close(self) -> None:
        self.response.close()


def generator_over(stream: Any) -> Iterator[Any]:
    yield from stream


def groq(provider: Provider) -> Any:
    return provider.groq.chat.completions.create(model="m", messages=MESSAGES, stream=True)


CHAT = "openai_chat"
GIVEN: dict[str, Callable[[Provider], Any]] = {
    "groq": groq,
    "groq, in a generator": lambda p: generator_over(groq(p)),
    "groq, wrapped": lambda p: LangSmith(groq(p)),
    "langsmith": lambda p: LangSmith(p.create(CHAT)),
    "a proxy": lambda p: Traced(p.create(CHAT)),
    "litellm": lambda p: LiteLLM(p.create(CHAT)),
    "mistral": lambda p: EventStream(p.send(CHAT)),
    "mistral, in a generator": lambda p: generator_over(EventStream(p.send(CHAT))),
    "a generator": lambda p: generator_over(p.create(CHAT)),
    "httpx": lambda p: p.send(CHAT),
    "httpx2": lambda p: p.send(CHAT, "httpx2"),
}
each_given = pytest.mark.parametrize("give", GIVEN.values(), ids=list(GIVEN))


@each_given
@pytest.mark.parametrize("relayed", [False, True], ids=["returned", "relayed"])
def test_what_return_takes_relay_takes(
    site: Site, provider: Provider, give: Callable[[Provider], Any], relayed: bool
) -> None:
    provider.play(told(CHAT))
    results: list[Result] = []

    def view() -> Any:
        return relay(give(provider)) if relayed else give(provider)

    site.view(on_finish=results.append)(view)
    events = site.events()
    assert (said(events), events[-1][0]) == (TEXT, "done")
    [result] = results
    assert result.model == "gpt-imaginary-1"
    assert result.stop_reason == "stop"
    assert result.usage is not None
    assert result.message["content"] == TEXT
    assert [step.text for step in result.steps] == [TEXT]


@pytest.mark.parametrize("name", ["groq", "langsmith", "litellm", "mistral", "httpx"])
def test_what_is_relayed_second_is_known_to_its_run_while_it_is_silent(
    site: Site, provider: Provider, name: str
) -> None:
    """The first item tells what some are, so they are read before their relay says anything."""
    gone: list[bool] = []

    def whole(exchange: Exchange) -> None:
        exchange.start()
        exchange.send(told(CHAT))
        exchange.end()

    def stall(exchange: Exchange) -> None:
        exchange.start()
        gone.append(exchange.gone(DEADLINE))

    provider.run(whole, stall)

    @site.view(max_seconds=1)
    def view() -> Iterator[Any]:
        yield from relay(provider.create(CHAT))
        yield from relay(GIVEN[name](provider))

    events = site.events()
    assert (said(events), events[-1][1]["code"]) == (TEXT, "timeout")
    until(lambda: gone == [True], "the silent stream was not closed")


@pytest.mark.parametrize("relayed", [False, True], ids=["returned", "relayed"])
def test_a_wrapper_sees_every_item_and_the_end(
    site: Site, provider: Provider, relayed: bool
) -> None:
    provider.play(told(CHAT))
    wrapped: list[LangSmith] = []

    @site.view
    def view() -> Any:
        wrapped.append(LangSmith(provider.create(CHAT)))
        return relay(wrapped[0]) if relayed else wrapped[0]

    site.events()
    assert len(wrapped[0].items) == told(CHAT).count(b"data: {")
    assert wrapped[0].ended


# -- who patches the class ------------------------------------------------------------------


@pytest.mark.parametrize(("cls", "wire"), [(openai.Stream, CHAT), (anthropic.Stream, "anthropic")])
@pytest.mark.parametrize("name", ["__iter__", "__stream__"])
def test_who_patches_the_reading_of_the_class_sees_every_item(
    provider: Provider, site: Site, monkeypatch: pytest.MonkeyPatch, cls: Any, wire: str, name: str
) -> None:
    """Opik does that with `__iter__`, by a wrapper that looks like the SDK's own."""
    provider.play(told(wire))
    seen: list[Any] = []
    original = getattr(cls, name)

    @functools.wraps(original)
    def watch(self: Any) -> Iterator[Any]:
        for item in original(self):
            seen.append(item)
            yield item

    monkeypatch.setattr(cls, name, watch)
    site.view(lambda: provider.create(wire))
    assert said(site.events()) == TEXT
    assert len(seen) > len(WORDS)


def test_who_patches_one_stream_sees_every_item(provider: Provider, site: Site) -> None:
    provider.play(told(CHAT))
    seen: list[Any] = []

    @site.view
    def view() -> Any:
        stream: Any = provider.create(CHAT)
        events = stream._iter_events

        def watch() -> Iterator[Any]:
            for event in events():
                seen.append(event)
                yield event

        stream._iter_events = watch
        return stream

    assert said(site.events()) == TEXT
    assert len(seen) > len(WORDS)


def test_a_stream_that_nobody_watches_is_never_built_as_models(
    provider: Provider, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.play(told(CHAT))

    def build(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("the SDK has built a model")

    monkeypatch.setattr(provider.groq, "_process_response_data", build)
    monkeypatch.setattr(provider.openai, "_process_response_data", build)
    for ask in (groq, lambda p: p.create(CHAT)):
        assert "".join(e.text for e in relay(ask(provider)) if e.kind == "text") == TEXT


# -- what is refused ------------------------------------------------------------------------


@pytest.mark.parametrize("relayed", [False, True], ids=["returned", "relayed"])
def test_a_complete_answer_of_another_vendors_sdk_says_stream_true(
    site: Site, provider: Provider, relayed: bool
) -> None:
    answer = {"object": "chat.completion", "choices": [], "created": 1, "id": "c", "model": "m"}
    provider.run(lambda exchange: exchange.answer(200, answer))

    def view() -> Any:
        whole = provider.groq.chat.completions.create(model="m", messages=MESSAGES)
        return relay(whole) if relayed else whole

    message = refusal(site, view)
    assert "a ChatCompletion, a complete answer" in message
    assert "stream=True" in message


@pytest.mark.parametrize("relayed", [False, True], ids=["returned", "relayed"])
@pytest.mark.parametrize("wrap", [None, LangSmith, Traced])
def test_a_stream_from_inside_its_with_block_is_refused_however_it_is_wrapped(
    site: Site, provider: Provider, wrap: Callable[[Any], Any] | None, relayed: bool
) -> None:
    provider.play(told(CHAT))

    def view() -> Any:
        with groq(provider) as stream:
            given = stream if wrap is None else wrap(stream)
        return relay(given) if relayed else given

    message = refusal(site, view)
    assert "is closed" in message
    assert "outside of a with block" in message


NO_STREAMS = [None, "text", b"bytes", {"a": 1}, ["a"], ("a",), 7]


@pytest.mark.parametrize("given", NO_STREAMS, ids=repr)
def test_relay_refuses_what_is_no_stream_at_once(given: Any) -> None:
    with pytest.raises(SourceError, match="which is no provider's stream"):
        relay(given)


@pytest.mark.parametrize("first", ["text", b"bytes", 7, {"choices": []}], ids=repr)
def test_relay_refuses_a_generator_of_other_things_by_its_first_item(
    site: Site, first: Any
) -> None:
    closed: list[bool] = []

    def own() -> Iterator[Any]:
        try:
            yield first
            yield first
        finally:
            closed.append(True)

    assert "which is no provider's stream" in refusal(site, lambda: relay(own()))
    assert closed == [True]


def test_dicts_that_an_app_yields_are_refused_as_ever(site: Site) -> None:
    dicts = [chunk({"content": "a"})]
    assert json.dumps(dicts[0]) in frames(*dicts).decode()
    assert "Only str and Event can be streamed" in refusal(site, lambda: iter(dicts))


@pytest.mark.parametrize(("status", "told"), [(429, 503), (500, 502), (401, 502)])
def test_a_refusal_of_an_sdk_made_as_openais_is_the_providers(
    site: Site, provider: Provider, status: int, told: int
) -> None:
    error = {"error": {"message": PROVIDERS_WORDS}}
    provider.run(lambda exchange: exchange.answer(status, error))
    asked: Any = {"model": "m", "messages": [{"role": "user", "content": "Why?"}]}
    site.view(lambda: provider.groq.chat.completions.create(stream=True, **asked))
    answer = site.ask(headers={"Accept": "application/json"})
    assert (answer.status_code, PROVIDERS_WORDS in answer.text) == (told, False)
