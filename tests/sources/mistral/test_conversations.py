"""The conversations that Mistral keeps, as its client streams them."""

from __future__ import annotations

import time
from typing import Any

import pytest

from flask_stream import Source, SourceError, ToolCall, Usage
from tests.conftest import Site, said
from tests.provider import Provider, frames
from tests.sources.contract import NOTICED, WORDS, kinds, result_of
from tests.sources.mistral.test_mistral import client_of
from tests.sources.running import Server
from tests.sources.scripts import Silent, fail, speak

SITE = "tests.sources.mistral.site:app"


def events(*told: dict[str, Any]) -> list[bytes]:
    return [frames(d) for d in told]


def thought(text: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}]}


STARTED = {"type": "conversation.response.started", "conversation_id": "conv-1"}
ENDED = {
    "type": "conversation.response.done",
    "usage": {"prompt_tokens": 12, "completion_tokens": 7, "total_tokens": 19},
}


def output(content: Any, index: int = 0) -> dict[str, Any]:
    told = {"type": "message.output.delta", "id": "msg-1", "role": "assistant", "model": "m"}
    return {**told, "content": content, "output_index": index, "content_index": 0}


def tool(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": f"tool.execution.{kind}", "id": "t-1", "name": "web_search", **more}


def function_call(arguments: str) -> dict[str, Any]:
    told = {"type": "function.call.delta", "id": "f-1", "tool_call_id": "c-9"}
    return {**told, "name": "steps_of", "arguments": arguments}


def converse(base: str, *, is_async: bool = False) -> Any:
    conversations = client_of(base).beta.conversations
    start = conversations.start_stream_async if is_async else conversations.start_stream
    return start(model="m", inputs="How many?", store=True)


WAYS = {
    "sync": converse,
    "async": lambda base: converse(base, is_async=True),
    "items": lambda base: (item for item in converse(base)),
}
each_way = pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))


@each_way
def test_a_conversation(provider: Provider, site: Site, way: Any) -> None:
    page = {
        "type": "tool_reference",
        "tool": "web_search",
        "title": "A",
        "url": "https://a.example",
    }
    provider.run(
        speak(
            events(
                STARTED,
                output(thought("Let me look.")),
                tool("started", arguments='{"query": '),
                tool("delta", arguments='"steps"}'),
                tool("done", info={"found": 1}),
                {
                    "type": "agent.handoff.started",
                    "id": "h",
                    "previous_agent_id": "a",
                    "previous_agent_name": "A",
                },
                output("214", 1),
                output({"type": "text", "text": " steps."}, 1),
                output(page, 1),
                output("Bye.", 2),
                ENDED,
            )
        )
    )
    result, told = result_of(site, lambda: way(provider.base))
    assert kinds(told)[-1] == "done"
    assert result.reasoning == "Let me look."
    assert result.text == "214 steps.\n\nBye."
    assert result.model == "m"
    assert result.response_id == "conv-1"
    assert result.usage == Usage(12, 7)
    assert result.sources == [Source("https://a.example", "A")]
    assert (result.stop_reason, result.message, result.tool_calls) == ("stop", None, [])
    (call,) = [data for kind, data in told if kind == "tool_call"]
    assert call == {
        "id": "t-1",
        "name": "web_search",
        "arguments": {"query": "steps"},
        "server": True,
    }
    (given,) = [data for kind, data in told if kind == "tool_result"]
    assert given == {"id": "t-1", "name": "web_search", "result": {"found": 1}}


@each_way
def test_a_conversations_call_is_for_the_app(provider: Provider, site: Site, way: Any) -> None:
    provider.run(
        speak(events(STARTED, function_call('{"tower": '), function_call('"old"}'), ENDED))
    )
    result, told = result_of(site, lambda: way(provider.base))
    assert result.tool_calls == [ToolCall("c-9", "steps_of", {"tower": "old"})]
    assert result.stop_reason == "tool_calls"
    assert [data["arguments"] for kind, data in told if kind == "tool_call_delta"] == [
        '{"tower": ',
        '"old"}',
    ]


@each_way
@pytest.mark.parametrize(
    ("end", "code"),
    [
        ([], "truncated"),
        (
            [{"type": "conversation.response.error", "message": "secret", "code": 503}],
            "overloaded",
        ),
    ],
)
def test_a_conversation_that_fails(
    provider: Provider, site: Site, way: Any, end: list[Any], code: str
) -> None:
    provider.run(speak(events(STARTED, output("214"), *end)))
    site.view(lambda: way(provider.base))
    told = site.events()
    assert said(told) == "214"
    assert (told[-1][0], told[-1][1]["code"]) == ("failed", code)
    assert b"secret" not in site.ask().data


def test_a_reader_who_leaves_a_conversation(server: Server, speaking: Provider) -> None:
    silent = Silent(events(STARTED, *(output(word) for word in WORDS[:2])))
    speaking.run(silent)
    with server.connect() as client:
        client.ask("POST", "/conversation/left").until(b"214 steps")
        silent.said_all()
        left_at = time.monotonic()
    assert silent.left_at() - left_at < NOTICED


def test_a_conversations_whole_answer_is_refused(provider: Provider, site: Site) -> None:
    site.app.testing = True
    entry = {"type": "message.output", "content": "214", "role": "assistant"}
    body = {"conversation_id": "conv-1", "outputs": [entry], "usage": ENDED["usage"]}
    provider.run(fail(200, body))
    conversations = client_of(provider.base).beta.conversations
    site.view(lambda: conversations.start(model="m", inputs="How many?"))
    with pytest.raises(SourceError, match="complete answer"):
        site.events()
