"""docs/sources.md: the snippets that need no other library. Each library's own are run with it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from flask import request

from flask_stream.providers import libraries
from tests.conftest import Site, events_of, said
from tests.our_loop import on_our_loop
from tests.provider import TEXT, Provider, told
from tests.sources.snippets import snippets

Names = dict[str, Any]


class Answer:
    """Another library's."""

    model, tokens_in, tokens_out, finish_reason = "m-1", 3, 5, "max_tokens"

    def __iter__(self) -> Iterator[Any]:
        return iter((SimpleNamespace(text="Hello"), SimpleNamespace(text=" world")))


def test_a_library_that_is_registered(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    acme = ModuleType("acme")
    acme.Answer = Answer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "acme", acme)
    monkeypatch.setattr(libraries, "_registered", [])
    (code,) = snippets("Another library")
    exec(code, {"stream": site.stream})
    site.view(Answer)
    events = site.events()
    assert said(events) == "Hello world"
    assert events[1] == ("meta", {"provider": "acme", "model": "m-1"})
    usage = {"input_tokens": 3, "output_tokens": 5}
    assert ("usage", usage) in events
    assert events[-1][1]["stop_reason"] == "length"


class Agent:
    """Somebody's own, which is asynchronous."""

    async def run(self, question: str) -> AsyncIterator[str]:
        for word in (f"«{question}» ", "is ", "a question."):
            await asyncio.sleep(0)
            yield word


class Model:
    """One that calls back."""

    def generate(self, question: str, on_token: Callable[[str], None]) -> None:
        for word in (f"«{question}» ", "is ", "a question."):
            on_token(word)


@pytest.fixture
def names(site: Site, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "test")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", provider.base)
    provider.play(told("anthropic"))
    made: Names = {
        "app": site.app,
        "stream": site.stream,
        "request": request,
        "my_agent": Agent(),
        "model": Model(),
    }
    yield made
    if "claude" in made:
        on_our_loop(made["claude"].close())


def answer(site: Site, path: str, question: str = "Why?") -> str:
    """What a page that asks this is told."""
    response = site.app.test_client().post(path, data={"question": question})
    events = events_of(response.response)
    assert events[-1][0] == "done"
    return said(events)


def test_async_code(site: Site, names: Names) -> None:
    returned, both = snippets("Async code")
    exec(returned + both, names)
    assert answer(site, "/returned") == TEXT
    assert answer(site, "/yielded") == "«Why?» is a question."
    assert answer(site, "/both") == f"{TEXT}\n\n«{TEXT}» is a question."


def test_callbacks_and_threads(site: Site, names: Names) -> None:
    (pushed,) = snippets("Callbacks and threads")
    exec(pushed, names)
    assert answer(site, "/pushed") == "«Why?» is a question."
