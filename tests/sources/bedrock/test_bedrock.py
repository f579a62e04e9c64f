"""boto3's answers of Bedrock's Converse."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any

import boto3
import pytest
from botocore.config import Config

from flask_stream import Result, Source, SourceError, ToolCall, ToolResult, Usage, relay
from tests import aws
from tests.conftest import Site, said
from tests.provider import Exchange, Provider
from tests.sources.contract import WORDS, Contract, result_of
from tests.sources.scripts import cut, fail, speak
from tests.sources.snippets import events_of_snippet, snippets

SITE = "tests.sources.bedrock.site:app"
ASKED = [{"role": "user", "content": [{"text": "Hello?"}]}]

_clients: dict[str, Any] = {}


def client_of(base: str, **more: Any) -> Any:
    if base not in _clients:
        _clients[base] = boto3.client(
            "bedrock-runtime",
            region_name="eu-west-1",
            endpoint_url=base,
            aws_access_key_id="none",
            aws_secret_access_key="none",
            config=Config(retries={"total_max_attempts": 1}, **more),
        )
    return _clients[base]


@pytest.fixture(autouse=True)
def no_client_is_left() -> Iterator[None]:
    yield
    while _clients:
        _clients.popitem()[1].close()


def ask(base: str, messages: Any = ASKED) -> Any:
    return client_of(base).converse_stream(modelId="m", messages=messages)


def event(kind: str, **payload: Any) -> bytes:
    return aws.message(
        payload, message_type="event", event_type=kind, content_type="application/json"
    )


def delta(at: int = 0, **payload: Any) -> bytes:
    return event("contentBlockDelta", contentBlockIndex=at, delta=payload)


def start(at: int, **payload: Any) -> bytes:
    return event("contentBlockStart", contentBlockIndex=at, start=payload)


def stop(at: int) -> bytes:
    return event("contentBlockStop", contentBlockIndex=at)


BEGIN = event("messageStart", role="assistant")
USAGE = {
    "inputTokens": 3,
    "outputTokens": 5,
    "totalTokens": 28,
    "cacheReadInputTokens": 12,
    "cacheWriteInputTokens": 8,
}


class TestBedrock(Contract):
    provider_name = "bedrock"
    content_type = aws.CONTENT_TYPE
    has_async = False

    def ask(self, base: str) -> Any:
        return ask(base)

    def pieces(self, words: Sequence[str]) -> list[bytes]:
        first, *rest = [delta(text=word) for word in words]
        end = stop(0) + event("messageStop", stopReason="end_turn")
        return [BEGIN + first, *rest, end + event("metadata", usage=USAGE)]

    def whole(self, words: Sequence[str]) -> Any:
        message = {"role": "assistant", "content": [{"text": "".join(words)}]}
        return {"output": {"message": message}, "stopReason": "end_turn", "usage": USAGE}

    def ask_whole(self, base: str) -> tuple[str, Any]:
        answer = client_of(base).converse(modelId="m", messages=ASKED)
        return answer["output"]["message"]["content"][0]["text"], answer

    def prompt_of(self, body: Any) -> str:
        return str(body["messages"][0]["content"][0]["text"])

    def error(self, status: int) -> Any:
        kinds = {
            401: "AccessDeniedException",
            429: "ThrottlingException",
            503: "ServiceUnavailableException",
            504: "ModelTimeoutException",
        }
        return {"__type": kinds.get(status, "InternalServerException"), "message": "secret words"}

    @pytest.fixture(params=["returned", "its stream", "relayed", "items yielded"])
    def way(self, request: pytest.FixtureRequest) -> Callable[[Any], Any]:
        return {
            "returned": lambda answer: answer,
            "its stream": lambda answer: answer["stream"],
            "relayed": lambda answer: relay(answer),
            "items yielded": lambda answer: (item for item in answer["stream"]),
        }[request.param]

    def test_a_complete_answer_is_refused(self, provider: Provider, site: Site) -> None:
        """It is not: a dict is for Flask, which makes JSON of it."""
        provider.run(fail(200, self.whole(WORDS)))
        site.view(lambda: self.ask_whole(provider.base)[1])
        assert site.ask().json["stopReason"] == "end_turn"


def test_all_that_it_tells(provider: Provider, site: Site) -> None:
    cited = {
        "title": "A",
        "sourceContent": [{"text": "as A "}, {"text": "says"}],
        "location": {"web": {"url": "https://a.example", "domain": "a.example"}},
    }
    found = {"title": "B", "source": "b.pdf", "location": {"documentPage": {"documentIndex": 0}}}
    searched = {"type": "server_tool_use", "toolUseId": "s-1", "name": "search"}
    body = [
        BEGIN,
        delta(0, reasoningContent={"text": "Let me "}),
        delta(0, reasoningContent={"text": "think."}),
        delta(0, reasoningContent={"signature": "signed"}),
        stop(0),
        delta(1, reasoningContent={"redactedContent": base64.b64encode(b"hidden").decode()}),
        stop(1),
        start(2, toolUse=searched),
        delta(2, toolUse={"input": '{"q": "steps"}'}),
        stop(2),
        start(3, toolResult={"toolUseId": "s-1", "type": "search_result", "status": "success"}),
        delta(3, toolResult=[{"text": "two pages"}]),
        stop(3),
        delta(4, text="Three "),
        delta(4, citation=cited),
        delta(4, text="steps."),
        delta(4, citation=found),
        stop(4),
        event("messageStop", stopReason="max_tokens"),
        event("metadata", usage=USAGE, trace={"promptRouter": {"invokedModelId": "m-9"}}),
    ]
    provider.run(speak(body, aws.CONTENT_TYPE))
    result, events = result_of(site, lambda: ask(provider.base))
    assert (result.reasoning, result.text) == ("Let me think.", "Three steps.")
    assert result.model == "m-9"
    assert (result.stop_reason, result.provider_stop_reason) == ("length", "max_tokens")
    assert result.usage == Usage(23, 5, cache_read_tokens=12, cache_write_tokens=8)
    assert result.raw_usage == USAGE
    assert result.sources == [
        Source("https://a.example", "A", "as A says"),
        Source(None, "B", None, "b.pdf"),
    ]
    assert ("tool_result", {"id": "s-1", "result": [{"text": "two pages"}]}) in events
    call = {"id": "s-1", "name": "search", "arguments": {"q": "steps"}, "server": True}
    assert ("tool_call", call) in events
    assert result.message == {
        "role": "assistant",
        "content": [
            {
                "reasoningContent": {
                    "reasoningText": {"text": "Let me think.", "signature": "signed"}
                }
            },
            {"reasoningContent": {"redactedContent": b"hidden"}},
            {"toolUse": {**searched, "input": {"q": "steps"}}},
            {
                "toolResult": {
                    "toolUseId": "s-1",
                    "type": "search_result",
                    "status": "success",
                    "content": [{"text": "two pages"}],
                }
            },
            {
                "citationsContent": {
                    "content": [{"text": "Three steps."}],
                    "citations": [cited, found],
                }
            },
        ],
    }


def test_a_loop_of_two_steps(provider: Provider, site: Site) -> None:
    calling = [
        BEGIN,
        delta(0, text="One moment."),
        stop(0),
        start(1, toolUse={"toolUseId": "t-1", "name": "steps_of"}),
        delta(1, toolUse={"input": '{"tower":'}),
        delta(1, toolUse={"input": ' "old"}'}),
        stop(1),
        event("messageStop", stopReason="tool_use"),
        event("metadata", usage=USAGE),
    ]
    provider.run(
        speak(calling, aws.CONTENT_TYPE), speak(TestBedrock().pieces(WORDS), aws.CONTENT_TYPE)
    )
    results: list[Result] = []

    def view() -> Iterator[Any]:
        messages: list[Any] = list(ASKED)
        while True:
            result = yield from relay(ask(provider.base, messages))
            results.append(result)
            if not result.tool_calls:
                return
            messages.append(result.message)
            content = []
            for call in result.tool_calls:
                yield ToolResult(call.id, 214)
                told = {"toolUseId": call.id, "content": [{"json": {"steps": 214}}]}
                content.append({"toolResult": told})
            messages.append({"role": "user", "content": content})

    site.view(view)
    events = site.events()
    assert results[0].tool_calls == [ToolCall("t-1", "steps_of", {"tower": "old"})]
    assert [result.stop_reason for result in results] == ["tool_calls", "stop"]
    assert said(events) == "One moment.\n\n" + "".join(WORDS)
    assert [data["arguments"] for kind, data in events if kind == "tool_call_delta"] == [
        *('{"tower":', ' "old"}')
    ]
    assert provider.requests[1]["messages"][1] == {
        "role": "assistant",
        "content": [
            {"text": "One moment."},
            {"toolUse": {"toolUseId": "t-1", "name": "steps_of", "input": {"tower": "old"}}},
        ],
    }
    assert events[-1][1]["usage"]["input_tokens"] == 46


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("throttlingException", "rate_limited"),
        ("serviceUnavailableException", "overloaded"),
        ("validationException", "bad_request"),
        ("internalServerException", "provider_error"),
        ("modelStreamErrorException", "provider_error"),
    ],
)
def test_an_exception_in_mid_stream(provider: Provider, site: Site, kind: str, code: str) -> None:
    body = [*TestBedrock().pieces(WORDS)[:1], aws.exception(kind, "secret words")]
    provider.run(speak(body, aws.CONTENT_TYPE))
    site.view(lambda: ask(provider.base))
    response = site.ask()
    assert b"secret" not in response.data
    assert f'"code":"{code}"'.encode() in response.data


def test_counts_that_no_page_can_count(provider: Provider, site: Site) -> None:
    end = event("messageStop", stopReason="end_turn")
    usage = USAGE | {"inputTokens": 2**53 - 1, "outputTokens": 2**53}
    body = [BEGIN, delta(text="Yes."), end, event("metadata", usage=usage)]
    provider.run(speak(body, aws.CONTENT_TYPE))
    result, _ = result_of(site, lambda: ask(provider.base))
    assert result.usage == Usage(2**53 - 1, cache_read_tokens=12, cache_write_tokens=8)


def test_an_answer_whose_usage_is_lost_is_whole(provider: Provider, site: Site) -> None:
    body = [BEGIN, delta(text="Yes."), event("messageStop", stopReason="end_turn")]
    provider.run(cut(body, aws.CONTENT_TYPE))
    site.view(lambda: ask(provider.base))
    events = site.events()
    assert (said(events), events[-1][0]) == ("Yes.", "done")


def test_more_tokens_than_a_page_can_count(provider: Provider, site: Site) -> None:
    usage = event("metadata", usage={**USAGE, "inputTokens": 2**53 - 1})
    ending = event("messageStop", stopReason="end_turn") + usage
    provider.run(speak([BEGIN, delta(text="I"), ending], aws.CONTENT_TYPE))
    result, _ = result_of(site, lambda: ask(provider.base))
    assert result.usage is not None
    assert result.usage.input_tokens == 2**53 - 1


def test_a_malformed_call_is_a_failure(provider: Provider, site: Site) -> None:
    body = [BEGIN, delta(text="I"), event("messageStop", stopReason="malformed_tool_use")]
    provider.run(speak(body, aws.CONTENT_TYPE))
    site.view(lambda: ask(provider.base))
    assert site.events()[-1][0] == "failed"


def test_another_operations_stream_is_told(provider: Provider, site: Site) -> None:
    site.app.testing = True
    provider.run(speak([aws.chunk({"type": "message_start"})], aws.CONTENT_TYPE))
    site.view(
        lambda: client_of(provider.base).invoke_model_with_response_stream(modelId="m", body="{}")
    )
    with pytest.raises(SourceError, match="converse_stream"):
        site.events()


def test_an_agents_stream_is_told(provider: Provider, site: Site) -> None:
    """Which stands in another place of its answer."""
    site.app.testing = True
    provider.run(speak([aws.chunk({"type": "message_start"})], aws.CONTENT_TYPE))
    agents = boto3.client(
        "bedrock-agent-runtime",
        region_name="eu-west-1",
        endpoint_url=provider.base,
        aws_access_key_id="none",
        aws_secret_access_key="none",
    )
    asked = {"agentId": "A" * 10, "agentAliasId": "B" * 10, "sessionId": "one", "inputText": "Hi."}
    site.view(lambda: agents.invoke_agent(**asked))
    with closing(agents), pytest.raises(SourceError, match="converse_stream"):
        site.events()


def read_to_its_end(stream: Any) -> None:
    list(stream)


def closed_unread(stream: Any) -> None:
    stream.close()


def closed_on_the_way(stream: Any) -> None:
    next(iter(stream))
    stream.close()


@pytest.mark.parametrize("spoil", [read_to_its_end, closed_unread, closed_on_the_way])
def test_a_stream_that_is_closed_is_told(provider: Provider, site: Site, spoil: Any) -> None:
    site.app.testing = True
    provider.run(speak(TestBedrock().pieces(WORDS), aws.CONTENT_TYPE))

    def view() -> Any:
        answer = ask(provider.base)
        spoil(answer["stream"])
        return answer

    site.view(view)
    with pytest.raises(SourceError, match="a stream that is closed"):
        site.events()


def test_a_filter_may_begin_anywhere(provider: Provider, site: Site) -> None:
    provider.run(speak(TestBedrock().pieces(WORDS), aws.CONTENT_TYPE))
    site.view(lambda: (x for x in ask(provider.base)["stream"] if "messageStart" not in x))
    events = site.events()
    assert (said(events), events[-1][0]) == ("".join(WORDS), "done")


def unanswered(exchange: Exchange) -> None:
    exchange.gone()
    exchange.cut()


@pytest.mark.parametrize(
    ("script", "status", "code"),
    [(Exchange.cut, 502, "provider_error"), (unanswered, 504, "timeout")],
)
def test_nobody_answers(
    provider: Provider, site: Site, script: Any, status: int, code: str
) -> None:
    """Where the view asks: no mistake of its own."""
    provider.run(script)
    client_of(provider.base, read_timeout=0.5)
    site.view(lambda: ask(provider.base))
    response = site.ask()
    assert response.status_code == status
    assert json.loads(response.data)["code"] == code


def test_the_documented_snippet(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", provider.base)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    (code,) = snippets("Amazon Bedrock: boto3")
    provider.run(speak(TestBedrock().pieces(WORDS), aws.CONTENT_TYPE))
    assert said(events_of_snippet(code)) == "".join(WORDS)
