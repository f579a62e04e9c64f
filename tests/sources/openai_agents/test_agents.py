"""OpenAI's Agents SDK: runs of the newest release, as an app returns and relays them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from types import SimpleNamespace
from typing import Any, Literal

import pytest
from agents import (
    Agent,
    GuardrailFunctionOutput,
    InputGuardrail,
    InputGuardrailTripwireTriggered,
    MaxTurnsExceeded,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    RunErrorHandlerResult,
    Runner,
    ToolsToFinalOutputResult,
    function_tool,
    set_tracing_disabled,
)
from agents.exceptions import UserError
from agents.usage import Usage as UsageOfRun
from pydantic import BaseModel

from flask_stream import Result, SourceError, Usage, bridge, relay
from flask_stream.providers.openai_agents import read
from tests.conftest import Site, said
from tests.provider import TEXT, Exchange, Provider, frames, told
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
from tests.sources.running import AT_ONCE, Server
from tests.sources.scripts import Silent, cut, fail, speak
from tests.sources.snippets import snippets

SITE = "tests.sources.openai_agents.site:app"
NOTICED = 10.0  # seconds; it takes a tenth of one
WAYS = ["result", "events", "wrapped", "relayed"]

set_tracing_disabled(True)
Run = Callable[..., Any]


@function_tool
def look(place: str) -> dict[str, Any]:
    """Look at a lighthouse."""
    assert place == PLACE
    return FOUND


def chat(provider: Provider) -> OpenAIChatCompletionsModel:
    return OpenAIChatCompletionsModel("m", client(provider.base))


@pytest.fixture
def agent(provider: Provider) -> Agent[None]:
    return Agent(name="Keeper", model=chat(provider), tools=[look])


# Views, which are given what `Runner.run_streamed` takes.


def as_result(*asked: Any, **how: Any) -> Any:
    async def view() -> Any:
        return Runner.run_streamed(*asked, **how)

    return view


def as_events(*asked: Any, **how: Any) -> Any:
    async def view() -> Any:
        return Runner.run_streamed(*asked, **how).stream_events()

    return view


def as_generator(*asked: Any, **how: Any) -> Any:
    async def view() -> AsyncIterator[Any]:
        async for event in Runner.run_streamed(*asked, **how).stream_events():
            yield event

    return view


def as_relay(*asked: Any, **how: Any) -> Any:
    def view() -> Iterator[Any]:
        yield from relay(as_result(*asked, **how)())

    return view


each_way = pytest.mark.parametrize("way", [as_result, as_events, as_generator, as_relay])


def relayed(stream: Any) -> Result:
    """The result of relaying it."""
    relaying = relay(stream)
    while True:
        try:
            next(relaying)
        except StopIteration as end:
            result: Result = end.value
            return result


def relayed_run(*asked: Any, **how: Any) -> Result:
    return relayed(as_result(*asked, **how)())


@each_way
def test_a_run_with_a_tool_as_a_view_gives_it(
    site: Site, provider: Provider, agent: Agent[None], way: Run
) -> None:
    provider.run(speak(calling("I look.")), speak(words(*ANSWER)))
    results: list[Result] = []
    site.view(way(agent, "How many?"), on_finish=results.append)
    events = site.events()
    assert said(events) == results[0].text == "I look.\n\n" + "".join(ANSWER)
    assert kinds(events) == [
        *("meta", "text", "tool_call_start", "tool_call_delta", "tool_call"),
        *("tool_result", "meta", "text", "usage", "done"),
    ]
    named = dict(events)
    assert named["tool_call"] == {"id": "call_1", "name": "look", "arguments": {"place": PLACE}}
    assert named["tool_result"] == {"id": "call_1", "name": "look", "result": FOUND}
    assert named["meta"] == {"model": "m"}
    assert (named["usage"]["input_tokens"], named["usage"]["output_tokens"]) == (6, 10)
    assert results[0].stop_reason == "stop"


@each_way
def test_the_events_of_responses_are_read_as_such(site: Site, provider: Provider, way: Run) -> None:
    model = OpenAIResponsesModel("m", client(provider.base))
    provider.play(told("openai_responses"))
    site.view(way(Agent(name="Keeper", model=model), "How many?"))
    events = site.events()
    assert said(events) == TEXT
    assert dict(events)["meta"]["response_id"] == "resp_tern_1"
    assert events[-1][1]["provider_stop_reason"] == "completed"


def test_the_words_are_those_of_the_run_that_is_not_streamed(
    provider: Provider, agent: Agent[None]
) -> None:
    provider.run(speak(words(*ANSWER)))
    streamed = relayed_run(agent, "How many?")
    provider.run(lambda exchange: exchange.answer(200, openai_wire.whole(ANSWER)))
    (complete,) = bridge(_once(Runner.run(agent, "How many?")))
    assert streamed.text == complete.final_output


async def _once(coroutine: Any) -> AsyncIterator[Any]:
    yield await coroutine


def test_the_next_run_goes_on_from_the_message_of_this_one(
    site: Site, provider: Provider, agent: Agent[None]
) -> None:
    provider.run(speak(calling()), speak(words("One.")), speak(words("Two.")))

    def view() -> Iterator[Any]:
        result = yield from relay(as_result(agent, "First?")())
        question = {"role": "user", "content": "And then?"}
        yield from relay(as_result(agent, [*result.message, question])())

    site.view(view)
    assert said(site.events()) == "One.\n\nTwo."
    roles = [message["role"] for message in provider.requests[-1]["messages"]]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]


def test_a_handoff_is_a_call_with_its_result_and_tells_who_answers(
    site: Site, provider: Provider
) -> None:
    keeper = Agent(name="Keeper", model=chat(provider))
    porter = Agent(name="Porter", model=chat(provider), handoffs=[keeper])
    hand_over = openai_wire.calling("transfer_to_keeper", ["{}"])
    provider.run(speak(hand_over), speak(words(*ANSWER)))
    site.view(as_result(porter, "How many?"))
    events = site.events()
    named = dict(events)
    assert named["tool_result"]["name"] == "transfer_to_keeper"
    assert named["agent"] == {"name": "Keeper"}
    assert (said(events), events[-1][1]["stop_reason"]) == ("".join(ANSWER), "stop")


class Place(BaseModel):
    place: str


def test_what_an_agent_that_is_a_tool_has_used_is_used_by_the_run(provider: Provider) -> None:
    def answer(exchange: Exchange) -> None:
        if not exchange.body.get("stream"):
            exchange.answer(200, openai_wire.whole(["From within."]))
            return
        is_told = exchange.body["messages"][-1]["role"] == "tool"
        speak(words(*ANSWER) if is_told else calling("I ask."))(exchange)

    provider.run(answer)
    inner = Agent(name="Inner", model=chat(provider)).as_tool("look", "Looks.", parameters=Place)
    result = relayed_run(Agent(name="Outer", model=chat(provider), tools=[inner]), "How many?")
    assert result.text == "I ask.\n\n" + "".join(ANSWER)
    assert len(provider.requests) == 3
    assert result.usage == Usage(9, 15)  # and no counts that nobody has told


class OlderDetails(BaseModel):
    cached_tokens: int


def test_counts_that_older_versions_do_not_have_are_left_out() -> None:
    used = UsageOfRun(requests=2, input_tokens=9, output_tokens=15)
    used.input_tokens_details = OlderDetails(cached_tokens=4)
    keeper = Agent[None](name="Keeper")
    result = SimpleNamespace(
        context_wrapper=SimpleNamespace(usage=used),
        raw_responses=[],
        last_agent=keeper,
        final_output=None,
        to_input_list=list,
    )
    begun = SimpleNamespace(type="agent_updated_stream_event", new_agent=keeper)
    assert [*read([begun], result)] == [Usage(9, 15, cache_read_tokens=4)]


@pytest.mark.parametrize("model", [chat, lambda p: OpenAIResponsesModel("m", client(p.base))])
def test_a_refusal_is_an_answer(provider: Provider, model: Any) -> None:
    """The SDK raises an error behind it."""
    by_responses = [told("openai_responses", "refusal")]
    refused = [openai_wire.chunk(refusal=piece) for piece in ("I can", "not.")]
    by_chat = [frames(*refused), openai_wire.ending()]
    provider.run(speak(by_chat if model is chat else by_responses))
    result = relayed_run(Agent(name="Keeper", model=model(provider)), "How many?")
    assert (result.text, result.stop_reason, result.outcome) == ("", "refusal", "complete")
    assert result.refusal


def test_a_run_that_somebody_has_read_is_refused(provider: Provider) -> None:
    async def ask() -> Any:
        result = Runner.run_streamed(Agent(name="Keeper", model=chat(provider)), "How many?")
        assert [event.type async for event in result.stream_events()]
        return result

    provider.run(speak(words(*ANSWER)))
    with pytest.raises(SourceError, match="was read to its end"):
        relayed(ask())


def test_the_items_alone_are_the_answer(site: Site, provider: Provider, agent: Agent[None]) -> None:
    """Of those an app may pass on no more than what is whole."""

    async def view() -> AsyncIterator[Any]:
        async for event in Runner.run_streamed(agent, "How many?").stream_events():
            if event.type == "run_item_stream_event":
                yield event

    provider.run(speak(calling("I look.")), speak(words(*ANSWER)))
    site.view(view)
    events = site.events()
    assert said(events) == "I look.\n\n" + "".join(ANSWER)
    assert kinds(events) == [
        *("text", "tool_call_start", "tool_call", "tool_result", "text", "done"),
    ]


def test_an_answer_that_was_cut_short_by_its_length_says_so(provider: Provider) -> None:
    model = OpenAIResponsesModel("m", client(provider.base))
    body = told("openai_responses").replace(b"response.completed", b"response.incomplete")
    body = body.replace(b'"status":"completed"', b'"status":"incomplete"')
    body = body.replace(
        b'"incomplete_details":null', b'"incomplete_details":{"reason":"max_output_tokens"}'
    )
    head, last = body.split(b"event: response.incomplete")
    # With a pause, as the SDK drops what its queue has when a run fails.
    provider.run(speak([head, b"event: response.incomplete" + last], pause=0.1))
    result = relayed_run(Agent(name="Keeper", model=model), "How many?")
    assert (result.stop_reason, result.provider_stop_reason) == ("length", "max_output_tokens")


# -- what goes wrong ---------------------------------------------------------------------------


@each_way
@pytest.mark.parametrize(
    ("status", "code"),
    [(429, "rate_limited"), (503, "overloaded"), (500, "provider_error")],
)
def test_an_error_of_the_provider(
    site: Site, provider: Provider, agent: Agent[None], way: Run, status: int, code: str
) -> None:
    provider.run(fail(status, {"error": {"message": "secret"}}))
    site.view(way(agent, "How many?"))
    answer = site.ask(headers={"Accept": "application/json"})
    assert answer.status_code == (502 if code == "provider_error" else 503)
    assert answer.json["error"]["code"] == code
    assert "secret" not in answer.text


@each_way
def test_a_cut_in_mid_stream(site: Site, provider: Provider, agent: Agent[None], way: Run) -> None:
    provider.run(cut(words(*ANSWER)[:2]))
    site.view(way(agent, "How many?"))
    events = site.events()
    assert "".join(ANSWER[:2]).startswith(said(events))  # the SDK may drop what its queue has
    assert (events[-1][0], events[-1][1]["code"]) == ("failed", "truncated")


def test_an_error_event_in_mid_stream(site: Site, provider: Provider) -> None:
    model = OpenAIResponsesModel("m", client(provider.base))
    provider.play(told("openai_responses", "error"))
    site.view(as_result(Agent(name="Keeper", model=model), "How many?"))
    name, data = site.events()[-1]
    assert name == "failed"
    assert data["code"] != "internal"


@each_way
def test_a_bug_of_a_tool_is_the_apps(
    site: Site, provider: Provider, way: Run, caplog: pytest.LogCaptureFixture
) -> None:
    @function_tool(name_override="look", failure_error_function=None)
    def broken(place: str) -> str:
        raise ZeroDivisionError("of the tool")

    provider.run(speak(calling()), speak(words(*ANSWER)))
    site.view(way(Agent(name="Keeper", model=chat(provider), tools=[broken]), "How many?"))
    (*_, (name, data)) = site.events()
    assert (name, data["code"]) == ("failed", "internal")
    assert "of the tool" in caplog.text
    assert "of the tool" not in str(data)


SORRY = "It takes too long."


@each_way
def test_the_words_of_an_apps_error_handler_are_an_answer(
    site: Site, provider: Provider, agent: Agent[None], way: Run
) -> None:
    provider.run(speak(calling("I look.")))
    handlers: Any = {"max_turns": lambda failed: SORRY}
    site.view(way(agent, "How many?", max_turns=1, error_handlers=handlers))
    events = site.events()
    assert said(events) == f"I look.\n\n{SORRY}"
    assert events[-1][0] == "done"


@pytest.mark.parametrize("way", [as_result, as_events, as_relay])
def test_a_final_answer_that_is_in_no_event(
    site: Site, provider: Provider, agent: Agent[None], way: Run
) -> None:
    """What a handler says beside the history; and what the app makes of a tool's result."""

    def answer(context: Any, results: list[Any]) -> ToolsToFinalOutputResult:
        return ToolsToFinalOutputResult(True, f"{results[0].output['steps']} steps.")

    handler = lambda failed: RunErrorHandlerResult(SORRY, include_in_history=False)  # noqa: E731
    own = agent.clone(tool_use_behavior=answer)
    asked: list[Any] = [
        way(agent, "How many?", max_turns=1, error_handlers={"max_turns": handler}),
        way(own, "How many?"),
        way(agent.clone(tool_use_behavior="stop_on_first_tool"), "How many?"),
    ]
    provider.run(*[speak(calling("I look."))] * 3)
    texts = []
    for view in asked:
        site = Site()
        site.view(view)
        texts.append(said(site.events()))
    assert texts == [f"I look.\n\n{SORRY}", "I look.\n\n214 steps.", "I look."]


def test_an_answer_of_a_type_of_the_apps_is_told_once(
    site: Site, provider: Provider, agent: Agent[None]
) -> None:
    """The SDK takes it out of the model's JSON: a word, too."""
    provider.run(speak(words('{"response": ', '"yes"}')))
    typed: Any = agent.clone(output_type=Literal["yes", "no"])
    site.view(as_result(typed, "Is it tall?"))
    assert said(site.events()) == '{"response": "yes"}'


@each_way
def test_an_answer_whose_end_has_none_of_its_items(
    site: Site, provider: Provider, way: Run
) -> None:
    """As some servers send it: the SDK makes the run's items of those that came on the way."""
    item = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": "It has 214 steps.", "annotations": []}],
    }
    response = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "m",
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }
    at = {"output_index": 0, "content_index": 0, "item_id": "msg_1", "logprobs": []}
    delta = {"type": "response.output_text.delta", "delta": "It has 214 steps.", **at}
    told_events = [
        {"type": "response.created", "response": {**response, "status": "in_progress"}},
        delta,
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {**response, "status": "completed"}},
    ]
    numbered = [{**each, "sequence_number": at} for at, each in enumerate(told_events)]
    provider.run(speak([frames(*numbered)]))
    model = OpenAIResponsesModel("m", client(provider.base))
    site.view(way(Agent(name="Keeper", model=model), "How many?"))
    assert said(site.events()) == "It has 214 steps."


def test_limits_and_guards_of_the_apps_are_its_own_exceptions(
    provider: Provider, agent: Agent[None]
) -> None:
    provider.run(speak(calling()))
    with pytest.raises(MaxTurnsExceeded):
        relayed_run(agent, "How many?", max_turns=1)

    async def refuse(context: Any, agent: Any, question: Any) -> GuardrailFunctionOutput:
        return GuardrailFunctionOutput(None, tripwire_triggered=True)

    guarded = agent.clone(input_guardrails=[InputGuardrail(refuse)])
    with pytest.raises(InputGuardrailTripwireTriggered):
        relayed_run(guarded, "How many?")
    with pytest.raises(UserError):
        relayed_run(agent.clone(output_type=dict[int, Any]), "How many?")


@pytest.mark.parametrize("give", [lambda agent, run: agent, lambda agent, run: run])
def test_what_is_no_stream_is_told(
    provider: Provider, agent: Agent[None], give: Callable[[Any, Any], Any]
) -> None:
    provider.run(lambda exchange: exchange.answer(200, openai_wire.whole(ANSWER)))
    (complete,) = bridge(_once(Runner.run(agent, "How many?")))
    with pytest.raises(SourceError, match="run_streamed"):
        relayed(give(agent, complete))


# -- on gunicorn -------------------------------------------------------------------------------


def test_a_reader_who_leaves_in_silence(server: Server, speaking: Provider) -> None:
    for way in WAYS:
        silent = Silent(words("It ", "has")[:2])
        speaking.run(silent)
        with server.connect() as client:
            client.ask("POST", f"/{way}/left").until(b"has")
            silent.said_all()
            left_at = time.monotonic()
        assert silent.left_at() - left_at < NOTICED, way


def test_many_at_once(server: Server, speaking: Provider) -> None:
    speaking.run(speak(words_for))
    answers = server.at_once(lambda number: f"/{WAYS[number % len(WAYS)]}/q-{number}")
    assert len(answers) == AT_ONCE
    for number, events in enumerate(answers):
        assert said(events) == expected_for(f"q-{number}")
        assert events[-1][0] == "done"


def test_the_snippet_of_the_docs(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{provider.base}/v1")
    provider.run(once([told("openai_responses")]))
    names: dict[str, Any] = {"__name__": "app"}
    exec(snippets("OpenAI Agents SDK")[0], names)
    answer = names["app"].test_client().post("/chat", data={"question": "How many?"})
    assert "has 214 steps." in answer.text
    assert "event: done" in answer.text
