"""Groq's client, whose streams have OpenAI's shape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import groq
import pytest

from flask_stream import Source, SourceError, ToolCall, Usage, relay
from tests.conftest import Site, said
from tests.provider import Provider, frames
from tests.sources import openai_wire as wire
from tests.sources.contract import WORDS, Contract, loop_of, result_of
from tests.sources.scripts import speak
from tests.sources.snippets import events_of_snippet, snippets

SITE = "tests.sources.groq.site:app"
ASKED: Any = {"model": "m", "messages": [{"role": "user", "content": "Hello?"}]}


@cache
def client_of(base: str, kind: type = groq.Groq) -> Any:
    return kind(api_key="none", base_url=base, max_retries=0)


def ask(base: str, **more: Any) -> Any:
    return client_of(base).chat.completions.create(**{**ASKED, "stream": True, **more})


class TestGroq(Contract):
    provider_name = "openai"  # whose wire it is

    def ask(self, base: str) -> Any:
        return ask(base)

    def ask_async(self, base: str) -> Any:
        return client_of(base, groq.AsyncGroq).chat.completions.create(**ASKED, stream=True)

    def pieces(self, words: Sequence[str]) -> list[bytes]:
        return wire.pieces(words)

    def whole(self, words: Sequence[str]) -> Any:
        return wire.whole(words)

    def ask_whole(self, base: str) -> tuple[str, Any]:
        answer = client_of(base).chat.completions.create(**ASKED)
        return answer.choices[0].message.content, answer

    def prompt_of(self, body: Any) -> str:
        return str(body["messages"][0]["content"])


def test_all_that_it_tells(provider: Provider, site: Site) -> None:
    found = {"title": "A", "url": "https://a.example", "content": "x"}
    searched = {
        "index": 0,
        "type": "search",
        "arguments": '{"query": "steps"}',
        "search_results": {"results": []},
    }
    ran = {**searched, "output": "two pages", "search_results": {"results": [found]}}
    last = wire.chunk("length") | {"x_groq": {"id": "r-1", "usage": wire.USAGE}}
    provider.run(
        speak(
            [
                frames(wire.chunk(role="assistant", reasoning="Let me ")),
                frames(wire.chunk(reasoning="think.")),
                frames(wire.chunk(executed_tools=[searched])),
                frames(wire.chunk(executed_tools=[ran])),
                frames(wire.chunk(content="Three ")),
                frames(wire.chunk(content="steps.")),
                frames(last, done=True),
            ]
        )
    )
    result, events = result_of(site, lambda: ask(provider.base))
    assert (result.reasoning, result.text) == ("Let me think.", "Three steps.")
    assert (result.model, result.response_id) == ("m-9", "r-1")
    assert (result.stop_reason, result.provider_stop_reason) == ("length", "length")
    assert result.usage == Usage(3, 5)
    assert result.sources == [Source("https://a.example", "A")]
    called = {"id": "executed-0", "name": "search", "server": True}
    assert [event for event in events if event[0].startswith("tool_")] == [
        ("tool_call_start", called),
        ("tool_call", {**called, "arguments": {"query": "steps"}}),
        ("tool_result", {"id": "executed-0", "name": "search", "result": "two pages"}),
    ]


def test_what_a_compound_model_has_run_is_not_sent_back(provider: Provider, site: Site) -> None:
    ran = {"index": 0, "type": "python", "arguments": '{"code": "print(3)"}'}
    given = {**ran, "code_results": [{"text": "3"}, {"png": "iVBORw0KGgo"}]}
    looked = {"index": 1, "type": "visit", "arguments": "{}", "output": ""}
    page = {"title": "A", "url": "https://a.example"}
    seen = {**looked, "browser_results": [page]}
    cited = {"type": "document_citation", "document_citation": {"document_id": "d-1"}}
    tools = [ran, given, given, looked, seen]
    provider.run(
        speak(
            [
                frames(wire.chunk(role="assistant", reasoning="Look.")),
                *(frames(wire.chunk(executed_tools=[tool])) for tool in tools),
                frames(wire.chunk(content="Three.", annotations=[cited])),
                wire.ending(),
            ]
        )
    )
    result, events = result_of(site, lambda: ask(provider.base))
    assert [data for kind, data in events if kind == "tool_result"] == [
        {"id": "executed-0", "name": "python", "result": "3"},
        {"id": "executed-1", "name": "visit", "result": [page]},
    ]
    assert result.sources == [Source("https://a.example", "A"), Source(document="d-1")]
    assert result.message["reasoning"] == "Look."
    assert "executed_tools" not in result.message


def test_a_raw_response_is_refused(provider: Provider, site: Site) -> None:
    site.app.testing = True
    provider.run(speak(wire.pieces(WORDS)))
    raw = client_of(provider.base).chat.completions.with_raw_response
    site.view(lambda: raw.create(**ASKED, stream=True))
    with pytest.raises(SourceError, match="parse"):
        site.events()


def test_a_loop_of_two_steps(provider: Provider, site: Site) -> None:
    parts = ['{"tower":', ' "old"}']
    provider.run(speak(wire.calling("steps_of", parts, "One moment.")), speak(wire.pieces(WORDS)))
    results, events = loop_of(
        site, lambda messages: ask(provider.base, messages=messages), ASKED["messages"]
    )
    assert results[0].tool_calls == [ToolCall("c-1", "steps_of", {"tower": "old"})]
    assert [result.stop_reason for result in results] == ["tool_calls", "stop"]
    assert said(events) == "One moment.\n\n" + "".join(WORDS)
    (sent,) = provider.requests[1]["messages"][1]["tool_calls"]
    assert sent["function"] == {"name": "steps_of", "arguments": "".join(parts)}


def failure(code: Any) -> Any:
    return {"error": {"message": "secret words", "type": "x", "code": code}}


CROWDED = wire.chunk() | {"x_groq": {"id": "r-1", "error": "over capacity: secret words"}}
FAILURES = [
    (failure("rate_limit_exceeded"), "rate_limited"),
    (failure(503), "overloaded"),
    (CROWDED, "provider_error"),
]


@pytest.mark.parametrize(("error", "code"), FAILURES, ids=["a word", "a status", "x_groq"])
def test_an_error_in_mid_stream(provider: Provider, site: Site, error: Any, code: str) -> None:
    provider.run(speak([*wire.pieces(WORDS)[:1], frames(error)]))
    site.view(lambda: ask(provider.base))
    response = site.ask()
    assert b"secret" not in response.data
    assert f'"code":"{code}"'.encode() in response.data


def test_tools_without_a_place(provider: Provider, site: Site) -> None:
    began = {"type": "search", "arguments": "{}"}
    tools = [began, {**began, "output": "half a pair: \ud83d"}]
    chunks = [frames(wire.chunk(executed_tools=[tool])) for tool in tools]
    provider.run(speak([*chunks, *wire.pieces(WORDS)]))
    _, events = result_of(site, lambda: ask(provider.base))
    assert [data for kind, data in events if kind == "tool_result"] == [
        {"id": "executed-0", "name": "search", "result": "half a pair: \ufffd"}
    ]
    assert [kind for kind, _ in events].count("tool_call") == 1


def test_executed_tools_of_two_answers_can_be_told_apart(provider: Provider, site: Site) -> None:
    tool = {"index": 0, "type": "python", "arguments": "{}", "output": "3"}
    provider.run(speak([frames(wire.chunk(executed_tools=[tool])), *wire.pieces(WORDS)]))

    def view() -> Iterator[Any]:
        yield from relay(ask(provider.base))
        yield from relay(ask(provider.base))

    site.view(view)
    ids = [data["id"] for kind, data in site.events() if kind == "tool_result"]
    assert ids == ["executed-0", "executed-1"]


def test_the_documented_snippet(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_BASE_URL", provider.base)
    monkeypatch.setenv("GROQ_API_KEY", "none")
    (code,) = snippets("Groq")
    provider.run(speak(wire.pieces(WORDS)))
    assert said(events_of_snippet(code)) == "".join(WORDS)
