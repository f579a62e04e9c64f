"""The SDKs' clients for other people's clouds: Bedrock, Vertex, Azure; over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import openai
import pytest

from flask_stream import Result, relay, sse
from tests import aws
from tests.conftest import Site, said
from tests.provider import TEXT, WORDS, Exchange, Provider, Script, told
from tests.servers.client import DEADLINE
from tests.servers.running import until
from tests.transcripts.reading import collect

SHORT = 0.5  # seconds: some ticks of the watcher

MESSAGES: Any = [{"role": "user", "content": "Hello?"}]
DICTS = [json.loads(event.data) for event in sse.decode([told("anthropic")])]


def in_chunks(
    *more: bytes, dicts: list[Any] = DICTS, content_type: str = aws.CONTENT_TYPE
) -> Script:
    """Bedrock's answer: the `anthropic_text` stream in AWS's encoding, and what comes then."""

    def script(exchange: Exchange) -> None:
        exchange.start(content_type)
        for d in dicts:
            exchange.send(aws.chunk(d))
        for message in more:
            exchange.send(message)
        exchange.end()

    return script


@pytest.fixture
def bedrock(provider: Provider) -> Iterator[anthropic.AnthropicBedrock]:
    with anthropic.AnthropicBedrock(
        api_key="none", aws_region="eu-west-1", base_url=provider.base, max_retries=0
    ) as client:
        yield client


WAYS: dict[str, Callable[[Any], Any]] = {
    "create": lambda c: c.messages.create(model="m", max_tokens=64, messages=MESSAGES, stream=True),
    "beta": lambda c: c.beta.messages.create(
        model="m", max_tokens=64, messages=MESSAGES, stream=True
    ),
    "stream": lambda c: c.messages.stream(model="m", max_tokens=64, messages=MESSAGES),
}
each_way = pytest.mark.parametrize("ask", WAYS.values(), ids=list(WAYS))


@each_way
def test_bedrock_says_what_anthropic_says(
    site: Site, provider: Provider, bedrock: Any, ask: Callable[[Any], Any]
) -> None:
    provider.run(in_chunks())
    results: list[Result] = []
    site.view(on_finish=results.append)(lambda: ask(bedrock))
    events = site.events()
    assert (said(events), events[-1][0]) == (TEXT, "done")
    provider.play(told("anthropic"))
    [ours], plain = results, collect(relay(provider.create("anthropic")))[1]
    assert (ours.message, ours.usage) == (plain.message, plain.usage)
    assert (ours.model, ours.response_id) == (plain.model, plain.response_id)


@each_way
@pytest.mark.parametrize("content_type", ["application/octet-stream", "text/event-stream"])
def test_what_bedrocks_client_decodes_is_left_to_it_whatever_it_is_called(
    provider: Provider, bedrock: Any, ask: Callable[[Any], Any], content_type: str
) -> None:
    provider.run(in_chunks(content_type=content_type))
    _, result = collect(relay(ask(bedrock)))
    assert (result.outcome, result.text) == ("complete", TEXT)


@pytest.mark.parametrize(
    ("kind", "code", "retryable"),
    [
        ("throttlingException", "rate_limited", True),
        ("serviceUnavailableException", "overloaded", True),
        ("modelTimeoutException", "timeout", True),
        ("modelStreamErrorException", "provider_error", True),
        ("internalServerException", "provider_error", True),
        ("validationException", "bad_request", False),
    ],
)
@each_way
def test_an_exception_of_bedrocks_in_mid_stream_has_its_code(
    provider: Provider,
    bedrock: Any,
    ask: Callable[[Any], Any],
    kind: str,
    code: str,
    retryable: bool,
) -> None:
    words = aws.exception(kind, "Too many tokens, please wait before trying again.")
    provider.run(in_chunks(words, dicts=DICTS[:4]))
    _, result = collect(relay(ask(bedrock)))
    assert result.error is not None
    assert (result.error.code, result.error.retryable) == (code, retryable)
    assert result.text == WORDS[0]


@each_way
def test_a_stream_of_bedrocks_that_is_cut_is_truncated(
    provider: Provider, bedrock: Any, ask: Callable[[Any], Any]
) -> None:
    provider.run(in_chunks(aws.chunk(DICTS[4])[:20], dicts=DICTS[:4]))
    _, result = collect(relay(ask(bedrock)))
    assert result.error is not None
    assert (result.error.code, result.text) == ("truncated", WORDS[0])


def test_a_stream_of_bedrocks_that_falls_silent_is_closed(
    site: Site, provider: Provider, bedrock: Any
) -> None:
    gone: list[bool] = []

    def stall(exchange: Exchange) -> None:
        exchange.start(aws.CONTENT_TYPE)
        for d in DICTS[:4]:
            exchange.send(aws.chunk(d))
        gone.append(exchange.gone(DEADLINE))

    provider.run(in_chunks(), stall)
    collect(relay(WAYS["create"](bedrock)))  # the SDK builds its models and AWS's shapes
    site.view(idle_seconds=SHORT)(lambda: WAYS["create"](bedrock))
    assert site.events()[-1][1]["code"] == "timeout"
    until(lambda: gone == [True], "the silent stream was not closed")


def mantle(base: str) -> Any:
    return anthropic.AnthropicBedrockMantle(
        api_key="none", aws_region="eu-west-1", base_url=base, max_retries=0
    )


def vertex(base: str) -> Any:
    return anthropic.AnthropicVertex(
        region="eu", project_id="p", access_token="none", base_url=base, max_retries=0
    )


@pytest.mark.parametrize("client", [mantle, vertex])
@each_way
def test_other_clouds_of_anthropics_send_plain_events(
    provider: Provider, client: Callable[[str], Any], ask: Callable[[Any], Any]
) -> None:
    provider.play(told("anthropic"))
    with client(provider.base) as cloud:
        _, result = collect(relay(ask(cloud)))
    assert (result.outcome, result.text, result.provider) == ("complete", TEXT, "anthropic")


@pytest.mark.parametrize("wire", ["openai_chat", "openai_responses"])
@pytest.mark.parametrize("helper", [False, True], ids=["create", "stream"])
def test_azure_sends_what_openai_sends(provider: Provider, wire: str, helper: bool) -> None:
    provider.play(told(wire))
    with openai.AzureOpenAI(
        azure_endpoint=provider.base, api_key="none", api_version="2025-04-01", max_retries=0
    ) as azure:
        how: Any = {} if helper else {"stream": True}
        api: Any = azure.responses if wire == "openai_responses" else azure.chat.completions
        asked = {"input": "?"} if wire == "openai_responses" else {"messages": MESSAGES}
        ask = api.stream if helper else api.create
        _, result = collect(relay(ask(model="m", **asked, **how)))
    assert (result.outcome, result.text, result.provider) == ("complete", TEXT, "openai")


def test_azures_first_chunk_without_choices_is_no_harm(provider: Provider) -> None:
    """The results of its filter for the prompt come before the answer."""
    first = b'data: {"choices": [], "prompt_filter_results": [{"prompt_index": 0}]}\n\n'
    provider.play(first + told("openai_chat"))
    with openai.AzureOpenAI(
        azure_endpoint=provider.base, api_key="none", api_version="2025-04-01", max_retries=0
    ) as azure:
        stream = azure.chat.completions.create(model="m", messages=MESSAGES, stream=True)
        assert collect(relay(stream))[1].text == TEXT
