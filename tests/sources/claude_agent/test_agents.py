"""The Claude Agent SDK at its newest release, driving a program that stands in for `claude`."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from claude_agent_sdk import (
    AssistantMessage,
    ClaudeSDKClient,
    ClaudeSDKError,
    CLINotFoundError,
    ResultMessage,
    ServerToolResultBlock,
    ServerToolUseBlock,
    TextBlock,
    ToolUseBlock,
    query,
)

from flask_stream import ProviderError, Result, SourceError, bridge, relay
from tests.conftest import Site, said
from tests.provider import PROVIDERS_WORDS, TEXT, Exchange, Provider, frames, told
from tests.servers.client import DEADLINE
from tests.sources.agents import expected_for
from tests.sources.claude_agent.site import CLAUDE, options
from tests.sources.contract import kinds
from tests.sources.running import AT_ONCE, Server
from tests.sources.scripts import Silent, cut, fail, speak
from tests.sources.snippets import snippets

SITE = "tests.sources.claude_agent.site:app"
NOTICED = 10.0  # seconds; with interrupt() it takes a tenth of one

Run = Callable[..., Any]


def by_query(provider: Provider, **more: Any) -> Any:
    return query(prompt="How many?", options=options(provider.base, **more))


async def by_client(provider: Provider, **more: Any) -> AsyncIterator[Any]:
    async with ClaudeSDKClient(options(provider.base, **more)) as client:
        await client.query("How many?")
        try:
            async for message in client.receive_response():
                yield message
        finally:
            with suppress(ClaudeSDKError):
                await client.interrupt()


each_way = pytest.mark.parametrize("way", [by_query, by_client])


def relayed(stream: Any) -> Result:
    """The result of relaying it."""
    relaying = relay(stream)
    while True:
        try:
            next(relaying)
        except StopIteration as end:
            result: Result = end.value
            return result


def message(*blocks: dict[str, Any], reason: str = "end_turn") -> list[bytes]:
    """An answer of the model's, event by event; a text in its words."""
    usage = {"input_tokens": 10, "output_tokens": 1}
    head = {"id": f"msg_{reason}", "role": "assistant", "model": "m-1", "usage": usage}
    pieces = [frames({"type": "message_start", "message": head})]
    for index, block in enumerate(blocks):
        start = {"type": "content_block_start", "index": index, "content_block": block}
        pieces.append(frames(start))
        for delta in block.pop("deltas"):
            pieces.append(frames({"type": "content_block_delta", "index": index, "delta": delta}))
        pieces.append(frames({"type": "content_block_stop", "index": index}))
    end = {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 5}}
    return [*pieces, frames(end), frames({"type": "message_stop"})]


def words(*texts: str) -> list[bytes]:
    deltas = [{"type": "text_delta", "text": text} for text in texts]
    return message({"type": "text", "text": "", "deltas": deltas})


def calling() -> list[bytes]:
    thought = {"type": "thinking", "thinking": "", "signature": "secret-signature"}
    thinking = thought | {"deltas": [{"type": "thinking_delta", "thinking": "Let me see."}]}
    said = {"type": "text", "text": "", "deltas": [{"type": "text_delta", "text": "I look."}]}
    parts = ('{"pl', 'ace": "Ar-Men"}')
    deltas = [{"type": "input_json_delta", "partial_json": part} for part in parts]
    call = {"type": "tool_use", "id": "call_1", "name": "look", "input": {}, "deltas": deltas}
    return message(thinking, said, call, reason="tool_use")


def words_for(exchange: Exchange) -> list[bytes]:
    """An answer that no other question gets: after a call of the tool."""
    question = exchange.body["messages"][0]["content"]
    if len(exchange.body["messages"]) == 1:
        return calling()
    return words(*(f"{question}·{number} " for number in range(20)))


@each_way
@pytest.mark.parametrize("is_partial", [True, False])
def test_a_run_with_a_tool(site: Site, provider: Provider, way: Run, is_partial: bool) -> None:
    provider.run(speak(calling()), speak(words("It has ", "214 steps.")))

    def view() -> Any:
        stream = way(provider)
        if not is_partial:
            stream = without_partial(stream)
        return stream

    results: list[Result] = []
    site.view(view, on_finish=results.append)
    events = site.events()
    assert said(events) == "I look.\n\nIt has 214 steps."
    told = dict(events)
    assert told["reasoning"] == {"text": "Let me see."}
    assert told["tool_call"] == {"id": "call_1", "name": "look", "arguments": {"place": "Ar-Men"}}
    assert told["tool_result"] == {"id": "call_1", "name": "look", "result": "214 steps"}
    assert told["usage"] == {"input_tokens": 20, "output_tokens": 10}
    assert ("tool_call_delta" in told) is is_partial
    calls = ["tool_call_start", *(["tool_call_delta"] if is_partial else []), "tool_call"]
    assert kinds(events) == [
        *("meta", "reasoning", "text", *calls, "tool_result"),
        *(["meta"] if is_partial else []),
        *("text", "usage", "done"),
    ]
    assert (results[0].stop_reason, results[0].provider_stop_reason) == ("stop", "end_turn")
    assert "secret-signature" not in str(events)


async def without_partial(messages: Any) -> AsyncIterator[Any]:
    async for each in messages:
        if type(each).__name__ != "StreamEvent":
            yield each


def test_the_words_are_those_of_the_runs_own_result(provider: Provider) -> None:
    provider.play(told("anthropic"))
    assert relayed(by_query(provider)).text == TEXT
    *_, last = bridge(by_query(provider))
    assert last.result == TEXT


def test_the_next_run_can_go_on_with_the_session(site: Site, provider: Provider) -> None:
    provider.run(speak(words("One.")), speak(words("Two.")))

    def view() -> Iterator[Any]:
        result = yield from relay(by_query(provider))
        yield from relay(by_query(provider, resume=result.message))

    site.view(view)
    assert said(site.events()) == "One.\n\nTwo."


def test_what_subagents_say_is_none_of_the_answer() -> None:
    call = ToolUseBlock("1", "Task", {})
    inner = AssistantMessage([TextBlock("Aside.")], "m-1", parent_tool_use_id="1")
    end = ResultMessage("success", 1, 1, False, 1, "s", result="Done.")
    messages = [
        AssistantMessage([call], "m-1"),
        inner,
        AssistantMessage([TextBlock("Done.")], "m-1"),
        end,
    ]
    assert relayed(iter(messages)).text == "Done."


def test_what_the_models_own_tools_give_comes_where_it_was_given(site: Site) -> None:
    searched = {"type": "web_search_tool_result", "content": []}
    blocks = [
        ServerToolUseBlock("1", "web_search", {"query": "steps"}),
        ServerToolResultBlock("1", searched),
        TextBlock("Done."),
    ]
    end = ResultMessage("success", 1, 1, False, 1, "s", result="Done.")
    site.view(lambda: iter([AssistantMessage(blocks, "m-1"), end]))
    told = kinds(site.events())
    assert told[told.index("tool_call") :] == ["tool_call", "tool_result", "text", "done"]


# -- what goes wrong ---------------------------------------------------------------------------


@each_way
@pytest.mark.parametrize(("status", "code"), [(429, "rate_limited"), (529, "overloaded")])
def test_an_error_of_the_provider(
    site: Site, provider: Provider, way: Run, status: int, code: str
) -> None:
    provider.run(fail(status, {"error": {"message": "secret"}}))
    site.view(lambda: way(provider))
    answer = site.ask(headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json["error"]["code"]) == (503, code)
    assert "secret" not in answer.text


@each_way
def test_an_error_event_in_mid_stream(site: Site, provider: Provider, way: Run) -> None:
    provider.play(told("anthropic", "error"))
    site.view(lambda: way(provider))
    *_, (name, data) = events = site.events()
    assert (name, data["code"]) == ("failed", "overloaded")
    assert PROVIDERS_WORDS not in str(events)


@each_way
def test_a_process_that_dies_in_mid_stream(site: Site, provider: Provider, way: Run) -> None:
    provider.run(cut(words("It ", "has ", "214")[:3]))
    site.view(lambda: way(provider))
    events = site.events()
    assert said(events) == "It "
    assert (events[-1][0], events[-1][1]["code"]) == ("failed", "provider_error")


def test_a_limit_of_the_apps_is_told_in_the_log(
    site: Site, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    provider.run(speak(calling()))
    site.view(lambda: by_query(provider, max_turns=1))
    (*_, (name, data)) = site.events()
    assert (name, data["code"], data["retryable"]) == ("failed", "provider_error", False)
    assert "error_max_turns" in caplog.text


def test_a_command_that_is_not_there_is_the_apps(provider: Provider) -> None:
    missing = options(provider.base)
    missing.cli_path = "/nowhere/claude"
    with pytest.raises(CLINotFoundError):
        relayed(query(prompt="How many?", options=missing))


def test_a_run_without_a_result_was_cut() -> None:
    with pytest.raises(ProviderError) as error:
        relayed(iter([AssistantMessage([TextBlock("Half")], "m-1")]))
    assert error.value.error_code == "truncated"


def test_what_is_no_stream_is_told() -> None:
    with pytest.raises(SourceError, match="receive_response"):
        relay(ClaudeSDKClient())


# -- on gunicorn -------------------------------------------------------------------------------


@pytest.fixture
def worker(request: pytest.FixtureRequest) -> str:
    """Of `server`."""
    return str(request.node.callspec.params["server"])


@pytest.mark.parametrize("way", ["query", "client"])
def test_a_reader_who_leaves_in_silence(
    server: Server, speaking: Provider, worker: str, way: str
) -> None:
    if worker == "gevent":
        return
    silent = Silent(words("It ", "has")[:4])
    speaking.run(silent)
    with server.connect() as client:
        client.ask("POST", f"/{way}/left").until(b"has")
        silent.said_all()
        left_at = time.monotonic()
    assert silent.left_at() - left_at < (NOTICED if way == "client" else DEADLINE)


def test_many_at_once(server: Server, speaking: Provider, worker: str) -> None:
    if worker == "gevent":
        return
    speaking.run(speak(words_for))
    answers = server.at_once(lambda number: f"/{['query', 'client'][number % 2]}/q-{number}")
    assert len(answers) == AT_ONCE
    for number, events in enumerate(answers):
        assert said(events).endswith(expected_for(f"q-{number}"))
        assert events[-1][0] == "done"


def test_with_gevent_it_is_told_that_no_process_can_be_started(server: Server, worker: str) -> None:
    if worker == "gthread":
        return
    with server.connect() as client:
        client.ask("POST", "/query/once").whole()
    assert client.status == 500
    assert "gunicorn -k gthread" in server.log


def test_the_snippet_of_the_docs(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVIDER", provider.base)
    provider.play(told("anthropic"))
    names: dict[str, Any] = {"__name__": "app"}
    exec(snippets("Claude Agent SDK")[0], names)
    names["options"].cli_path = CLAUDE
    answer = names["app"].test_client().post("/chat", data={"question": "How many?"})
    assert "has 214 steps." in answer.text
    assert "event: done" in answer.text
