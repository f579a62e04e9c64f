"""What LangGraph and LangChain give again is told once, and what nobody said is not told."""

from __future__ import annotations

import json
from collections.abc import Callable
from operator import add
from typing import Annotated, Any, TypedDict

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import (
    HumanInTheLoopMiddleware,
    ModelCallLimitMiddleware,
    ModelRetryMiddleware,
    SummarizationMiddleware,
)
from langchain.agents.structured_output import ToolStrategy
from langchain_core.language_models import FakeListLLM, GenericFakeChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    AnyMessage,
    HumanMessage,
    ToolMessage,
)
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import InjectedToolCallId, tool
from langgraph.cache.memory import InMemoryCache
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import CachePolicy, Command, Send, interrupt
from pydantic import BaseModel

from tests.conftest import Site, said
from tests.provider import Provider, frames
from tests.sources import openai_wire
from tests.sources.agents import ANSWER, FOUND, PLACE, calling, words
from tests.sources.langchain.site import asked, model_of
from tests.sources.scripts import cut, speak

Way = Callable[[Any, Any], Any]

WAYS: dict[str, Way] = {
    "updates": lambda graph, given: graph.stream(given, stream_mode="updates"),
    "values": lambda graph, given: graph.stream(given, stream_mode="values"),
    "both": lambda graph, given: graph.stream(given, stream_mode=["messages", "updates"]),
    "events": lambda graph, given: graph.astream_events(given),
}
each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
SAID = [HumanMessage("One?"), AIMessage("Before."), HumanMessage("Two?"), AIMessage("Then.")]


@tool
def look(place: str) -> dict[str, Any]:
    """How many steps a lighthouse has."""
    return FOUND


def fake(*answers: str) -> Any:
    return GenericFakeChatModel(messages=iter([AIMessage(answer) for answer in answers]))


def ask(site: Site, view: Callable[[], Any]) -> list[tuple[str, Any]]:
    site.view(view)
    return site.events()


def named(events: list[tuple[str, Any]], name: str) -> list[Any]:
    return [data for kind, data in events if kind == name]


@each_way
def test_a_graph_within_a_graph_gives_all_of_the_conversation_again(site: Site, way: Way) -> None:
    graph = StateGraph(MessagesState)
    graph.add_node("inner", create_agent(fake("Now."), []))
    graph.add_edge(START, "inner")
    built: Any = graph.compile()
    given = {"messages": [*SAID, HumanMessage("And?")]}
    assert said(ask(site, lambda: way(built, given))) == "Now."


@each_way
def test_what_is_kept_beside_a_summary_is_not_new(site: Site, way: Way) -> None:
    model = fake("Now.")
    summing_up = SummarizationMiddleware(
        model=fake("A summary."),
        trigger=("messages", 3),
        keep=("messages", 3),
    )
    agent = create_agent(model, [], middleware=[summing_up])
    given = {"messages": [*SAID, HumanMessage("And?")]}
    text = said(ask(site, lambda: way(agent, given)))  # events tell of all models
    assert text.removeprefix("A summary.\n\n") == "Now."


RESUMED: dict[str, Way] = {
    "both": lambda agent, given: agent.stream(given, THREAD, stream_mode=["messages", "updates"]),
    "values": lambda agent, given: agent.stream(given, THREAD, stream_mode=["messages", "values"]),
    "events": lambda agent, given: agent.astream_events(given, THREAD),
}
THREAD = {"configurable": {"thread_id": "1"}}


@pytest.mark.parametrize("way", RESUMED.values(), ids=RESUMED)
@pytest.mark.parametrize("decision", [{"type": "approve"}, {"type": "reject", "message": "No."}])
def test_a_call_that_somebody_allows_was_told_before(
    provider: Provider, site: Site, way: Way, decision: dict[str, str]
) -> None:
    provider.run(speak(calling("I look.")), speak(words(*ANSWER)))
    agent = create_agent(
        model_of("openai_chat", provider.base),
        [look],
        middleware=[HumanInTheLoopMiddleware(interrupt_on={"look": True})],
        checkpointer=InMemorySaver(),
    )
    given: list[Any] = [asked("How many?"), Command(resume={"decisions": [decision]})]
    site.view(lambda: way(agent, given.pop(0)))
    assert said(site.events()) == "I look."
    events = site.events()
    assert said(events) == "".join(ANSWER)
    assert not named(events, "tool_call")
    assert len(named(events, "tool_result")) == 1


@pytest.mark.parametrize("mode", ["updates", ["messages", "updates"], ["updates", "values"]])
def test_what_was_done_before_an_interrupt_is_not_told_again(site: Site, mode: Any) -> None:
    def waits(state: Any) -> Any:
        return {"messages": [AIMessage(f"You said {interrupt('Really?')}.")]}

    graph = StateGraph(MessagesState)
    graph.add_node("done", lambda state: {"messages": [AIMessage("Done.")]})
    graph.add_node("waits", waits)
    graph.add_edge(START, "done")
    graph.add_edge(START, "waits")
    built: Any = graph.compile(checkpointer=InMemorySaver())
    given: list[Any] = [asked("Hello?"), Command(resume="yes")]
    site.view(lambda: built.stream(given.pop(0), THREAD, stream_mode=mode))
    assert [said(site.events()) for _ in range(2)] == ["Done.", "You said yes."]


@pytest.mark.parametrize("mode", ["updates", ["messages", "updates"]])
def test_what_a_cached_node_gives_behind_an_interrupt_is_new(site: Site, mode: Any) -> None:
    graph = StateGraph(MessagesState)
    graph.add_node("waits", lambda state: {"messages": [AIMessage(interrupt("Really?"))]})
    cached = CachePolicy(key_func=lambda state: b"one for all")
    graph.add_node("cached", lambda s: {"messages": [AIMessage("Known.")]}, cache_policy=cached)
    graph.add_edge(START, "waits")
    graph.add_edge("waits", "cached")
    built: Any = graph.compile(checkpointer=InMemorySaver(), cache=InMemoryCache())

    def resumed(thread: str) -> Any:
        config = {"configurable": {"thread_id": thread}}
        built.invoke(asked("Hello?"), config)
        return built.stream(Command(resume="Yes."), config, stream_mode=mode)

    threads = ["1", "2"]
    site.view(lambda: resumed(threads.pop(0)))
    assert [said(site.events()) for _ in range(2)] == ["Yes.\n\nKnown."] * 2


@pytest.mark.parametrize(
    "is_wanted",
    [
        lambda message, about: about["langgraph_node"] == "model",
        lambda message, about: isinstance(message, AIMessageChunk),
    ],
    ids=["of a node", "chunks"],
)
def test_what_an_app_leaves_out_of_messages_the_updates_tell(
    provider: Provider, site: Site, is_wanted: Callable[[Any, Any], bool]
) -> None:
    provider.run(speak(calling("I look.")), speak(words(*ANSWER)))
    agent = create_agent(model_of("openai_chat", provider.base), [look])

    def view() -> Any:
        for mode, item in agent.stream(asked("How many?"), stream_mode=["messages", "updates"]):
            if mode == "updates" or is_wanted(*item):
                yield mode, item

    events = ask(site, view)
    assert said(events) == "I look.\n\n" + "".join(ANSWER)
    assert len(named(events, "tool_call")) == len(named(events, "tool_result")) == 1


def test_results_that_name_no_call_are_all_told(site: Site) -> None:
    results = [ToolMessage("First.", tool_call_id=""), ToolMessage("Second.", tool_call_id="")]
    graph = StateGraph(MessagesState)
    graph.add_node("tools", lambda state: {"messages": results})
    graph.add_edge(START, "tools")
    built: Any = graph.compile()
    events = ask(site, lambda: built.stream(asked("Hello?"), stream_mode=["messages", "updates"]))
    assert [data["result"] for data in named(events, "tool_result")] == ["First.", "Second."]


def test_a_tools_result_is_told_once_by_events(provider: Provider, site: Site) -> None:
    """The tool itself tells of it, and the node that runs the tools; the calls' ids may be one."""
    provider.run(speak(calling()), speak(calling()), speak(words(*ANSWER)))
    agent = create_agent(model_of("openai_chat", provider.base), [look])
    events = ask(site, lambda: agent.astream_events(asked("How many?")))
    assert len(named(events, "tool_result")) == len(named(events, "tool_call")) == 2
    assert said(events) == "".join(ANSWER)


@pytest.mark.parametrize("way", [WAYS["both"], WAYS["events"]])
def test_a_call_that_was_cut_is_nobodys_once_the_model_was_asked_again(
    provider: Provider, site: Site, way: Way
) -> None:
    function = {"name": "look", "arguments": '{"pla'}
    call = {"index": 0, "id": "c", "type": "function", "function": function}
    chunk = openai_wire.chunk
    begun = [frames(chunk(content="I will"), chunk(tool_calls=[call]))]
    provider.run(cut(begun), speak(words(*ANSWER)))
    again = ModelRetryMiddleware(max_retries=1, initial_delay=0.0, jitter=False)
    agent = create_agent(model_of("openai_chat", provider.base), [look], middleware=[again])
    events = ask(site, lambda: way(agent, asked("How many?")))
    assert said(events) == "I will\n\n" + "".join(ANSWER)
    assert not named(events, "tool_call")
    assert events[-1][1]["stop_reason"] == "stop"


def test_the_stop_reason_is_the_last_messages_own(provider: Provider, site: Site) -> None:
    """Not that of the one before it, which has called a tool."""
    provider.run(speak(calling()))
    agent = create_agent(
        model_of("openai_chat", provider.base),
        [look],
        middleware=[ModelCallLimitMiddleware(run_limit=1)],
    )
    events = ask(site, lambda: WAYS["both"](agent, asked("How many?")))
    assert "limit" in said(events)
    done = events[-1][1]
    assert (done["stop_reason"], done.get("provider_stop_reason")) == ("stop", None)


class Place(BaseModel):
    place: str


def test_a_form_that_is_answered_is_no_call_for_the_app(provider: Provider, site: Site) -> None:
    arguments = json.dumps({"place": PLACE})
    provider.run(speak(openai_wire.calling("Place", [arguments])))
    agent = create_agent(
        model_of("openai_chat", provider.base), [], response_format=ToolStrategy(Place)
    )
    events = ask(site, lambda: WAYS["both"](agent, asked("Where?")))
    assert [data["arguments"] for data in named(events, "tool_call")] == [{"place": PLACE}]
    done = events[-1][1]
    assert (done["stop_reason"], done["provider_stop_reason"]) == ("stop", "tool_calls")


class Notes(MessagesState):
    notes: Annotated[list[AnyMessage], add]


@each_way
def test_a_state_with_messages_in_several_fields(site: Site, way: Way) -> None:
    """Behind the answer stand in it the notes that it is made of."""
    graph = StateGraph(Notes)
    graph.add_node("note", lambda topic: {"notes": [AIMessage(f"Note {topic}.")]})
    graph.add_node("answer", lambda state: {"messages": [AIMessage("Answer.")]})
    graph.add_conditional_edges(START, lambda s: [Send("note", n) for n in (1, 2)], ["note"])
    graph.add_edge("note", "answer")
    built: Any = graph.compile()
    text = said(ask(site, lambda: way(built, asked("Hello?"))))
    assert sorted(text.split("\n\n")) == ["Answer.", "Note 1.", "Note 2."]
    assert text.endswith("Answer.")


class Replaced(TypedDict):
    messages: list[AnyMessage]
    last: AnyMessage


@each_way
def test_fields_that_are_replaced(site: Site, way: Way) -> None:
    """The nodes give all messages, and none of those has an id."""

    def node(text: str) -> Any:
        said = AIMessage(text)
        return lambda state: {"messages": [*state["messages"], said], "last": AIMessage(text[:3])}

    graph = StateGraph(Replaced)
    graph.add_sequence([("one", node("One by one.")), ("two", node("Two by two."))])
    graph.add_edge(START, "one")
    built: Any = graph.compile()
    given = {"messages": [*[each.model_copy() for each in SAID], HumanMessage("And?")]}
    text = said(ask(site, lambda: way(built, given)))
    assert text == "One by one.\n\nOne\n\nTwo by two.\n\nTwo"


@each_way
def test_a_node_that_says_where_to_go_on(site: Site, way: Way) -> None:
    graph = StateGraph(MessagesState)

    def first(state: Any) -> Any:
        return Command(goto="second", update={"messages": [AIMessage("One.")]})

    def second(state: Any) -> Any:
        return [
            Command(update={"messages": AIMessage("Two.")}),
            {"messages": [AIMessage("Three.")]},
        ]

    graph.add_node("first", first, destinations=("second",))
    graph.add_node("second", second)
    graph.add_edge(START, "first")
    built: Any = graph.compile()
    assert said(ask(site, lambda: way(built, asked("Hello?")))) == "One.\n\nTwo.\n\nThree."


@tool
def hand_over(id: Annotated[str, InjectedToolCallId]) -> Any:
    """Have somebody else answer."""
    result = ToolMessage("He takes over.", tool_call_id=id, name="hand_over")
    return Command(goto="second", graph=Command.PARENT, update={"messages": [result]})


HANDED_OVER: dict[str, Way] = {
    "both": lambda g, given: g.stream(given, stream_mode=["messages", "updates"], subgraphs=True),
    "async": lambda g, given: g.astream(given, stream_mode=["messages", "updates"], subgraphs=True),
    "events": lambda graph, given: graph.astream_events(given),
}


@pytest.mark.parametrize("way", HANDED_OVER.values(), ids=HANDED_OVER)
def test_an_agent_that_hands_over_to_another(provider: Provider, site: Site, way: Way) -> None:
    """LangGraph ends the first one's graph by an exception, and tells of no message of its tool."""
    provider.run(
        speak(openai_wire.calling("hand_over", ["{}"], "I ask him.")), speak(words(*ANSWER))
    )
    model = model_of("openai_chat", provider.base)
    graph = StateGraph(MessagesState)
    graph.add_node("first", create_agent(model, [hand_over]), destinations=("second",))
    graph.add_node("second", create_agent(model, []))
    graph.add_edge(START, "first")
    built: Any = graph.compile()
    events = ask(site, lambda: way(built, asked("Hello?")))
    assert said(events) == "I ask him.\n\n" + "".join(ANSWER)
    (call,), (result,) = named(events, "tool_call"), named(events, "tool_result")
    assert (result["id"], result["result"]) == (call["id"], "He takes over.")


@pytest.mark.filterwarnings("ignore:astream_events version='v1'")
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_events_of_models_that_do_not_stream(site: Site, version: Any) -> None:
    first, second = FakeListLLM(responses=["One."]), FakeListLLM(responses=["Two."])
    silent: Any = GenericFakeChatModel(messages=iter([AIMessage("Three.")]), disable_streaming=True)
    chain: Any = RunnableLambda(first.invoke) | second | silent | RunnableLambda(lambda told: None)
    events = ask(site, lambda: chain.astream_events("?", version=version))
    assert said(events) == "One.\n\nTwo.\n\nThree."
