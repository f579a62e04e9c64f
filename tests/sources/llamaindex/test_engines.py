"""What LlamaIndex's query engines, chat engines and agents give."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from llama_index.core import SummaryIndex
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.schema import TextNode
from llama_index.core.workflow import (
    Context,
    Event,
    InputRequiredEvent,
    StartEvent,
    StopEvent,
    Workflow,
    step,
)

from flask_stream import Source, SourceError, Text, Usage, relay
from tests.conftest import Site, said
from tests.provider import Provider
from tests.servers.client import DEADLINE
from tests.sources import openai_wire as wire
from tests.sources.contract import NOTICED, WORDS, result_of
from tests.sources.llamaindex.test_llms import TOOLS, llm_at
from tests.sources.running import Server, until
from tests.sources.scripts import Silent, cut, fail, speak

SITE = "tests.sources.llamaindex.site:app"

NODES = [
    TextNode(id_="n-1", text="214 steps", metadata={"file_name": "tower.md"}),
    TextNode(id_="n-2", text="a lamp", metadata={"url": "https://a.example", "title": "A"}),
]
SOURCES = [Source(document="tower.md"), Source("https://a.example", "A", document="n-2")]


def query_engine(base: str) -> Any:
    return SummaryIndex(NODES).as_query_engine(streaming=True, llm=llm_at(base))


def chat_engine(base: str) -> Any:
    return SimpleChatEngine.from_defaults(llm=llm_at(base))


@pytest.mark.parametrize(
    "ask",
    [
        lambda base: query_engine(base).query("How many?"),
        lambda base: query_engine(base).aquery("How many?"),
    ],
    ids=["sync", "async"],
)
def test_a_query_engine(provider: Provider, site: Site, ask: Callable[[str], Any]) -> None:
    provider.run(speak(wire.pieces(WORDS), pause=0.01))
    result, events = result_of(site, lambda: ask(provider.base))
    assert result.text == "".join(WORDS)
    assert result.sources == SOURCES
    assert [kind for kind, _ in events].count("text") == len(WORDS)


@pytest.mark.parametrize(
    "ask", [lambda e: e.stream_chat("Hello?"), lambda e: e.astream_chat("Hello?")]
)
def test_a_chat_engine(provider: Provider, site: Site, ask: Callable[[Any], Any]) -> None:
    provider.run(speak(wire.pieces(WORDS), pause=0.01))
    engine = chat_engine(provider.base)
    result, events = result_of(site, lambda: ask(engine))
    assert result.text == "".join(WORDS)
    assert [kind for kind, _ in events].count("text") == len(WORDS)
    assert [message.content for message in engine.chat_history] == ["Hello?", "".join(WORDS)]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(
    "ask",
    [
        lambda base: query_engine(base).query("How many?"),
        lambda base: query_engine(base).aquery("How many?"),
        lambda base: chat_engine(base).stream_chat("Hello?"),
        lambda base: chat_engine(base).astream_chat("Hello?"),
    ],
)
def test_an_engines_connection_that_is_cut(
    provider: Provider, site: Site, ask: Callable[[str], Any]
) -> None:
    provider.run(cut(wire.pieces(WORDS)[:2]))
    site.view(lambda: ask(provider.base))
    events = site.events()
    assert (events[-1][0], events[-1][1].get("code")) == ("failed", "truncated")


def agent(base: str, **more: Any) -> FunctionAgent:
    return FunctionAgent(llm=llm_at(base), tools=list(TOOLS), **more)


@pytest.fixture(params=["its run", "its events", "events yielded"])
def run(request: pytest.FixtureRequest) -> Callable[[FunctionAgent], Any]:
    """An async view of an agent."""

    async def handler(agent: FunctionAgent) -> Any:
        return agent.run("How many?")

    async def events(agent: FunctionAgent) -> Any:
        return agent.run("How many?").stream_events()

    async def yielded(agent: FunctionAgent) -> AsyncIterator[Any]:
        async for event in agent.run("How many?").stream_events():
            yield event

    return {"its run": handler, "its events": events, "events yielded": yielded}[request.param]


def test_an_agent(provider: Provider, site: Site, run: Callable[[FunctionAgent], Any]) -> None:
    call = wire.calling("steps_of", ['{"tower": "none"}'], "One moment.")
    provider.run(speak(call), speak(wire.pieces(WORDS)))
    made = agent(provider.base)
    result, events = result_of(site, lambda: run(made))
    assert said(events) == "One moment.\n\n" + "".join(WORDS)
    assert [call.id for call in result.tool_calls] == ["c-1"]
    (given,) = [data for kind, data in events if kind == "tool_result"]
    assert (given["name"], given["is_error"]) == ("steps_of", True)
    assert "no such tower" in given["result"]
    assert (result.stop_reason, result.usage) == ("stop", Usage(6, 10))
    assert (result.model, result.message) == ("m-9", None)


def test_an_agents_provider_that_fails(
    provider: Provider, site: Site, run: Callable[[FunctionAgent], Any]
) -> None:
    provider.run(cut(wire.pieces(WORDS)[:1]))
    site.view(lambda: run(agent(provider.base)))
    events = site.events()
    assert (events[-1][0], events[-1][1].get("code")) == ("failed", "truncated")


def test_an_agents_provider_that_fails_in_its_second_step(
    provider: Provider, site: Site, run: Callable[[FunctionAgent], Any]
) -> None:
    provider.run(speak(wire.calling("steps_of", ['{"tower": "old"}'])), fail(429, {"error": {}}))
    site.view(lambda: run(agent(provider.base)))
    events = site.events()
    assert (events[-1][0], events[-1][1].get("code")) == ("failed", "rate_limited")


@pytest.mark.parametrize("read", [lambda run: run, lambda run: run.stream_events()])
def test_an_agent_that_goes_on_and_on(
    provider: Provider, site: Site, read: Callable[[Any], Any]
) -> None:
    provider.run(speak(wire.calling("steps_of", ['{"tower": "old"}'])))

    async def view() -> Any:
        return read(agent(provider.base).run("How many?", max_iterations=2))

    site.view(view)
    events = site.events()
    assert (events[-1][0], events[-1][1].get("code")) == ("failed", "provider_error")


@pytest.mark.parametrize("read", [lambda run: run, lambda run: run.stream_events()])
def test_an_agent_that_takes_too_long(
    provider: Provider, site: Site, read: Callable[[Any], Any]
) -> None:
    provider.run(Silent(wire.pieces(WORDS)[:1]))

    async def view() -> Any:
        return read(agent(provider.base, timeout=0.5).run("How many?"))

    site.view(view)
    events = site.events()
    assert (events[-1][0], events[-1][1].get("code")) == ("failed", "timeout")


class Progress(Event):
    percent: int


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (Progress(percent=50), ("progress", {"percent": 50})),
        (Event(percent=50), ("event", {"percent": 50})),
        (InputRequiredEvent(prefix="Sure?"), ("input_required_event", {"prefix": "Sure?"})),
    ],
)
def test_an_event_that_a_step_writes(
    provider: Provider, site: Site, event: Event, told: tuple[str, Any]
) -> None:
    async def look(ctx: Context, tower: str) -> str:
        """Look at a tower."""
        ctx.write_event_to_stream(event)
        return "214"

    # What it takes is looked at; as names, the annotations would tell nothing.
    look.__annotations__ = {"ctx": Context, "tower": str, "return": str}
    call = wire.calling("look", ['{"tower": "old"}'])
    provider.run(speak(call), speak(wire.pieces(WORDS)))

    async def view() -> Any:
        return FunctionAgent(llm=llm_at(provider.base), tools=[look]).run("How many?")

    site.view(view)
    assert told in site.events()


@pytest.mark.parametrize("asked", ["/agent/left", "/engine/left"])
def test_a_reader_who_leaves_in_silence(server: Server, speaking: Provider, asked: str) -> None:
    silent = Silent(wire.pieces(WORDS)[:2])
    speaking.run(silent)
    with server.connect() as client:
        client.ask("POST", asked).until(b"214 steps")
        silent.said_all()
        left_at = time.monotonic()
    assert silent.left_at() - left_at < NOTICED


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda base: agent(base), "which has not been asked"),
        (lambda base: query_engine(base), "which has not been asked"),
        (lambda base: chat_engine(base).chat("Hello?"), "complete answer"),
    ],
)
def test_what_is_no_stream_is_told(
    provider: Provider, site: Site, ask: Callable[[str], Any], words: str
) -> None:
    provider.run(lambda exchange: exchange.answer(200, wire.whole(WORDS)))
    with pytest.raises(SourceError, match=words):
        list(relay(ask(provider.base)))


def read_query(base: str) -> Any:
    answer = query_engine(base).query("How many?")
    assert str(answer)
    return answer


def read_chat(base: str) -> Any:
    answer = chat_engine(base).stream_chat("Hello?")
    assert list(answer.response_gen)
    return answer


async def read_run(base: str) -> Any:
    handler = agent(base).run("How many?")
    assert [event async for event in handler.stream_events()]
    return handler


@pytest.mark.parametrize("give", [read_query, read_chat, read_run])
def test_what_somebody_has_read_is_refused(provider: Provider, give: Callable[[str], Any]) -> None:
    provider.run(speak(wire.pieces(WORDS)))
    with pytest.raises(SourceError, match="was read to its end"):
        list(relay(give(provider.base)))


def test_a_chat_engine_that_is_done_before_it_is_read(provider: Provider, site: Site) -> None:
    def view() -> Any:
        answer = chat_engine(provider.base).stream_chat("Hello?")
        until(lambda: answer.is_done, "its thread is not done")
        return answer

    provider.run(speak(wire.pieces(WORDS)))
    result, _ = result_of(site, view)
    assert result.text == "".join(WORDS)


class OneStep(Workflow):
    """Gives what it is given."""

    @step
    async def only(self, event: StartEvent) -> StopEvent:
        return StopEvent(result=event.get("result"))


def test_a_workflows_words_are_told(site: Site) -> None:
    async def view() -> Any:
        return OneStep().run(result="214 steps.")

    result, _ = result_of(site, view)
    assert result.text == "214 steps."


async def words() -> AsyncIterator[str]:
    yield "214 steps."


def test_a_workflow_that_gives_a_stream_is_to_be_awaited(site: Site) -> None:
    async def run() -> Any:
        return OneStep().run(result=words())

    async def awaited() -> Any:
        return await OneStep().run(result=words())

    with pytest.raises(SourceError, match="return await"):
        list(relay(run()))
    site.view(awaited)
    assert said(site.events()) == "214 steps."


def test_a_chat_engine_whose_reader_leaves_goes_on_for_its_history(
    provider: Provider, site: Site
) -> None:
    goes_on = threading.Event()

    def script(exchange: Any) -> None:
        exchange.start()
        first, *rest = wire.pieces(WORDS)
        exchange.send(first)
        assert goes_on.wait(DEADLINE)
        for piece in rest:
            exchange.send(piece)
        exchange.end()

    provider.run(script)
    engine = chat_engine(provider.base)
    answer = engine.stream_chat("Hello?")
    relayed = relay(answer)
    assert Text(WORDS[0]) in iter(lambda: next(relayed), None)
    relayed.close()
    goes_on.set()
    # Its history may not be read before: both are done on event loops that share a lock.
    until(lambda: answer.is_done, "the history is not written")
    assert len(engine.chat_history) == 2
