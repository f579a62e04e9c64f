"""Mistral's client, whose streams have OpenAI's shape in an envelope."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest
from mistralai.client import Mistral

from flask_stream import Source, ToolCall, Usage
from tests.conftest import Site, said
from tests.provider import Provider, frames
from tests.sources import openai_wire as wire
from tests.sources.contract import WORDS, Contract, loop_of, result_of
from tests.sources.scripts import fail, speak
from tests.sources.snippets import events_of_snippet, snippets

SITE = "tests.sources.mistral.site:app"
ASKED: Any = {"model": "m", "messages": [{"role": "user", "content": "Hello?"}]}


@cache
def client_of(base: str) -> Mistral:
    return Mistral(api_key="none", server_url=base)


def ask(base: str, **more: Any) -> Any:
    return client_of(base).chat.stream(**{**ASKED, **more})


class TestMistral(Contract):
    provider_name = "openai"  # whose wire it is

    def ask(self, base: str) -> Any:
        return ask(base)

    def ask_async(self, base: str) -> Any:
        return client_of(base).chat.stream_async(**ASKED)

    def pieces(self, words: Sequence[str]) -> list[bytes]:
        return wire.pieces(words)

    def whole(self, words: Sequence[str]) -> Any:
        return wire.whole(words)

    def ask_whole(self, base: str) -> tuple[str, Any]:
        answer = client_of(base).chat.complete(**ASKED)
        return answer.choices[0].message.content, answer  # type: ignore[return-value, index, union-attr]

    def prompt_of(self, body: Any) -> str:
        return str(body["messages"][0]["content"])

    def error(self, status: int) -> Any:
        return {"object": "error", "message": "secret words", "type": "x", "code": None}


def test_all_that_it_tells(provider: Provider, site: Site) -> None:
    def thinking(text: str) -> dict[str, Any]:
        thought = [{"type": "text", "text": text}]
        return wire.chunk(content=[{"type": "thinking", "thinking": thought}])

    reference = {"type": "reference", "reference_ids": [1]}
    provider.run(
        speak(
            [
                frames(wire.chunk(role="assistant", content="")),
                frames(thinking("Let me ")),
                frames(thinking("think.")),
                frames(wire.chunk(content=[{"type": "text", "text": "Three "}])),
                frames(wire.chunk(content=[reference])),
                frames(wire.chunk(content="steps.")),
                frames({**wire.chunk("length"), "usage": wire.USAGE}, done=True),
            ]
        )
    )
    result, _ = result_of(site, lambda: ask(provider.base))
    assert (result.reasoning, result.text) == ("Let me think.", "Three steps.")
    assert (result.model, result.response_id) == ("m-9", "r-1")
    assert (result.stop_reason, result.provider_stop_reason) == ("length", "length")
    assert result.usage == Usage(3, 5)
    assert reference in result.message["content"]


def test_a_loop_of_two_steps(provider: Provider, site: Site) -> None:
    function = {"name": "steps_of", "arguments": '{"tower": "old"}'}
    call = {"id": "c-1", "function": function, "index": 0}
    last = {**wire.chunk("tool_calls", content="", tool_calls=[call]), "usage": wire.USAGE}
    begin = frames(wire.chunk(role="assistant", content="One moment."))
    provider.run(speak([begin, frames(last, done=True)]), speak(wire.pieces(WORDS)))
    results, events = loop_of(
        site, lambda messages: ask(provider.base, messages=messages), ASKED["messages"]
    )
    assert results[0].tool_calls == [ToolCall("c-1", "steps_of", {"tower": "old"})]
    assert [result.stop_reason for result in results] == ["tool_calls", "stop"]
    assert said(events) == "One moment.\n\n" + "".join(WORDS)
    (sent,) = provider.requests[1]["messages"][1]["tool_calls"]
    assert (sent["id"], sent["function"]) == ("c-1", function)


def test_an_error_in_mid_stream(provider: Provider, site: Site) -> None:
    error = {"object": "error", "message": "secret words", "type": "rate_limited", "code": 429}
    provider.run(speak([*wire.pieces(WORDS)[:1], frames(error)]))
    site.view(lambda: ask(provider.base))
    response = site.ask()
    assert b"secret" not in response.data
    assert b'"code":"rate_limited"' in response.data


def test_what_its_error_says_beside_its_status(provider: Provider, site: Site) -> None:
    invalid = {"detail": [{"loc": ["body"], "msg": "secret words", "type": "missing"}]}
    limited = {"object": "error", "message": "secret words", "type": "rate_limit_exceeded"}
    provider.run(
        fail(422, invalid),
        fail(400, limited),
        lambda exchange: exchange.answer(429, limited, {"Retry-After": "7"}),
    )
    site.view(lambda: ask(provider.base))
    responses = [site.ask() for _ in range(3)]
    codes = [response.json["code"] for response in responses]
    assert codes == ["bad_request", "rate_limited", "rate_limited"]
    assert responses[-1].headers["Retry-After"] == "7"
    assert not any(b"secret" in response.data for response in responses)


@pytest.mark.parametrize("is_returned", [True, False])
def test_in_a_generator_its_items_say_the_same(
    provider: Provider, site: Site, is_returned: bool
) -> None:
    page = {"type": "tool_reference", "tool": "search", "title": "A", "url": "https://a.example"}
    thinking = [{"type": "text", "text": "Look."}, page]
    thought = {"type": "thinking", "thinking": thinking, "closed": True, "signature": "signed"}
    content = [thought, {"type": "text", "text": "Three."}]
    provider.run(speak([frames(wire.chunk(role="assistant", content=content)), wire.ending()]))
    way = (lambda x: x) if is_returned else (lambda x: (item for item in x))
    result, _ = result_of(site, lambda: way(ask(provider.base)))
    assert (result.reasoning, result.text) == ("Look.", "Three.")
    assert result.sources == [Source("https://a.example", "A")]
    assert result.message == {"role": "assistant", "content": content}


def test_its_error_over_what_is_no_piece(provider: Provider, site: Site) -> None:
    """In a generator it is the client that reads the error, as an answer that is not valid."""
    error = {"object": "error", "message": "secret words", "type": "overloaded", "code": 503}
    provider.run(speak([*wire.pieces(WORDS)[:1], frames(error)]))
    site.view(lambda: (item for item in ask(provider.base)))
    response = site.ask()
    assert b"secret" not in response.data
    assert b'"code":"overloaded"' in response.data


def test_the_documented_snippet(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", "none")
    (code,) = snippets("Mistral")
    monkeypatch.setattr("mistralai.client.sdkconfiguration.SERVERS", {"global": provider.base})
    provider.run(speak(wire.pieces(WORDS)))
    assert said(events_of_snippet(code)) == "".join(WORDS)
