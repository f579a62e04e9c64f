"""The streams of LlamaIndex's LLMs, asked over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import pytest
from llama_index.core import PromptTemplate
from llama_index.core.llms import ChatMessage, MockLLM
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai import OpenAIResponses
from llama_index.llms.openai_like import OpenAILike
from pydantic import BaseModel

from flask_stream import Result, SourceError, ToolCall, ToolResult, Usage, relay
from tests.conftest import Site, said
from tests.provider import Provider, frames, told
from tests.sources import openai_wire as wire
from tests.sources.contract import WORDS, Contract, result_of
from tests.sources.llamaindex import site as llamaindex_site
from tests.sources.scripts import speak
from tests.sources.snippets import events_of_snippet, snippets

SITE = "tests.sources.llamaindex.site:app"
ASKED = [ChatMessage("Hello?")]

llm_at = cache(llamaindex_site.llm_at)


class TestLLM(Contract):
    provider_name = None

    def ask(self, base: str) -> Any:
        return llm_at(base).stream_chat(ASKED)

    def ask_async(self, base: str) -> Any:
        return llm_at(base).astream_chat(ASKED)

    def pieces(self, words: Sequence[str]) -> list[bytes]:
        return wire.pieces(words)

    def whole(self, words: Sequence[str]) -> Any:
        return wire.whole(words)

    def ask_whole(self, base: str) -> tuple[str, Any]:
        answer = llm_at(base).chat(ASKED)
        return answer.message.content or "", answer

    def prompt_of(self, body: Any) -> str:
        return str(body["messages"][-1]["content"])


def steps_of(tower: str) -> int:
    """How many steps a tower has."""
    if tower == "none":
        raise ValueError("no such tower")
    return 214


TOOLS = [FunctionTool.from_defaults(steps_of)]


def test_all_that_it_tells(provider: Provider, site: Site) -> None:
    provider.run(
        speak(
            [
                frames(wire.chunk(role="assistant", reasoning_content="Let me ")),
                frames(wire.chunk(reasoning_content="think.")),
                frames(wire.chunk(content="Three ")),
                frames(wire.chunk(content="steps.")),
                wire.ending("length", prompt_tokens_details={"cached_tokens": 2}),
            ]
        )
    )
    result, _ = result_of(site, lambda: llm_at(provider.base).stream_chat(ASKED))
    assert (result.reasoning, result.text) == ("Let me think.", "Three steps.")
    assert (result.model, result.response_id) == ("m-9", "r-1")
    assert (result.stop_reason, result.provider_stop_reason) == ("length", "length")
    assert result.usage == Usage(3, 5, cache_read_tokens=2)
    assert result.message.content == "Three steps."


def test_a_loop_of_two_steps(provider: Provider, site: Site) -> None:
    parts = ['{"tower":', ' "old"}']
    provider.run(speak(wire.calling("steps_of", parts, "One moment.")), speak(wire.pieces(WORDS)))
    results: list[Result] = []

    def view() -> Iterator[Any]:
        messages = list(ASKED)
        while True:
            stream = llm_at(provider.base).stream_chat_with_tools(TOOLS, chat_history=messages)
            result = yield from relay(stream)
            results.append(result)
            if not result.tool_calls:
                return
            messages.append(result.message)
            for call in result.tool_calls:
                yield ToolResult(call.id, 214)
                more = {"tool_call_id": call.id}
                messages.append(ChatMessage("214", role="tool", additional_kwargs=more))

    site.view(view)
    events = site.events()
    assert results[0].tool_calls == [ToolCall("c-1", "steps_of", {"tower": "old"})]
    assert [result.stop_reason for result in results] == ["tool_calls", "stop"]
    assert said(events) == "One moment.\n\n" + "".join(WORDS)
    turn = provider.requests[1]["messages"][1]
    assert turn["role"] == "assistant"
    (sent,) = turn["tool_calls"]
    assert (sent["id"], json.loads(sent["function"]["arguments"])) == ("c-1", {"tower": "old"})


def test_completions(provider: Provider, site: Site) -> None:
    choices = [{"index": 0, "text": word, "finish_reason": None} for word in WORDS]
    choices[-1]["finish_reason"] = "stop"
    item = {"id": "r-1", "object": "text_completion", "created": 1, "model": "m-9"}
    provider.run(speak([frames({**item, "choices": [choice]}) for choice in choices]))
    llm = OpenAILike(model="m", api_base=f"{provider.base}/v1", api_key="none")
    result, _ = result_of(site, lambda: llm.stream_complete("Hello?"))
    assert (result.text, result.stop_reason) == ("".join(WORDS), "stop")
    assert result.message is None


def responses_at(base: str) -> OpenAIResponses:
    return OpenAIResponses(model="gpt-4o", api_base=f"{base}/v1", api_key="none", max_retries=0)


def test_responses_tell_of_themselves(provider: Provider, site: Site) -> None:
    provider.play(told("openai_responses", "reasoning_tool"))
    result, _ = result_of(site, lambda: responses_at(provider.base).stream_chat(ASKED))
    assert result.reasoning == "Tides are needed, so ask the table."
    assert [call.name for call in result.tool_calls] == ["tide_table"]
    assert result.usage == Usage(20, 61, cache_read_tokens=0, reasoning_tokens=30)
    assert (result.stop_reason, result.provider_stop_reason) == ("tool_calls", "completed")
    assert (result.provider, result.response_id) == ("openai", "resp_tern_2")


@pytest.mark.parametrize("what", ["error", "cut", "incomplete"])
def test_responses_that_are_not_whole(provider: Provider, site: Site, what: str) -> None:
    """LlamaIndex itself passes over what says so."""
    body = told("openai_responses", "error" if what == "error" else "text")
    if what != "error":
        body = body[: body.index(b"event: response.completed")]
    if what == "incomplete":
        details = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
        body += frames({"type": "response.incomplete", "response": details})
    provider.play(body)
    site.view(lambda: responses_at(provider.base).stream_chat(ASKED))
    name, data = site.events()[-1]
    ended = {"error": "provider_error", "cut": "truncated", "incomplete": "length"}[what]
    assert data.get("code", data.get("stop_reason")) == ended
    assert name == ("done" if what == "incomplete" else "failed")


class Car(BaseModel):
    """Whose fields are named as those of an answer are."""

    model: str
    choices: list[str]


def form() -> list[bytes]:
    return wire.calling("Car", ['{"model": "T", ', '"choices": ["red"]}'])


def test_a_form_that_is_filled_in_is_no_answer_of_a_providers(
    provider: Provider, site: Site
) -> None:
    provider.run(speak(form()))
    llm = llm_at(provider.base).as_structured_llm(Car)
    result, _ = result_of(site, lambda: llm.stream_chat(ASKED))
    assert json.loads(result.text) == {"model": "T", "choices": ["red"]}
    assert (result.model, result.stop_reason) == (None, "stop")


def test_objects_that_grow_are_told_of(provider: Provider) -> None:
    provider.run(speak(form()))
    growing = llm_at(provider.base).stream_structured_predict(Car, PromptTemplate("A car."))
    with pytest.raises(SourceError, match="again and again"):
        list(relay(growing))


def test_an_llm_that_nobody_has_asked(provider: Provider) -> None:
    with pytest.raises(SourceError, match="stream_chat"):
        relay(llm_at(provider.base))


def test_an_llm_whose_provider_tells_nothing(site: Site) -> None:
    result, _ = result_of(site, lambda: MockLLM(max_tokens=5).stream_complete("Hello?"))
    assert (result.text, result.stop_reason) == ("text text text text text", "stop")
    assert result.usage is None


def test_the_documented_snippets(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_BASE", f"{provider.base}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    for code in snippets("LlamaIndex"):
        provider.run(speak(wire.pieces(WORDS)))
        assert said(events_of_snippet(code)) == "".join(WORDS)
