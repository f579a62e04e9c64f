"""LangChain's chat models and chains, over all three wires."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    ToolMessage,
    message_chunk_to_message,
)
from langchain_core.output_parsers import JsonOutputParser, StrOutputParser
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_core.tools import tool

from flask_stream import ProviderError, Result, SourceError, relay
from flask_stream.providers import langchain_sum
from tests.conftest import Site, said
from tests.provider import Provider, frames, told
from tests.sources.langchain.site import model_of
from tests.sources.scripts import fail

WIRES = ["anthropic", "openai_chat", "openai_responses"]
LAMP = "The lighthouse at Tern Point has 214 steps.\n\nBring a lamp 🔦."
SAYS_TOOL = {
    "anthropic": "thinking_tool",
    "openai_chat": "reasoning_tool",
    "openai_responses": "reasoning_tool",
}
CALL = {
    "name": "tide_table",
    "arguments": {"harbour": "Tern Point", "days": 2},
}


@tool
def tide_table(harbour: str, days: int) -> str:
    """When it is high water."""
    return "high at noon"


def relayed(stream: Any) -> tuple[Result, list[Any]]:
    """The Result of a relay, and its events."""
    events: list[Any] = []
    relaying = relay(stream)
    while True:
        try:
            events.append(next(relaying))
        except StopIteration as end:
            return end.value, events


async def passed_on(stream: Any) -> AsyncIterator[Any]:
    async for item in stream:
        yield item


WAYS: dict[str, Callable[[Any, Any], Any]] = {
    "returned": lambda model, asked: model.stream(asked),
    "relayed": lambda model, asked: relay(model.stream(asked)),
    "yielded": lambda model, asked: (chunk for chunk in model.stream(asked)),
    "async": lambda model, asked: model.astream(asked),
    "async relayed": lambda model, asked: relay(model.astream(asked)),
    "async yielded": lambda model, asked: passed_on(model.astream(asked)),
    "bound": lambda model, asked: model.bind_tools([tide_table]).stream(asked),
    "chain": lambda model, asked: (RunnableLambda(str) | model).stream(asked),
    "text": lambda model, asked: (model | StrOutputParser()).stream(asked),
    "text, async": lambda model, asked: (model | StrOutputParser()).astream(asked),
    "events": lambda model, asked: model.astream_events(asked),
    "events relayed": lambda model, asked: relay(model.astream_events(asked)),
    "events yielded": lambda model, asked: passed_on(model.astream_events(asked)),
}


# All of the ways over one of the wires, and some over the others.
EACH = [
    *((way, "openai_chat") for way in WAYS),
    *((way, wire) for way in ("returned", "async", "events") for wire in WIRES[::2]),
]


@pytest.mark.parametrize(("way", "wire"), EACH)
def test_the_text_is_that_of_the_models_own_answer(
    provider: Provider, site: Site, wire: str, way: str
) -> None:
    provider.play(told(wire))
    model = model_of(wire, provider.base)
    site.view(lambda: WAYS[way](model, "Hello?"))
    events = site.events()
    assert said(events) == LAMP
    assert "".join(chunk.text for chunk in model.stream("Hello?")) == LAMP
    (kind, done) = events[-1]
    assert (kind, done["stop_reason"]) == ("done", "stop")
    if not way.startswith("text"):  # a parser passes on nothing else
        assert done["usage"]["output_tokens"] == 17
        assert {"provider": model._llm_type.partition("-")[0]}.items() <= events[1][1].items()
        words = {"anthropic": "end_turn", "openai_chat": "stop", "openai_responses": "completed"}
        assert done["provider_stop_reason"] == words[wire]


@pytest.mark.parametrize("wire", WIRES)
def test_the_result_has_what_the_model_said(provider: Provider, wire: str) -> None:
    provider.play(told(wire, SAYS_TOOL[wire]))
    model = model_of(wire, provider.base)
    result, events = relayed(model.stream("Hello?"))
    assert result.text == "Let me look up the tides."
    # Of Chat Completions' dialects, langchain-openai passes on no reasoning.
    thought = "" if wire == "openai_chat" else "Tides are needed, so ask the table."
    assert result.reasoning == thought
    (call,) = result.tool_calls
    assert call.payload().items() >= CALL.items()
    assert (result.stop_reason, result.outcome) == ("tool_calls", "complete")
    pieces = "".join(e.arguments for e in events if e.kind == "tool_call_delta")
    assert json.loads(pieces) == CALL["arguments"]
    assert result.usage is not None
    assert result.usage.output_tokens == 61
    assert result.raw_usage is not None
    assert result.raw_usage["output_tokens"] == 61
    whole = list(model.stream("Hello?"))
    summed = whole[0] + whole[1:]
    assert without_ids(result.message) == without_ids(summed)


def without_ids(message: AIMessageChunk) -> dict[str, Any]:
    return message.model_dump(exclude={"id"})


@pytest.mark.parametrize("wire", ["anthropic", "openai_responses"])
def test_searches_and_sources(provider: Provider, wire: str) -> None:
    provider.play(told(wire, "search"))
    result, events = relayed(model_of(wire, provider.base).stream("Hello?"))
    (call,) = result.server_tool_calls
    assert call.name == "web_search"
    assert call.server
    (found,) = result.tool_results
    assert found.id == call.id
    assert "encrypted" not in json.dumps(found.payload())
    urls = [source.url for source in result.sources]
    assert urls == ["https://terns.example/arctic", "https://terns.example/flight"]
    assert (result.text, result.stop_reason) == ("Terns fly far.", "stop")
    kinds = [event.kind for event in events]
    assert kinds.index("tool_call") < kinds.index("tool_result") < kinds.index("text")


@pytest.mark.parametrize("wire", ["anthropic", "openai_responses"])
def test_a_refusal(provider: Provider, wire: str) -> None:
    provider.play(told(wire, "refusal"))
    result, _ = relayed(model_of(wire, provider.base).stream("Hello?"))
    assert result.refusal == "Lamp plans are not given out."
    assert result.stop_reason == "refusal"


def test_an_answer_that_is_too_long(provider: Provider) -> None:
    provider.play(told("openai_responses", "incomplete"))
    result, _ = relayed(model_of("openai_responses", provider.base).stream("Hello?"))
    assert (result.stop_reason, result.provider_stop_reason) == ("length", "max_output_tokens")


@pytest.mark.parametrize("wire", WIRES)
def test_parallel_calls(provider: Provider, wire: str) -> None:
    provider.play(told(wire, "parallel_tools"))
    result, _ = relayed(model_of(wire, provider.base).stream("Hello?"))
    assert [(call.name, call.arguments) for call in result.tool_calls] == [
        ("wind", {"at": "north"}),
        ("ring_bell", {}),
    ]


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("wire", WIRES)
def test_a_tool_loop(provider: Provider, site: Site, wire: str, asynchronous: bool) -> None:
    provider.play(told(wire, SAYS_TOOL[wire]), told(wire))
    model = model_of(wire, provider.base).bind_tools([tide_table])

    def view() -> Iterator[Any]:
        messages: list[Any] = [HumanMessage("When is high water?")]
        while True:
            ask = model.astream if asynchronous else model.stream
            result = yield from relay(ask(messages))
            if result.stop_reason != "tool_calls":
                return
            messages.append(result.message)
            for call in result.tool_calls:
                answer = tide_table.invoke(call.arguments)
                messages.append(ToolMessage(answer, tool_call_id=call.id))

    site.view(view)
    events = site.events()
    assert said(events) == f"Let me look up the tides.\n\n{LAMP}"
    assert [kind for kind, _ in events].count("tool_call") == 1
    assert events[-1][1]["usage"]["output_tokens"] == 78
    asked = json.dumps(provider.requests[1], ensure_ascii=False)
    assert "high at noon" in asked
    assert "Let me look up the tides." in asked
    if wire != "openai_chat":  # the turn is whole and exact
        assert (
            "c2lnbmF0dXJlLW9mLXRlcm4=" if wire == "anthropic" else "ZW5jcnlwdGVkLXRlcm4="
        ) in asked


# -- what goes wrong ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("way", "wire"),
    [
        *((way, wire) for way in ("returned", "async") for wire in WIRES),
        *((way, "anthropic") for way in ("yielded", "text", "events")),
    ],
)
@pytest.mark.parametrize("what", ["error", "cut"])
def test_an_error_in_mid_stream(
    provider: Provider, site: Site, wire: str, what: str, way: str
) -> None:
    provider.play(told(wire, what))
    site.view(lambda: WAYS[way](model_of(wire, provider.base), "Hello?"))
    events = site.events()
    if (what, way) == ("cut", "text"):  # a parser passes on no reason, so its lack is not seen
        assert events[-1][0] == "done"
        return
    (kind, failed) = events[-1]
    codes = {"anthropic": "overloaded", "openai_chat": "rate_limited"}
    code = "truncated" if what == "cut" else codes.get(wire, "provider_error")
    assert (kind, failed["code"]) == ("failed", code)
    assert "secret" not in json.dumps(events)
    assert said(events)


STATUSES = [(500, 502, "provider_error"), (503, 503, "overloaded"), (504, 504, "timeout")]


@pytest.mark.parametrize(
    ("way", "wire"), [*(("returned", wire) for wire in WIRES), ("async", "anthropic")]
)
def test_an_http_error(provider: Provider, site: Site, wire: str, way: str) -> None:
    model = model_of(wire, provider.base)
    site.view(lambda: WAYS[way](model, "Hello?"))
    for status, ours, code in STATUSES:
        provider.run(fail(status, {"error": {"message": "secret words", "type": "x"}}))
        response = site.ask(headers={"Accept": "application/json"})
        answer = json.loads(response.data)
        assert (response.status_code, answer.get("error", answer)["code"]) == (ours, code)
        assert b"secret words" not in response.data


def test_an_answer_with_nothing_in_it(provider: Provider) -> None:
    provider.play(b"data: [DONE]\n\n")
    with pytest.raises(ProviderError) as caught:
        relayed(model_of("openai_chat", provider.base).stream("Hello?"))
    assert caught.value.error_code == "truncated"


@pytest.mark.filterwarnings("ignore:.*in beta")
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda model: model, "model.stream"),
        (lambda model: model | StrOutputParser(), "chain.stream"),
        (lambda model: AIMessage("Hello."), "complete answer"),
        (lambda model: relay(AIMessage("Hello.")), "complete answer"),
        (lambda model: relay(model), "model.stream"),
        (lambda model: model.stream_events("Hello?", version="v3"), "model.astream"),
        (lambda model: model.astream_events("Hello?", version="v3"), "model.astream"),
        (lambda model: model.ainvoke("Hello?"), "AIMessage, a complete answer"),
    ],
)
def test_what_is_no_stream_is_told(site: Site, wrong: Callable[[Any], Any], message: str) -> None:
    site.app.testing = True
    model = GenericFakeChatModel(messages=iter([AIMessage("Hello world.")] * 3))
    site.view(lambda: wrong(model))
    with pytest.raises(SourceError, match=message):
        site.events()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda model: RunnableParallel(a=model).stream("Hello?"), "End the chain with"),
        (lambda model: iter(["Hello", AIMessageChunk(content="!")]), "from relay"),
    ],
)
def test_what_is_none_of_a_stream_is_told_in_the_log(
    site: Site, caplog: pytest.LogCaptureFixture, wrong: Callable[[Any], Any], message: str
) -> None:
    site.view(lambda: wrong(fake(AIMessage("Hello world."))))
    assert site.events()[-1][1]["code"] == "internal"
    assert message in caplog.text


# -- models that others have made -------------------------------------------------------------


def fake(*messages: AIMessage) -> GenericFakeChatModel:
    return GenericFakeChatModel(messages=iter(messages))


def test_a_model_that_says_nothing_of_itself(site: Site) -> None:
    site.view(lambda: fake(AIMessage("Hello there, world.")).stream("Hello?"))
    events = site.events()
    assert said(events) == "Hello there, world."
    assert events[-1] == ("done", {"stop_reason": "stop", "text_length": 19})


def test_a_model_that_does_not_stream(site: Site) -> None:
    calls = [{"name": "look", "args": {"at": "it"}, "id": "1", "type": "tool_call"}]
    model = fake(AIMessage("Well.", tool_calls=calls))
    model.disable_streaming = True
    result, _ = relayed(model.stream("Hello?"))
    assert (result.text, result.stop_reason) == ("Well.", "tool_calls")
    assert [call.arguments for call in result.tool_calls] == [{"at": "it"}]
    assert result.message.content == "Well."


def test_chunks_whose_calls_come_whole_and_without_ids() -> None:
    def chunks() -> Iterator[AIMessageChunk]:
        for name in ("first", "second"):
            piece = {"name": name, "args": '{"n": 1}', "id": None, "index": None}
            yield AIMessageChunk(content="", tool_call_chunks=[piece])

    result, _ = relayed(chunks())
    assert [(call.id, call.name) for call in result.tool_calls] == [("1", "first"), ("2", "second")]


def test_reasoning_that_comes_beside_the_content() -> None:
    beside = {"reasoning_content": "Hm."}
    chunks = (AIMessageChunk(content=text, additional_kwargs=beside) for text in ("", "Yes."))
    result, _ = relayed(chunks)
    assert (result.reasoning, result.text) == ("Hm.Hm.", "Yes.")


def test_usage_is_added_up_as_langchain_means_it() -> None:
    usages = [
        {"input_tokens": 7, "output_tokens": 0, "total_tokens": 7},
        {
            "input_tokens": 0,
            "output_tokens": 3,
            "total_tokens": 3,
            "input_token_details": {"cache_read": 2, "ephemeral_1h_input_tokens": 4},
        },
    ]
    result, _ = relayed(AIMessageChunk(content="a", usage_metadata=usage) for usage in usages)
    assert result.usage is not None
    assert result.usage.payload() == {
        "input_tokens": 7,
        "output_tokens": 3,
        "cache_read_tokens": 2,
        "cache_write_tokens": 4,
    }
    assert result.raw_usage is not None
    assert result.raw_usage["total_tokens"] == 10


def test_a_chain_whose_fallback_answers(provider: Provider, site: Site) -> None:
    provider.run(fail(500, {}))
    model = model_of("openai_chat", provider.base)
    chain = model.with_fallbacks([fake(AIMessage("The other one."))])
    site.view(lambda: chain.stream("Hello?"))
    assert said(site.events()) == "The other one."


def test_a_chain_that_gives_objects_is_told_of(provider: Provider) -> None:
    chain = fake(AIMessage('{"a": 1}')) | JsonOutputParser()
    with pytest.raises(SourceError, match="StrOutputParser"):
        relayed(chain.stream("Hello?"))


@pytest.mark.parametrize("number", [1, 9, 10, 11, 1_050])
@pytest.mark.parametrize("of_blocks", [False, True])
def test_a_sum_is_that_of_langchain(
    monkeypatch: pytest.MonkeyPatch, number: int, of_blocks: bool
) -> None:
    monkeypatch.setattr(langchain_sum, "_AT_ONCE", 10)

    def content(n: int) -> Any:
        return [{"type": "text", "text": f"{n} ", "index": n // 500}] if of_blocks else f"{n} "

    chunks = [
        AIMessageChunk(
            content=content(n),
            tool_call_chunks=[{"name": "a" * (n == 0), "args": "x", "id": "1", "index": 0}],
            response_metadata={"model_provider": "openai"},
        )
        for n in range(number)
    ]
    chunks.append(AIMessageChunk(content=[] if of_blocks else "", chunk_position="last"))
    adding = langchain_sum.Sum()
    for chunk in chunks:
        adding.add(chunk)
    total = adding.total()
    assert total == chunks[0] + chunks[1:]
    assert isinstance(message_chunk_to_message(total), AIMessage)


def test_an_integrations_broken_chunk_costs_no_more_than_the_message() -> None:
    # Two kinds of value in one place, which LangChain cannot add.
    chunks = (
        AIMessageChunk(content="a", additional_kwargs={"x": value}) for value in (1, "one", [1])
    )
    result, _ = relayed(chunks)
    assert (result.text, result.message) == ("aaa", None)


def test_an_events_error_frame_is_not_read_as_text(provider: Provider, site: Site) -> None:
    provider.play(frames({"error": {"message": "secret", "type": "server_error", "code": None}}))
    site.view(lambda: model_of("openai_chat", provider.base).stream("Hello?"))
    events = site.events()
    assert events[-1][0] == "failed"
    assert "secret" not in json.dumps(events)
