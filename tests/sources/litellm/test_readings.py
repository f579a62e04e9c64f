"""What LiteLLM reads over OpenAI's SDK, and what it reads itself, in all the ways to ask it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from flask_stream import Result, SourceError, Usage, relay
from tests.conftest import Site, said
from tests.provider import Provider, frames, told
from tests.sources import openai_wire as wire
from tests.sources.contract import NOTICED, WORDS, consumed, consumed_async
from tests.sources.litellm.site import asked, litellm
from tests.sources.running import Server
from tests.sources.scripts import Silent, cut, fail, speak

SITE = "tests.sources.litellm.site:app"


async def awaited(coroutine: Any) -> Any:
    return await coroutine


def ask(base: str, model: str = "openai/m", **more: Any) -> Any:
    return litellm.completion(**asked("Hello?", base, model=model, **more))


def ask_async(base: str, model: str) -> Any:
    return litellm.acompletion(**asked("Hello?", base, model=model))


each_model = pytest.mark.parametrize("model", ["openai/m", "mistral/m"])
WAYS = {
    "sync": ask,
    "async": ask_async,
    "an async view": lambda base, model: awaited(ask_async(base, model)),
    "items": lambda base, model: (item for item in ask(base, model)),
}
each_way = pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))


@each_model
@each_way
def test_an_answer(provider: Provider, site: Site, way: Any, model: str) -> None:
    thought = frames(wire.chunk(role="assistant", reasoning_content="Think."))
    provider.run(speak([thought, *wire.pieces(WORDS)]))
    results: list[Result] = []
    site.view(on_finish=results.append)(lambda: way(provider.base, model))
    events = site.events()
    (result,) = results
    assert (said(events), events[-1][0]) == ("".join(WORDS), "done")
    assert result.reasoning == "Think."
    assert result.usage is not None
    assert (result.usage.input_tokens, result.usage.output_tokens) == (3, 5)
    assert result.message == {
        "role": "assistant",
        "content": "".join(WORDS),
        "reasoning_content": "Think.",
    }


@each_model
@each_way
def test_what_goes_wrong(provider: Provider, site: Site, way: Any, model: str) -> None:
    begun = wire.pieces(WORDS)[:1]
    error = {"error": {"message": "secret words", "type": "server_error", "code": 503}}
    provider.run(speak([*begun, frames(error)]), cut(begun), speak(begun))
    site.view(lambda: way(provider.base, model))
    codes = []
    for _ in range(3):
        events = site.events()
        assert said(events) == WORDS[0]
        assert "secret" not in str(events)
        codes.append(events[-1][1]["code"])
    assert codes == ["overloaded", "truncated", "truncated"]


@each_model
@pytest.mark.parametrize("way", ["sync", "async", "an async view"])
def test_a_provider_who_says_nothing(provider: Provider, site: Site, way: str, model: str) -> None:
    """LiteLLM makes a chunk of its own then, which says «stop»."""
    provider.run(speak([]))
    site.view(lambda: WAYS[way](provider.base, model))
    kind, data = site.events()[-1]
    assert (kind, data["code"]) == ("failed", "truncated")


def test_an_answer_of_nothing_is_one_where_the_provider_says_so(
    provider: Provider, site: Site
) -> None:
    provider.run(speak([frames(wire.chunk(role="assistant", finish="stop"))]))
    site.view(lambda: ask(provider.base))
    assert site.events()[-1][0] == "done"


@each_model
@pytest.mark.parametrize("way", ["sync", "relayed", "async"])
def test_a_stream_that_was_read_to_its_end(
    provider: Provider, site: Site, way: str, model: str
) -> None:
    site.app.testing = True
    provider.run(speak(wire.pieces(WORDS)))
    views = {
        "sync": lambda: consumed(ask(provider.base, model)),
        "relayed": lambda: relay(consumed(ask(provider.base, model))),
        "async": lambda: consumed_async(ask_async(provider.base, model)),
    }
    site.view(views[way])
    with pytest.raises(SourceError, match="a stream that is closed"):
        site.events()


@pytest.mark.parametrize("ask", ["completion", "acompletion"])
def test_an_error_in_mid_stream_of_a_router(provider: Provider, site: Site, ask: str) -> None:
    error = {"error": {"message": "secret words", "type": "rate_limit_error", "code": 429}}
    provider.run(speak([*wire.pieces(WORDS)[:1], frames(error)]))
    given = {"model": "openai/m", "api_base": f"{provider.base}/v1", "api_key": "none"}
    model = {"model_name": "ours", "litellm_params": {**given, "max_retries": 0}}
    router = litellm.Router([model], num_retries=0)
    messages = [{"role": "user", "content": "Hello?"}]
    site.view(lambda: getattr(router, ask)(model="ours", messages=messages, stream=True))
    events = site.events()
    assert (said(events), events[-1][1]["code"]) == (WORDS[0], "rate_limited")
    assert "secret" not in str(events)


def test_what_claude_has_thought_goes_back_to_it(provider: Provider, site: Site) -> None:
    provider.run(speak([told("anthropic", "thinking_tool")]), speak([told("anthropic")]))
    tools = [{"type": "function", "function": {"name": "t", "parameters": {"type": "object"}}}]
    results: list[Result] = []

    def view() -> Iterator[Any]:
        messages: list[Any] = [{"role": "user", "content": "Hello?"}]
        while True:
            more = {"messages": messages, "tools": tools, "api_base": provider.base}
            result = yield from relay(ask("", "anthropic/claude-3", **more))
            results.append(result)
            if not result.tool_calls:
                return
            messages.append(result.message)
            for call in result.tool_calls:
                messages.append({"role": "tool", "tool_call_id": call.id, "content": "214"})

    site.view(view)
    events = site.events()
    assert events[-1][0] == "done", events
    given, *_ = results[0].message["thinking_blocks"]
    thinking, *_ = provider.requests[1]["messages"][1]["content"]
    assert thinking == {
        "type": "thinking",
        "thinking": results[0].reasoning,
        "signature": given["signature"],
    }


@pytest.mark.parametrize("path", ["/chat/own", "/relay/own", "/async/own"])
def test_a_reader_who_leaves_its_own_reading(server: Server, speaking: Provider, path: str) -> None:
    """There no response is to be seen, and still its connection is closed."""
    silent = Silent(wire.pieces(WORDS)[:2])
    speaking.run(silent)
    with server.connect() as client:
        client.ask("POST", f"{path}?model=mistral/m").until(b"214 steps")
        silent.said_all()
        left_at = time.monotonic()
    assert silent.left_at() - left_at < NOTICED


# -- the Responses API ------------------------------------------------------------------------


def respond(base: str, *, ask: Any = litellm.responses, **more: Any) -> Any:
    given = asked("Hello?", base, model="openai/gpt-4o", **more)
    names = ("model", "api_base", "api_key", "stream")
    return ask(input="Hello?", **{name: given[name] for name in names})


RESPONSES = {
    "sync": respond,
    "async": lambda base: respond(base, ask=litellm.aresponses),
    "an async view": lambda base: awaited(respond(base, ask=litellm.aresponses)),
    "items": lambda base: (item for item in respond(base)),
}


@pytest.mark.parametrize("way", RESPONSES.values(), ids=list(RESPONSES))
def test_responses(provider: Provider, site: Site, way: Any) -> None:
    whole = told("openai_responses")
    part = whole[: whole.index(b"event: response.output_text.done")]
    error = {"type": "error", "code": "server_error", "message": "secret words", "param": None}
    provider.run(
        speak([whole]),
        cut([part]),
        speak([part]),
        speak([part, frames({**error, "sequence_number": 9})]),
    )
    results: list[Result] = []
    site.view(on_finish=results.append)(lambda: way(provider.base))
    events = site.events()
    assert (said(events), events[-1][0]) == (results[0].text, "done")
    assert results[0].usage == Usage(51, 17, cache_read_tokens=40, reasoning_tokens=0)
    assert results[0].message[0]["content"][0]["text"] == results[0].text
    codes = [site.events()[-1][1]["code"] for _ in range(3)]
    assert codes == ["truncated", "truncated", "provider_error"]
    assert b"secret" not in site.ask().data


@pytest.mark.parametrize("path", ["/responses/left", "/aresponses/left"])
def test_a_reader_who_leaves_a_response(server: Server, speaking: Provider, path: str) -> None:
    whole = told("openai_responses")
    silent = Silent([whole[: whole.index(b"event: response.output_text.done")]])
    speaking.run(silent)
    with server.connect() as client:
        client.ask("POST", path).until(b"214 steps")
        silent.said_all()
        left_at = time.monotonic()
    assert silent.left_at() - left_at < NOTICED


def test_a_whole_response_is_refused(provider: Provider, site: Site) -> None:
    site.app.testing = True
    body = {"id": "r", "object": "response", "created_at": 1, "status": "completed"}
    provider.run(fail(200, {**body, "model": "m", "output": []}))
    site.view(lambda: respond(provider.base, stream=False))
    with pytest.raises(SourceError, match="complete answer"):
        site.events()
