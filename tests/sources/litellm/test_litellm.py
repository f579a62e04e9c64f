"""LiteLLM, whose streams have OpenAI's shape."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from flask_stream import ToolCall
from tests.conftest import Site, said
from tests.provider import Provider, frames, transcript
from tests.sources import openai_wire as wire
from tests.sources.contract import WORDS, Contract, loop_of, result_of
from tests.sources.litellm.site import asked, litellm
from tests.sources.scripts import speak
from tests.sources.snippets import events_of_snippet, snippets

SITE = "tests.sources.litellm.site:app"
ASKED: list[Any] = [{"role": "user", "content": "Hello?"}]


def ask(base: str, **more: Any) -> Any:
    return litellm.completion(**asked("Hello?", base, **more))


class TestLiteLLM(Contract):
    provider_name = "openai"  # whose wire it is

    def ask(self, base: str) -> Any:
        return ask(base)

    def ask_async(self, base: str) -> Any:
        return litellm.acompletion(**asked("Hello?", base))

    def pieces(self, words: Sequence[str]) -> list[bytes]:
        return wire.pieces(words)

    def whole(self, words: Sequence[str]) -> Any:
        return wire.whole(words)

    def ask_whole(self, base: str) -> tuple[str, Any]:
        answer = ask(base, stream=False, stream_options=None)
        return answer.choices[0].message.content, answer

    def prompt_of(self, body: Any) -> str:
        return str(body["messages"][0]["content"])


def test_all_that_it_tells(provider: Provider, site: Site) -> None:
    provider.run(
        speak(
            [
                frames(wire.chunk(role="assistant", reasoning_content="Let me ")),
                frames(wire.chunk(reasoning_content="think.")),
                frames(wire.chunk(content="Three ")),
                frames(wire.chunk(content="steps.")),
                wire.ending("length"),
            ]
        )
    )
    result, _ = result_of(site, lambda: ask(provider.base))
    assert (result.reasoning, result.text) == ("Let me think.", "Three steps.")
    assert (result.stop_reason, result.provider_stop_reason) == ("length", "length")
    assert result.usage is not None
    assert (result.usage.input_tokens, result.usage.output_tokens) == (3, 5)


def test_a_loop_of_two_steps(provider: Provider, site: Site) -> None:
    parts = ['{"tower":', ' "old"}']
    provider.run(speak(wire.calling("steps_of", parts, "One moment.")), speak(wire.pieces(WORDS)))
    results, events = loop_of(site, lambda messages: ask(provider.base, messages=messages), ASKED)
    assert results[0].tool_calls == [ToolCall("c-1", "steps_of", {"tower": "old"})]
    assert [result.stop_reason for result in results] == ["tool_calls", "stop"]
    assert said(events) == "One moment.\n\n" + "".join(WORDS)
    (sent,) = provider.requests[1]["messages"][1]["tool_calls"]
    assert json.loads(sent["function"]["arguments"]) == {"tower": "old"}


@pytest.mark.parametrize("ask", [litellm.responses, litellm.aresponses], ids=["sync", "async"])
def test_responses(provider: Provider, site: Site, ask: Callable[..., Any]) -> None:
    provider.play(transcript("responses_text"))
    # Of a model that it has not heard of, it asks for the whole answer, and plays a stream of that.
    given = asked("Hello?", provider.base, model="openai/gpt-4o")
    given = {name: given[name] for name in ("model", "api_base", "api_key", "stream")}
    result, events = result_of(site, lambda: ask(**given, input="Hello?"))
    assert result.text
    assert events[-1][0] == "done"


def test_an_error_in_mid_stream(provider: Provider, site: Site) -> None:
    error = {"error": {"message": "secret words", "type": "x", "code": "rate_limit_exceeded"}}
    provider.run(speak([*wire.pieces(WORDS)[:1], frames(error)]))
    site.view(lambda: ask(provider.base))
    response = site.ask()
    assert b"secret" not in response.data
    assert b"event: failed" in response.data


def test_the_documented_snippet(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_BASE", f"{provider.base}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    (code,) = snippets("LiteLLM")
    provider.run(speak(wire.pieces(WORDS)))
    assert said(events_of_snippet(code)) == "".join(WORDS)
