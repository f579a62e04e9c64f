"""Cohere's client, the second version of its chat."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import cohere
import pytest

from flask_stream import Source, SourceError, ToolCall, Usage
from tests.conftest import Site, said
from tests.provider import Provider, frames
from tests.sources.contract import WORDS, Contract, kinds, loop_of, result_of
from tests.sources.scripts import fail, speak
from tests.sources.snippets import events_of_snippet, snippets

SITE = "tests.sources.cohere.site:app"
ASKED: Any = {"model": "m", "messages": [{"role": "user", "content": "Hello?"}]}
USAGE = {
    "billed_units": {"input_tokens": 3.0, "output_tokens": 5.0},
    "tokens": {"input_tokens": 30.0, "output_tokens": 5.0},
    "cached_tokens": 10.0,
}

_clients: dict[tuple[type, str], Any] = {}


def client_of(base: str, kind: type = cohere.ClientV2) -> Any:
    if (kind, base) not in _clients:
        _clients[kind, base] = kind(api_key="none", base_url=base, max_retries=0)
    return _clients[kind, base]


@pytest.fixture(autouse=True)
def no_client_is_left() -> Iterator[None]:
    yield
    while _clients:
        http = _clients.popitem()[1]._client_wrapper.httpx_client.httpx_client
        asyncio.run(http.aclose()) if hasattr(http, "aclose") else http.close()


def ask(base: str, messages: Any = ASKED["messages"]) -> Any:
    return client_of(base).chat_stream(model="m", messages=messages)


def event(kind: str, index: int | None = None, **message: Any) -> Any:
    told: dict[str, Any] = {"type": kind, "delta": {"message": message}}
    return told if index is None else {**told, "index": index}


BEGIN = {"type": "message-start", "id": "r-1", "delta": {"message": {"role": "assistant"}}}


def end(reason: str = "COMPLETE", **more: Any) -> Any:
    delta = {"finish_reason": reason, "usage": USAGE, **more}
    return {"type": "message-end", "id": "r-1", "delta": delta}


def text(piece: str, at: int = 0, kind: str = "text") -> list[Any]:
    return [event("content-delta", at, content={kind: piece})]


def begun(at: int = 0, kind: str = "text") -> Any:
    return event("content-start", at, content={"type": kind, kind: ""})


def sse(*dicts: Any) -> list[bytes]:
    return [frames(d) for d in dicts]


class TestCohere(Contract):
    provider_name = "cohere"

    def ask(self, base: str) -> Any:
        return ask(base)

    def ask_async(self, base: str) -> Any:
        return client_of(base, cohere.AsyncClientV2).chat_stream(**ASKED)

    def pieces(self, words: Sequence[str]) -> list[bytes]:
        first, *rest = [frames(*text(word)) for word in words]
        return [frames(BEGIN, begun()) + first, *rest, frames({"type": "content-end"}, end())]

    def whole(self, words: Sequence[str]) -> Any:
        content = [{"type": "text", "text": "".join(words)}]
        message = {"role": "assistant", "content": content}
        return {"id": "r-1", "finish_reason": "COMPLETE", "message": message, "usage": USAGE}

    def ask_whole(self, base: str) -> tuple[str, Any]:
        answer = client_of(base).chat(**ASKED)
        return answer.message.content[0].text, answer

    def prompt_of(self, body: Any) -> str:
        return str(body["messages"][0]["content"])

    def error(self, status: int) -> Any:
        return {"id": "e-1", "message": "secret words"}


def test_all_that_it_tells(provider: Provider, site: Site) -> None:
    page = {"type": "document", "id": "d-1"}
    page["document"] = {"id": "d-1", "title": "A", "url": "https://a.example"}  # type: ignore[assignment]
    found = {"type": "tool", "id": "t-1:0", "tool_output": {"steps": "214"}}
    citation = {"start": 0, "end": 5, "text": "Three", "sources": [page, found]}
    provider.run(
        speak(
            sse(
                BEGIN,
                begun(0, "thinking"),
                *text("Let me ", 0, "thinking"),
                *text("think.", 0, "thinking"),
                {"type": "content-end", "index": 0},
                begun(1),
                *text("Three ", 1),
                event("citation-start", 0, citations=citation),
                {"type": "citation-end", "index": 0},
                *text("steps.", 1),
                {"type": "content-end", "index": 1},
                end("MAX_TOKENS"),
            )
        )
    )
    result, _ = result_of(site, lambda: ask(provider.base))
    assert (result.reasoning, result.text) == ("Let me think.", "Three steps.")
    assert result.response_id == "r-1"
    assert (result.stop_reason, result.provider_stop_reason) == ("length", "MAX_TOKENS")
    assert result.usage == Usage(30, 5, cache_read_tokens=10)
    assert result.raw_usage == USAGE
    assert result.sources == [
        Source("https://a.example", "A", document="d-1"),
        Source(document="t-1:0"),
    ]
    assert result.message == {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "Let me think."},
            {"type": "text", "text": "Three steps."},
        ],
        "citations": [citation],
    }


def test_a_loop_of_two_steps(provider: Provider, site: Site) -> None:
    call = {"id": "t-1", "type": "function", "function": {"name": "steps_of", "arguments": ""}}
    pieces = ['{"tower":', ' "old"}']
    calling = sse(
        BEGIN,
        event("tool-plan-delta", tool_plan="I shall "),
        event("tool-plan-delta", tool_plan="look."),
        event("tool-call-start", 0, tool_calls=call),
        *(
            event("tool-call-delta", 0, tool_calls={"function": {"arguments": piece}})
            for piece in pieces
        ),
        {"type": "tool-call-end", "index": 0},
        end("TOOL_CALL"),
    )
    provider.run(speak(calling), speak(TestCohere().pieces(WORDS)))
    results, events = loop_of(
        site, lambda messages: ask(provider.base, messages=messages), ASKED["messages"]
    )
    assert results[0].reasoning == "I shall look."
    assert results[0].tool_calls == [ToolCall("t-1", "steps_of", {"tower": "old"})]
    assert [result.stop_reason for result in results] == ["tool_calls", "stop"]
    assert said(events) == "".join(WORDS)
    assert [data["arguments"] for kind, data in events if kind == "tool_call_delta"] == pieces
    function = {"name": "steps_of", "arguments": "".join(pieces)}
    assert provider.requests[1]["messages"][1] == {
        "role": "assistant",
        "tool_plan": "I shall look.",
        "tool_calls": [{"id": "t-1", "type": "function", "function": function}],
    }
    assert events[-1][1]["usage"]["input_tokens"] == 60


@pytest.mark.parametrize(
    ("told", "code"),
    [
        (end("ERROR"), "provider_error"),
        (end("ERROR", error="secret words: RateLimitError"), "rate_limited"),
        (end("TIMEOUT"), "timeout"),
    ],
)
def test_an_error_at_the_end(provider: Provider, site: Site, told: Any, code: str) -> None:
    provider.run(speak([*TestCohere().pieces(WORDS)[:1], frames(told)]))
    site.view(lambda: ask(provider.base))
    response = site.ask()
    assert b"secret" not in response.data
    assert f'"code":"{code}"'.encode() in response.data


def test_what_is_not_known_is_skipped(provider: Provider, site: Site) -> None:
    odd = {"id": "t-1", "type": "function"}
    picture = event("content-start", 0, content={"type": "image", "image": {"url": "x"}})
    skipped = sse(
        {"type": "content-delta", "index": 0},
        {"type": "tool-call-start", "index": 0},
        event("tool-call-start", 0, tool_calls=odd),
        {"type": "tool-call-delta", "index": 0},
        {"type": "tool-call-end", "index": 0},
        {"type": "citation-start", "index": 0},
        picture,
    )
    no_json = b"event: content-delta\ndata: {no JSON\n\n"  # which the client makes a start of
    ending = sse(*text("Yes.", 1), {"type": "message-end", "delta": {"finish_reason": "COMPLETE"}})
    provider.run(speak([*sse(BEGIN), *skipped, no_json, *ending]))
    result, events = result_of(site, lambda: ask(provider.base))
    assert (result.text, result.stop_reason, result.tool_calls) == ("Yes.", "stop", [])
    assert result.message == {"role": "assistant", "content": [{"type": "text", "text": "Yes."}]}
    assert result.response_id == "r-1"
    assert "usage" not in kinds(events)  # none was told


def test_a_word_that_is_not_allowed(provider: Provider, site: Site) -> None:
    """Cohere's status for it is another one's for being overloaded."""
    provider.run(fail(498, {"message": "secret words"}))
    site.view(lambda: ask(provider.base))
    data = site.events()[-1][1]
    assert (data["code"], data["retryable"]) == ("bad_request", False)


def test_the_first_version_is_told(provider: Provider, site: Site) -> None:
    site.app.testing = True
    provider.run(speak(sse({"event_type": "text-generation", "text": "x"})))
    site.view(lambda: client_of(provider.base, cohere.Client).chat_stream(message="Hello?"))
    with pytest.raises(SourceError, match="ClientV2"):
        site.events()


def test_the_documented_snippet(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CO_API_KEY", "none")
    defaults = cohere.ClientV2.__init__.__kwdefaults__  # CO_API_URL is looked at once, as imported
    monkeypatch.setitem(defaults, "base_url", provider.base)
    (code,) = snippets("Cohere")
    provider.run(speak(TestCohere().pieces(WORDS)))
    assert said(events_of_snippet(code)) == "".join(WORDS)
