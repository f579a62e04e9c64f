"""LangGraph's graphs and LangChain's agents, in all modes of `stream` and `astream`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from operator import add
from typing import Annotated, Any, TypedDict

import httpx
import pytest
from langchain.agents import create_agent
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.pregel.remote import RemoteGraph
from langgraph.types import Command, interrupt

from flask_stream import Data, SourceError, relay
from tests.conftest import Site, said
from tests.provider import Provider, told
from tests.sources.langchain.site import asked, model_of

WIRES = ["anthropic", "openai_chat", "openai_responses"]
LAMP = "The lighthouse at Tern Point has 214 steps.\n\nBring a lamp 🔦."
LOOK = "Let me look up the tides."


@tool
def tide_table(harbour: str, days: int) -> str:
    """When it is high water."""
    return "high at noon"


@tool
def broken(harbour: str, days: int) -> str:
    """Asks somebody else."""
    raise httpx.ReadError("the tool's own")


broken.name = "tide_table"


class Fake(GenericFakeChatModel):
    """A model that has these answers."""

    def bind_tools(self, *args: Any, **kwargs: Any) -> Any:
        return self


def call(id: str, name: str = "tide_table", **args: Any) -> AIMessage:
    wanted = {"name": name, "args": args, "id": id, "type": "tool_call"}
    return AIMessage(LOOK, tool_calls=[wanted])


def fake(*answers: AIMessage) -> Fake:
    """What of it calls a tool does so only where it does not stream."""
    calls = any(answer.tool_calls for answer in answers)
    return Fake(messages=iter(answers), disable_streaming=calls)


def fake_agent(*tools: Any, **options: Any) -> Any:
    """An agent that looks up the tides, and then answers."""
    model = fake(call("1", harbour="Tern Point", days=2), AIMessage(LAMP))
    return create_agent(model, list(tools) or [tide_table], **options)


def passed_on(stream: Any) -> Iterator[Any]:
    yield from stream


async def passed_on_async(stream: Any) -> AsyncIterator[Any]:
    async for item in stream:
        yield item


def ask(site: Site, view: Callable[[], Any]) -> list[tuple[str, Any]]:
    site.view(view)
    return site.events()


TWO_STEPS = ["text", "tool_call_start", "tool_call", "tool_result", "text"]


def steps(events: list[tuple[str, Any]]) -> list[str]:
    """The kinds of the events, each once where it comes several times in a row."""
    kinds = [kind for kind, _ in events if kind not in ("start", "tool_call_delta", "reasoning")]
    return [k for n, k in enumerate(kinds) if k != (kinds[n - 1] if n else None) and k != "meta"]


MODES: list[dict[str, Any]] = [
    {"stream_mode": "messages"},
    {"stream_mode": ["messages"]},
    {"stream_mode": ["messages", "updates"]},
    {"stream_mode": ["values", "messages", "updates", "custom", "tasks", "debug"]},
    {"stream_mode": "messages", "subgraphs": True},
    {"stream_mode": ["updates", "messages"], "subgraphs": True},
    {"stream_mode": ["messages", "updates", "values"], "version": "v2"},
    {"stream_mode": "messages", "version": "v2", "subgraphs": True},
]
GRAPH_WAYS: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "returned": lambda agent, mode: agent.stream(asked("Hello?"), **mode),
    "relayed": lambda agent, mode: relay(agent.stream(asked("Hello?"), **mode)),
    "yielded": lambda agent, mode: passed_on(agent.stream(asked("Hello?"), **mode)),
    "async": lambda agent, mode: agent.astream(asked("Hello?"), **mode),
    "async yielded": lambda agent, mode: passed_on_async(agent.astream(asked("Hello?"), **mode)),
}
EACH = [
    *((way, wire, MODES[0]) for way in GRAPH_WAYS for wire in WIRES),
    *((way, "openai_chat", mode) for way in GRAPH_WAYS for mode in MODES[1:]),
]


@pytest.mark.parametrize(("way", "wire", "mode"), EACH)
def test_an_agent_that_calls_a_tool(
    provider: Provider, site: Site, wire: str, way: str, mode: dict[str, Any]
) -> None:
    thinks = "thinking_tool" if wire == "anthropic" else "reasoning_tool"
    provider.play(told(wire, thinks), told(wire))
    agent = create_agent(model_of(wire, provider.base), [tide_table])
    events = ask(site, lambda: GRAPH_WAYS[way](agent, mode))
    assert said(events) == f"{LOOK}\n\n{LAMP}"
    assert steps(events) == [*TWO_STEPS, "usage", "done"]
    results = [data for kind, data in events if kind == "tool_result"]
    assert [(data["result"], data["name"]) for data in results] == [("high at noon", "tide_table")]
    done = events[-1][1]
    assert (done["stop_reason"], done["usage"]["output_tokens"]) == ("stop", 78)


@pytest.mark.parametrize("mode", ["updates", "values", ["values", "updates"]])
@pytest.mark.parametrize("way", GRAPH_WAYS)
def test_modes_that_give_whole_messages(site: Site, way: str, mode: Any) -> None:
    events = ask(site, lambda: GRAPH_WAYS[way](fake_agent(), {"stream_mode": mode}))
    assert said(events) == f"{LOOK}\n\n{LAMP}"
    assert steps(events) == [*TWO_STEPS, "done"]
    assert events[-1][1]["stop_reason"] == "stop"


def test_what_was_said_before_is_not_told_again(site: Site) -> None:
    agent = create_agent(
        fake(AIMessage("One."), AIMessage("Two.")), [], checkpointer=InMemorySaver()
    )
    site.view(
        lambda: agent.stream(
            asked("Hello?"), {"configurable": {"thread_id": "1"}}, stream_mode="values"
        )
    )
    assert [said(site.events()) for _ in range(2)] == ["One.", "Two."]


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_state_whose_messages_have_no_ids(site: Site, version: str) -> None:
    class State(TypedDict):
        turns: Annotated[list[AnyMessage], add]

    def node(text: str) -> Any:
        return lambda state: {"turns": [AIMessage(text)]}

    graph = StateGraph(State)
    graph.add_sequence([("one", node("One.")), ("two", node("Two."))])
    graph.add_edge(START, "one")
    state = {"turns": [HumanMessage("Hello?"), AIMessage("Before.")]}
    built: Any = graph.compile()
    modes = {"stream_mode": "values", "version": version}
    assert said(ask(site, lambda: built.stream(state, **modes))) == "One.\n\nTwo."


def custom_graph(*written: Any) -> Any:
    def node(state: Any) -> Any:
        for value in written:
            get_stream_writer()(value)
        return {}

    graph = StateGraph(MessagesState)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    return graph.compile()


@pytest.mark.parametrize("mode", ["custom", ["custom", "messages"]])
@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("asynchronous", [False, True])
def test_what_nodes_write(site: Site, mode: Any, version: str, asynchronous: bool) -> None:
    graph = custom_graph({"done": 1}, "Words.", Data("progress", 3), ["debug", 2], ("messages", 1))
    stream = graph.astream if asynchronous else graph.stream
    events = ask(site, lambda: stream(asked("Hello?"), stream_mode=mode, version=version))
    assert [event for event in events if event[0] not in ("start", "meta")] == [
        ("custom", {"done": 1}),
        ("text", {"text": "Words."}),
        ("progress", 3),
        ("custom", ["debug", 2]),
        ("custom", ["messages", 1]),
        ("done", {"stop_reason": "stop", "text_length": 6}),
    ]


def test_a_subgraph(site: Site) -> None:
    inner = create_agent(fake(AIMessage("From within.")), [])
    graph = StateGraph(MessagesState)
    graph.add_node("inner", inner)
    graph.add_node("outer", lambda state: {"messages": [AIMessage("From without.")]})
    graph.add_edge(START, "inner")
    graph.add_edge("inner", "outer")
    built: Any = graph.compile()
    mode = {"stream_mode": ["messages", "updates", "values"], "subgraphs": True}
    events = ask(site, lambda: built.stream(asked("Hello?"), **mode))
    assert said(events) == "From within.\n\nFrom without."


def test_models_that_speak_at_the_same_time(site: Site) -> None:
    graph = StateGraph(MessagesState)
    for name in ("left", "right"):
        model = fake(AIMessage(" ".join(f"{name}{n}" for n in range(20))))
        graph.add_node(name, lambda state, model=model: {"messages": [model.invoke("Hello?")]})
        graph.add_edge(START, name)
    built: Any = graph.compile()
    text = said(ask(site, lambda: built.stream(asked("Hello?"), stream_mode="messages")))
    for name in ("left", "right"):  # each whole, and the words of one among those of the other
        assert [w for w in text.split() if w.startswith(name)] == [f"{name}{n}" for n in range(20)]


def waiting_agent() -> Any:
    graph = StateGraph(MessagesState)

    def approve(state: Any) -> Any:
        answer = interrupt({"question": "Really?"})
        return {"messages": [AIMessage(f"You said {answer}.")]}

    graph.add_node("approve", approve)
    graph.add_edge(START, "approve")
    graph.add_edge("approve", END)
    return graph.compile(checkpointer=InMemorySaver())


INTERRUPTED: list[dict[str, Any]] = [
    {"stream_mode": ["messages", "updates"]},
    {"stream_mode": ["values", "updates"]},
    {"stream_mode": "values", "version": "v2"},
]


@pytest.mark.parametrize("mode", INTERRUPTED)
@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_graph_that_waits_for_somebody(
    site: Site, mode: dict[str, Any], asynchronous: bool
) -> None:
    graph = waiting_agent()
    stream = graph.astream if asynchronous else graph.stream
    config = {"configurable": {"thread_id": "1"}}
    inputs = [asked("Hello?"), Command(resume="yes")]
    site.view(lambda: stream(inputs.pop(0), config, **mode))
    first, second = site.events(), site.events()
    waits = [data for kind, data in first if kind == "interrupt"]
    assert [data["value"] for data in waits] == [{"question": "Really?"}]
    assert waits[0]["id"]
    assert said(first) == ""
    assert said(second) == "You said yes."
    assert "interrupt" not in [kind for kind, _ in second]


# -- astream_events ---------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*deprecated")
@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("wire", WIRES)
def test_an_agents_events(provider: Provider, site: Site, wire: str, version: str) -> None:
    thinks = "thinking_tool" if wire == "anthropic" else "reasoning_tool"
    provider.play(told(wire, thinks), told(wire))
    agent = create_agent(model_of(wire, provider.base), [tide_table])
    events = ask(site, lambda: agent.astream_events(asked("Hello?"), version=version))
    assert said(events) == f"{LOOK}\n\n{LAMP}"
    assert events[-1][1]["usage"]["output_tokens"] == 78
    if version == "v2":
        assert steps(events) == [*TWO_STEPS, "usage", "done"]


def only_the_models(events: AsyncIterator[Any]) -> AsyncIterator[Any]:
    return (event async for event in events if event["event"] == "on_chat_model_stream")


@pytest.mark.parametrize("some", [only_the_models, passed_on_async])
def test_events_that_an_app_passes_on(
    provider: Provider, site: Site, some: Callable[[Any], AsyncIterator[Any]]
) -> None:
    """Their first item has a message in it, as an update of a graph's has."""
    provider.play(told("openai_chat"))
    model = model_of("openai_chat", provider.base)
    events = ask(site, lambda: some(model.astream_events([HumanMessage("Hello?")])))
    assert said(events) == LAMP
    assert events[-1][1]["usage"]["output_tokens"] == 17


def test_events_of_what_does_not_stream_and_of_interrupts(site: Site) -> None:
    graph = waiting_agent()
    config = {"configurable": {"thread_id": "1"}}
    inputs = [asked("Hello?"), Command(resume="yes")]
    site.view(lambda: graph.astream_events(inputs.pop(0), config))
    first, second = site.events(), site.events()
    assert [data["value"] for kind, data in first if kind == "interrupt"] == [
        {"question": "Really?"}
    ]
    assert said(second) == "You said yes."


# -- what goes wrong --------------------------------------------------------------------------


def failing(error: Exception) -> Any:
    def node(state: Any) -> Any:
        raise error

    graph = StateGraph(MessagesState)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    return graph.compile()


@pytest.mark.parametrize("way", ["returned", "yielded", "async", "async yielded"])
def test_a_tools_error_is_the_apps(site: Site, caplog: pytest.LogCaptureFixture, way: str) -> None:
    events = ask(site, lambda: GRAPH_WAYS[way](fake_agent(broken), MODES[0]))
    assert said(events) == LOOK
    assert events[-1][1]["code"] == "internal"
    assert "the tool's own" in caplog.text
    assert "the tool's own" not in json.dumps(events)


@pytest.mark.parametrize("way", ["returned", "async"])
def test_a_nodes_error_is_the_apps(site: Site, way: str) -> None:
    graph = failing(ZeroDivisionError("a bug"))
    events = ask(site, lambda: GRAPH_WAYS[way](graph, {"stream_mode": ["messages", "updates"]}))
    assert events[-1][1]["code"] == "internal"


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("way", ["returned", "async"])
@pytest.mark.parametrize(("what", "codes"), [("error", None), ("cut", "truncated")])
def test_a_models_error_is_the_providers(
    provider: Provider, site: Site, wire: str, way: str, what: str, codes: str | None
) -> None:
    provider.play(told(wire, what))
    agent = create_agent(model_of(wire, provider.base), [])
    events = ask(site, lambda: GRAPH_WAYS[way](agent, MODES[0]))
    ours = {"anthropic": "overloaded", "openai_chat": "rate_limited"}
    assert events[-1][1]["code"] == (codes or ours.get(wire, "provider_error"))
    assert "secret" not in json.dumps(events)


def test_an_agents_own_limit_is_in_the_log(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    answers = [call(str(n), harbour="Tern Point", days=2) for n in range(9)]
    agent = create_agent(fake(*answers), [tide_table])
    config = {"recursion_limit": 4}
    events = ask(site, lambda: agent.stream(asked("Hello?"), config, stream_mode="messages"))
    assert events[-1][1]["code"] == "internal"
    assert "Recursion limit of 4" in caplog.text


@pytest.mark.filterwarnings("ignore:.*(experimental|in beta)")
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda agent: agent, "graph.stream"),
        (lambda agent: relay(agent), "graph.stream"),
        (lambda agent: agent.stream_events(asked("Hello?"), version="v3"), "graph.stream"),
    ],
)
def test_what_is_no_stream_is_told(site: Site, wrong: Callable[[Any], Any], message: str) -> None:
    site.app.testing = True
    with pytest.raises(SourceError, match=message):
        ask(site, lambda: wrong(fake_agent()))


@pytest.mark.parametrize("mode", ["updates", "values", "tasks", "debug"])
def test_a_graph_that_says_nothing_is_told_of(
    site: Site, caplog: pytest.LogCaptureFixture, mode: str
) -> None:
    events = ask(site, lambda: custom_graph().stream(asked("Hello?"), stream_mode=mode))
    assert events[-1][1]["code"] == "internal"
    assert "get_stream_writer" in caplog.text


@pytest.mark.parametrize("mode", ["updates", "values", ["messages", "updates"]])
def test_an_empty_answer_is_one(site: Site, mode: Any) -> None:
    graph = StateGraph(MessagesState)
    graph.add_node("node", lambda state: {"messages": [AIMessage("")]})
    graph.add_edge(START, "node")
    built: Any = graph.compile()
    events = ask(site, lambda: built.stream(asked("Hello?"), stream_mode=mode))
    assert events[-1] == ("done", {"stop_reason": "stop", "text_length": 0})


def test_a_graph_elsewhere_is_told_of() -> None:
    with pytest.raises(SourceError, match="RemoteGraph"):
        relay(RemoteGraph("agent", sync_client=object()).stream({}))  # type: ignore[arg-type]
