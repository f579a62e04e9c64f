"""Pydantic AI: agents and models of the newest release, as an app returns and relays them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, ModelRequest, ModelRetry, RunContext, ToolOutput, UsageLimits
from pydantic_ai.direct import model_request_stream, model_request_stream_sync
from pydantic_ai.exceptions import UsageLimitExceeded
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.function import DeltaThinkingPart, DeltaToolCall, FunctionModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.providers.openai import OpenAIProvider

from flask_stream import ProviderError, Result, SourceError, ToolCall, relay
from tests.conftest import Site, said
from tests.provider import Provider
from tests.sources import openai_wire
from tests.sources.agents import (
    ANSWER,
    FOUND,
    PLACE,
    calling,
    client,
    expected_for,
    once,
    words,
    words_for,
)
from tests.sources.contract import kinds
from tests.sources.openai_wire import whole
from tests.sources.running import AT_ONCE, Server
from tests.sources.scripts import Silent, cut, fail, speak
from tests.sources.snippets import snippets

SITE = "tests.sources.pydantic_ai.site:app"
NOTICED = 10.0  # seconds; it takes a tenth of one

Run = Callable[[Any], Any]


def model(provider: Provider) -> OpenAIChatModel:
    return OpenAIChatModel("m", provider=OpenAIProvider(openai_client=client(provider.base)))


def look(place: str) -> dict[str, Any]:
    """Look at a lighthouse."""
    assert place == PLACE
    return FOUND


@pytest.fixture
def agent(provider: Provider) -> Agent[None, str]:
    return Agent(model(provider), tools=[look], retries=0)


def by_events(agent: Any) -> Any:
    return agent.run_stream_events("How many?")


def by_result(agent: Any) -> Any:
    return agent.run_stream("How many?")


def by_sync(agent: Any) -> Any:
    return agent.run_stream_sync("How many?")


async def by_generator(agent: Any) -> AsyncIterator[Any]:
    async with agent.run_stream_events("How many?") as events:
        async for event in events:
            yield event


each_way = pytest.mark.parametrize("run", [by_events, by_result, by_sync, by_generator])


def results_of(site: Site, view: Callable[[], Any]) -> tuple[list[tuple[str, Any]], Result]:
    """What a reader gets, and the Result of the run."""
    results: list[Result] = []
    site.view(view, on_finish=results.append)
    events = site.events()
    return events, results[0]


def relayed(stream: Any) -> Result:
    """The result of relaying it."""
    relaying = relay(stream)
    while True:
        try:
            next(relaying)
        except StopIteration as end:
            result: Result = end.value
            return result


@each_way
def test_a_run_with_a_tool_as_a_view_returns_it(
    site: Site, provider: Provider, agent: Agent[None, str], run: Run
) -> None:
    provider.run(speak(calling()), speak(words(*ANSWER)))
    events, result = results_of(site, lambda: run(agent))
    text = "".join(ANSWER)
    assert said(events) == result.text == text
    assert kinds(events) == [
        *("tool_call_start", "tool_call_delta", "tool_call", "tool_result"),
        *("text", "meta", "usage", "done"),
    ]
    told = dict(events)
    assert told["tool_call"] == {"id": "call_1", "name": "look", "arguments": {"place": PLACE}}
    assert told["tool_result"] == {"id": "call_1", "name": "look", "result": FOUND}
    assert told["meta"] == {"provider": "openai", "model": "m-9", "response_id": "r-1"}
    assert (told["usage"]["input_tokens"], told["usage"]["output_tokens"]) == (6, 10)
    assert (result.stop_reason, result.provider_stop_reason) == ("stop", "stop")
    assert [len(step.text) for step in result.steps] == [len(text)]


@each_way
def test_the_words_are_those_of_the_answer_that_is_not_streamed(
    provider: Provider, agent: Agent[None, str], run: Run
) -> None:
    provider.run(speak(words(*ANSWER)))
    streamed = relayed(run(agent))
    provider.run(lambda exchange: exchange.answer(200, whole(ANSWER)))
    other = Agent(model(provider), tools=[look]).run_sync("How many?")
    assert streamed.text == other.output


def test_the_next_run_goes_on_from_the_messages_of_this_one(
    site: Site, provider: Provider, agent: Agent[None, str]
) -> None:
    provider.run(speak(calling()), speak(words("One.")), speak(words("Two.")))

    def view() -> Iterator[Any]:
        result = yield from relay(agent.run_stream_events("First?"))
        again = agent.run_stream_events("And then?", message_history=result.message)
        yield from relay(again)

    site.view(view)
    assert said(site.events()) == "One.\n\nTwo."
    roles = [message["role"] for message in provider.requests[-1]["messages"]]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]


class City(BaseModel):
    name: str
    steps: int


@pytest.mark.parametrize("run", [by_events, by_result, by_sync])
def test_structured_output_grows_as_a_call(run: Run) -> None:
    async def speaks(messages: Any, info: Any) -> AsyncIterator[Any]:
        for piece in ('{"name": "Ar', '-Men", "st', 'eps": 214}'):
            yield {
                0: DeltaToolCall(name="final_result" if "Ar" in piece else None, json_args=piece)
            }

    result = relayed(run(Agent(FunctionModel(stream_function=speaks), output_type=City)))
    (call,) = result.tool_calls
    assert (call.name, call.arguments) == ("final_result", {"name": "Ar-Men", "steps": 214})
    assert result.stop_reason == "stop"  # it is answered


def test_the_words_of_an_output_function_are_an_answer(provider: Provider) -> None:
    """And what is told as the call's argument, or as text, is told once."""

    def answer(place: str) -> str:
        if place != PLACE:
            raise ModelRetry("Which one?")
        return f"{place} has 214 steps."

    def ends_with(argument: str, value: str) -> Any:
        return speak(openai_wire.calling("final_result", [f'{{"{argument}": "{value}"}}']))

    def text_of(output_type: Any, *scripts: Any) -> str:
        provider.run(*scripts)
        return relayed(by_events(Agent(model(provider), output_type=output_type))).text

    assert text_of(answer, ends_with("place", PLACE)) == f"{PLACE} has 214 steps."
    assert text_of([answer, str], ends_with("place", "?"), speak(words("None."))) == "None."
    assert text_of(ToolOutput(str), ends_with("response", "None.")) == ""


@pytest.mark.parametrize("run", [by_events, by_result, by_sync])
def test_thinking_is_reasoning_and_its_parts_are_set_off(run: Run) -> None:
    async def speaks(messages: Any, info: Any) -> AsyncIterator[Any]:
        yield {0: DeltaThinkingPart(content="Let me ")}
        yield {0: DeltaThinkingPart(content="see.")}
        yield {1: DeltaThinkingPart(content="Well.")}
        yield "Yes."

    result = relayed(run(Agent(FunctionModel(stream_function=speaks))))
    assert (result.reasoning, result.text) == ("Let me see.\n\nWell.", "Yes.")


def test_an_answer_that_is_refused_is_set_off_from_the_next_one(provider: Provider) -> None:
    agent = Agent(model(provider), retries=1)

    @agent.output_validator
    def judged(ctx: RunContext, output: str) -> str:
        if not ctx.partial_output and "bad" in output:
            raise ModelRetry("Another one.")
        return output

    provider.run(speak(words("A bad ", "one.")), speak(words("A good ", "one.")))
    assert relayed(by_events(agent)).text == "A bad one.\n\nA good one."


@pytest.mark.parametrize("run", [by_events, by_result, by_sync])
def test_a_form_that_is_answered_is_no_call_for_the_app(provider: Provider, run: Run) -> None:
    parts = ['{"name": "Ar-', 'Men", "steps": 214}']
    provider.run(speak(openai_wire.calling("final_result", parts)))
    result = relayed(run(Agent(model(provider), output_type=City)))
    assert len(result.tool_calls) == 1
    assert (result.stop_reason, result.provider_stop_reason) == ("stop", "tool_calls")


def test_a_result_that_somebody_has_read_is_told_once(provider: Provider) -> None:
    provider.run(speak(words(*ANSWER)))
    result = Agent(model(provider)).run_stream_sync("?")
    read = "".join(result.stream_text(delta=True))
    assert relayed(result).text == read == "".join(ANSWER)


@pytest.mark.parametrize("give", [lambda result: result, lambda result: result.stream_text()])
def test_a_result_that_was_left_early_is_cut(site: Site, provider: Provider, give: Run) -> None:
    provider.run(speak(words(*ANSWER), pause=0.05))

    async def view() -> Any:
        async with Agent(model(provider)).run_stream("?") as result:
            return give(result)

    site.view(view)
    name, data = site.events()[-1]
    assert (name, data["code"]) == ("failed", "truncated")


def test_the_texts_of_a_result_are_told_once_each(agent: Agent[None, str]) -> None:
    words = Agent(TestModel(custom_output_text="one two three"))
    for is_delta in (True, False):
        texts = words.run_stream_sync("?").stream_text(delta=is_delta, debounce_by=None)
        assert relayed(texts).text == "one two three"
    with pytest.raises(SourceError, match="again and again"):
        relay(words.run_stream_sync("?").stream_output())


@pytest.mark.parametrize("is_async", [True, False])
def test_a_model_can_be_asked_directly(provider: Provider, is_async: bool) -> None:
    provider.run(speak(calling("I look.")))
    ask = model_request_stream if is_async else model_request_stream_sync
    result = relayed(ask(model(provider), [ModelRequest.user_text_prompt("How many?")]))
    assert result.text == "I look."
    assert result.tool_calls == [ToolCall("call_1", "look", {"place": PLACE})]
    assert (result.stop_reason, result.provider_stop_reason) == ("tool_calls", "tool_calls")
    assert [message.kind for message in result.message] == ["response"]


def test_citations_are_sources() -> None:
    from pydantic_ai.messages import Citation, PartStartEvent, TextPart, WebCitationSource

    source = WebCitationSource("https://a.example", title="A", excerpts=["214 steps"])
    part = TextPart("It has 214.", citations=[Citation([source])])
    (told,) = relayed([PartStartEvent(index=0, part=part)].__iter__()).sources
    assert told.payload() == {
        "url": "https://a.example",
        "title": "A",
        "cited_text": "214 steps",
    }


# -- what goes wrong ---------------------------------------------------------------------------


@each_way
@pytest.mark.parametrize(
    ("status", "code"),
    [(429, "rate_limited"), (503, "overloaded"), (529, "overloaded"), (500, "provider_error")],
)
def test_an_error_of_the_provider(
    site: Site, provider: Provider, agent: Agent[None, str], run: Run, status: int, code: str
) -> None:
    provider.run(fail(status, {"error": {"message": "secret"}}))
    agent = Agent(model(provider))
    site.view(lambda: run(agent))
    answer = site.ask(headers={"Accept": "application/json"})
    assert answer.status_code == (502 if code == "provider_error" else 503)
    error = answer.json.get("error") or answer.json
    assert error["code"] == code
    assert "secret" not in answer.text


@each_way
def test_a_cut_in_mid_stream(
    site: Site, provider: Provider, agent: Agent[None, str], run: Run
) -> None:
    provider.run(cut(words(*ANSWER)[:2]))
    events, _ = results_of(site, lambda: run(agent))
    assert said(events) == "".join(ANSWER[:2])
    assert (events[-1][0], events[-1][1]["code"]) == ("failed", "truncated")


@each_way
def test_a_bug_of_a_tool_is_the_apps(
    site: Site, provider: Provider, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(place: str) -> str:
        raise ZeroDivisionError("of the tool")

    provider.run(speak(calling()), speak(words(*ANSWER)))
    agent = Agent(model(provider))
    agent.tool_plain(broken, name="look")
    site.view(lambda: run(agent))
    answer = site.ask(headers={"Accept": "application/json"})
    assert answer.status_code == 500
    assert "of the tool" in caplog.text
    assert "of the tool" not in answer.text


def test_a_limit_of_the_apps_is_its_own_exception(provider: Provider, agent: Any) -> None:
    provider.run(speak(calling()))
    limits = UsageLimits(request_limit=1)
    with pytest.raises(UsageLimitExceeded):
        relayed(agent.run_stream_events("How many?", usage_limits=limits))


def test_the_last_model_of_several_says_what_went_wrong(provider: Provider) -> None:
    provider.run(fail(529, {"error": {"message": "busy"}}))
    models = FallbackModel(model(provider), model(provider))
    agent = Agent(models)
    with pytest.raises(ProviderError) as told:
        relayed(agent.run_stream_events("How many?"))
    assert told.value.error_code == "overloaded"


@pytest.mark.parametrize(
    "give", [lambda agent: agent, lambda agent: agent.run_sync("?"), lambda agent: agent.run("?")]
)
def test_what_is_no_stream_is_told(give: Callable[[Any], Any]) -> None:
    with pytest.raises(SourceError, match="run_stream_events"):
        relayed(give(Agent(TestModel())))


def test_a_loop_in_the_thread_belongs_to_that(agent: Agent[None, str]) -> None:
    words = Agent(TestModel())
    result = words.run_stream_sync("?")
    with ThreadPoolExecutor() as other, pytest.raises(SourceError, match="resumable"):
        other.submit(relayed, result).result()
    assert relayed(result).text


@pytest.mark.parametrize("run", [by_events, by_result])
def test_a_run_that_outlives_its_request(site: Site, provider: Provider, run: Run) -> None:
    site.app.config["STREAM_LOG_URL"] = "memory:"
    provider.run(speak(calling()), speak(words(*ANSWER)))
    agent = Agent(model(provider), tools=[look])
    site.view(lambda: run(agent), resumable=True)
    assert said(site.events()) == "".join(ANSWER)


# -- on gunicorn -------------------------------------------------------------------------------


@pytest.fixture
def worker(request: pytest.FixtureRequest) -> str:
    """Of `server`."""
    return str(request.node.callspec.params["server"])


@pytest.fixture
def ways(worker: str) -> list[str]:
    """The site's views: one of them runs a loop in the thread that asks."""
    return ["events", "wrapped", "result", *(["sync"] if worker == "gthread" else [])]


def test_a_reader_who_leaves_in_silence(
    server: Server, speaking: Provider, ways: list[str]
) -> None:
    for way in ways:
        silent = Silent(words("It ", "has")[:2])
        speaking.run(silent)
        with server.connect() as client:
            client.ask("POST", f"/{way}/left").until(b"has")
            silent.said_all()
            left_at = time.monotonic()
        assert silent.left_at() - left_at < NOTICED, way


def test_many_at_once(server: Server, speaking: Provider, ways: list[str]) -> None:
    speaking.run(speak(words_for))
    answers = server.at_once(lambda number: f"/{ways[number % len(ways)]}/q-{number}")
    assert len(answers) == AT_ONCE
    for number, events in enumerate(answers):
        assert said(events) == expected_for(f"q-{number}")
        assert events[-1][0] == "done"


def test_with_gevent_a_loop_in_the_thread_is_refused(
    server: Server, speaking: Provider, worker: str
) -> None:
    if worker == "gthread":
        return
    speaking.run(speak(words("Yes.")))
    (*_, (name, data)) = server.events("/sync/once")
    assert (name, data["code"]) == ("failed", "internal")
    assert "run_stream_events" in server.log


def test_the_snippet_of_the_docs(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{provider.base}/v1")
    provider.run(once(calling()), once(words(*ANSWER)))
    names: dict[str, Any] = {"__name__": "app"}
    exec(snippets("Pydantic AI")[0], names)
    answer = names["app"].test_client().post("/chat", data={"question": "How many?"})
    assert "214 steps." in answer.text
    assert "event: done" in answer.text
