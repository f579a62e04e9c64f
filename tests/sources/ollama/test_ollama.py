"""Ollama's own client."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import ollama
import pytest

from flask_stream import SourceError, ToolCall, Usage, relay
from tests.conftest import Site, said
from tests.provider import Provider
from tests.sources.contract import NUMBERED, WORDS, Contract, calls_and_results, loop_of, result_of
from tests.sources.scripts import NDJSON, speak
from tests.sources.snippets import events_of_snippet, snippets

SITE = "tests.sources.ollama.site:app"
ASKED: Any = {"model": "m", "messages": [{"role": "user", "content": "Hello?"}]}
END: Any = {"done": True, "done_reason": "stop", "eval_count": 5, "prompt_eval_count": 3}


def line(**fields: Any) -> bytes:
    """One piece of an answer, as the server sends it."""
    return json.dumps({"model": "qwen9", "done": False, **fields}).encode() + b"\n"


def chat(content: str = "", *, end: Any = None, **more: Any) -> bytes:
    return line(message={"role": "assistant", "content": content, **more}, **(end or {}))


def ask(base: str, messages: Any = ASKED["messages"]) -> Any:
    return ollama.Client(base).chat("m", messages, stream=True)


class TestOllama(Contract):
    provider_name = "ollama"
    content_type = NDJSON

    def ask(self, base: str) -> Any:
        return ask(base)

    def ask_async(self, base: str) -> Any:
        return ollama.AsyncClient(base).chat(**ASKED, stream=True)

    def pieces(self, words: Sequence[str]) -> list[bytes]:
        return [*map(chat, words), chat(end=END)]

    def whole(self, words: Sequence[str]) -> Any:
        return json.loads(chat("".join(words), end=END))

    def ask_whole(self, base: str) -> tuple[str, Any]:
        answer = ollama.Client(base).chat(**ASKED)
        return answer.message.content or "", answer

    def prompt_of(self, body: Any) -> str:
        return str(body["messages"][0]["content"])

    def error(self, status: int) -> Any:
        return {"error": "secret words"}


def test_all_that_it_tells(provider: Provider, site: Site) -> None:
    provider.run(
        speak(
            [
                chat(thinking="Let me "),
                chat(thinking="think."),
                chat("Three "),
                chat("steps."),
                chat(end=END | {"done_reason": "length", "total_duration": 9}),
            ],
            NDJSON,
        )
    )
    result, _ = result_of(site, lambda: ask(provider.base))
    assert (result.reasoning, result.text, result.model) == (
        *("Let me think.", "Three steps.", "qwen9"),
    )
    assert (result.stop_reason, result.provider_stop_reason) == ("length", "length")
    assert result.usage == Usage(3, 5)
    assert result.raw_usage == {"prompt_eval_count": 3, "eval_count": 5, "total_duration": 9}
    thought = {"thinking": "Let me think."}
    assert result.message == {"role": "assistant", "content": "Three steps.", **thought}


def test_what_generate_gives(provider: Provider, site: Site) -> None:
    pieces = [line(thinking="Hm."), line(response="Three "), line(response="steps.", **END)]
    provider.run(speak(pieces, NDJSON))
    client = ollama.Client(provider.base)
    result, _ = result_of(site, lambda: client.generate("m", "How many?", stream=True))
    assert (result.reasoning, result.text, result.message) == ("Hm.", "Three steps.", None)
    assert (result.stop_reason, result.usage) == ("stop", Usage(3, 5))


def test_a_loop_of_two_steps(provider: Provider, site: Site) -> None:
    asked = {"function": {"name": "steps_of", "arguments": {"tower": "old"}}}
    calling = [chat("One moment."), chat(tool_calls=[asked]), chat(end=END)]
    provider.run(speak(calling, NDJSON), speak(TestOllama().pieces(WORDS), NDJSON))
    results, events = loop_of(
        site,
        lambda messages: ask(provider.base, messages=messages),
        ASKED["messages"],
        named_by=lambda call: {"tool_name": call.name},
    )
    assert results[0].tool_calls == [ToolCall("1", "steps_of", {"tower": "old"})]
    assert [result.stop_reason for result in results] == ["tool_calls", "stop"]
    assert said(events) == "One moment.\n\n" + "".join(WORDS)
    assert provider.requests[1]["messages"][1] == {
        "role": "assistant",
        "content": "One moment.",
        "tool_calls": [asked],
    }
    assert events[-1][1]["usage"] == {"input_tokens": 6, "output_tokens": 10}


def test_the_calls_of_all_steps_can_be_told_apart(provider: Provider, site: Site) -> None:
    """They have no ids; the page knows a tool by the one it is given."""
    calling = [
        [chat(tool_calls=[{"function": {"name": name, "arguments": {}}}]), chat(end=END)]
        for name in ("steps_of", "lamps_of")
    ]
    provider.run(
        *(speak(each, NDJSON) for each in calling), speak(TestOllama().pieces(WORDS), NDJSON)
    )
    results, events = loop_of(
        site,
        lambda messages: ask(provider.base, messages=messages),
        ASKED["messages"],
        named_by=lambda call: {"tool_name": call.name},
    )
    assert [[call.id for call in result.tool_calls] for result in results] == [["1"], ["2"], []]
    assert calls_and_results(events) == NUMBERED


def test_arguments_that_json_cannot_carry(provider: Provider, site: Site) -> None:
    call = {"function": {"name": "steps_of", "arguments": {"x": float("nan")}}}
    provider.run(speak([chat(tool_calls=[call]), chat(end=END)], NDJSON))
    result, _ = result_of(site, lambda: ask(provider.base))
    assert result.tool_calls == [ToolCall("1", "steps_of", None, raw='{"x": NaN}')]


def test_an_error_in_mid_stream(provider: Provider, site: Site) -> None:
    provider.run(speak([chat("Half"), line(error="secret words")], NDJSON))
    site.view(lambda: ask(provider.base))
    response = site.ask()
    assert b"secret" not in response.data
    assert b'"code":"provider_error"' in response.data


def test_another_stream_of_the_clients_is_told(provider: Provider, site: Site) -> None:
    provider.run(speak([b'{"status": "pulling manifest"}\n'], NDJSON))
    with pytest.raises(SourceError, match="ProgressResponse"):
        list(relay(ollama.Client(provider.base).pull("m", stream=True)))


@pytest.mark.parametrize(
    "line",
    [
        b"{no JSON\n",
        b'{"message": 5}\n',
        b'{"message": {"images": ["a"]}}\n',
        b'{"eval_count": ' + b"1" * 5000 + b"}\n",
        b'{"message": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
    ],
    ids=["no JSON", "no message", "no image", "a long number", "deep"],
)
@pytest.mark.parametrize("way", ["ask", "ask_async"])
def test_what_the_client_cannot_read(provider: Provider, site: Site, line: bytes, way: str) -> None:
    """It is Ollama that has said it, and no mistake of the app's."""
    provider.run(speak([*TestOllama().pieces(WORDS)[:1], line], NDJSON))
    site.view(lambda: getattr(TestOllama(), way)(provider.base))
    events = site.events()
    assert said(events) == WORDS[0]
    assert (events[-1][0], events[-1][1]["code"]) == ("failed", "provider_error")


def test_the_documented_snippet(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", provider.base)
    (code,) = snippets("Ollama")
    provider.run(speak(TestOllama().pieces(WORDS), NDJSON))
    assert said(events_of_snippet(code)) == "".join(WORDS)


def test_the_pages_first_snippets(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ollama.chat", ollama.Client(provider.base).chat)
    asking, looping = snippets("What can be streamed")
    answer = speak(TestOllama().pieces(WORDS), NDJSON)
    provider.run(answer)
    assert said(events_of_snippet(asking)) == "".join(WORDS)
    asked = {"function": {"name": "steps_of", "arguments": {"tower": "old"}}}
    provider.run(speak([chat(tool_calls=[asked]), chat(end=END)], NDJSON), answer)
    assert said(events_of_snippet(looping, ollama=ollama)) == "".join(WORDS)
    result = {"role": "tool", "tool_name": "steps_of", "content": "old has 214 steps."}
    assert provider.requests[-1]["messages"][-1] == result
