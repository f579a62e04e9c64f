"""A view's own `httpx.Response`, and responses from inside a with block that has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import httpx2
import pytest

from flask_stream import Result, relay
from tests.conftest import Site, said
from tests.provider import PATHS, TEXT, WIRES, Exchange, InTurns, Provider, told
from tests.servers.client import DEADLINE
from tests.servers.running import until
from tests.test_bad_input import refusal, serving
from tests.test_views import STOP, USAGE, after_start, gzipped, one_by_one, whole_answer

CLIENTS = ["httpx", "httpx2"]
each_client = pytest.mark.parametrize("client", CLIENTS)
CHAT = "openai_chat"


@pytest.fixture(autouse=True)
def testing(site: Site) -> None:
    site.app.testing = True


@pytest.mark.parametrize("wire", WIRES)
@each_client
def test_a_response_that_is_being_streamed(
    site: Site, provider: Provider, wire: str, client: str
) -> None:
    provider.play(told(wire))
    site.view(lambda: provider.send(wire, client))
    assert after_start(site.events()) == whole_answer(wire)


@each_client
def test_a_response_in_its_with_block_is_relayed(
    site: Site, provider: Provider, client: str
) -> None:
    provider.play(told("anthropic"))
    results: list[Result] = []

    @site.view
    def view() -> Iterator[Any]:
        with getattr(provider, client).stream("POST", PATHS["anthropic"], json={}) as response:
            results.append((yield from relay(response, wire="anthropic")))

    assert said(site.events()) == TEXT
    [result] = results
    assert result.usage is not None
    assert (result.provider_stop_reason, result.usage.payload()) == (
        STOP["anthropic"],
        USAGE["anthropic"],
    )


@each_client
@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "until it closes"])
def test_each_word_of_a_gzipped_response_arrives(
    site: Site, provider: Provider, client: str, chunked: bool
) -> None:
    provider.run(gzipped(CHAT, chunked))
    site.view(lambda: provider.send(CHAT, client))
    assert after_start(site.events()) == whole_answer(CHAT)


@each_client
def test_each_word_of_a_response_arrives_before_the_provider_sends_the_next(
    site: Site, provider: Provider, client: str
) -> None:
    script = InTurns(CHAT)
    provider.run(script)
    site.view(lambda: provider.send(CHAT, client))
    for name, _ in one_by_one(site.ask().response):
        if name == "text":
            script.heard()
    assert not script.waited_in_vain


@each_client
def test_a_silent_response_is_closed(site: Site, provider: Provider, client: str) -> None:
    gone: list[bool] = []

    def stall(exchange: Exchange) -> None:
        exchange.start()
        gone.append(exchange.gone(DEADLINE))

    provider.run(stall)
    site.view(idle_seconds=0.3)(lambda: provider.send(CHAT, client))
    assert site.events()[-1][1]["code"] == "timeout"
    until(lambda: gone == [True], "the silent stream was not closed")


@each_client
def test_the_connection_of_a_response_is_used_again(provider: Provider, client: str) -> None:
    ports: list[int] = []

    def script(exchange: Exchange) -> None:
        ports.append(exchange.handler.client_address[1])
        exchange.start()
        exchange.send(told(CHAT))
        exchange.end()

    provider.run(script)
    for _ in range(3):
        assert (
            "".join(
                event.text for event in relay(provider.send(CHAT, client)) if event.kind == "text"
            )
            == TEXT
        )
    assert len(ports) == 3
    assert len(set(ports)) == 1


@pytest.mark.parametrize("module", [httpx, httpx2])
def test_a_response_of_a_mock_transport_is_read(site: Site, module: Any) -> None:
    def answer(request: Any) -> Any:
        headers = {"content-type": "text/event-stream"}
        return module.Response(200, headers=headers, content=told(CHAT))

    with module.Client(transport=module.MockTransport(answer)) as client:
        request = client.build_request("POST", "http://provider/")
        site.view(lambda: client.send(request, stream=True))
        assert said(site.events()) == TEXT


# -- what is refused ------------------------------------------------------------------------


@each_client
def test_a_response_that_was_read_at_once(site: Site, provider: Provider, client: str) -> None:
    provider.play(told(CHAT))
    message = refusal(site, lambda: provider.send(CHAT, client, stream=False))
    assert f"This {client}.Response has been read already" in message
    assert "stream=True" in message


@each_client
def test_a_response_that_was_begun_in_the_view(site: Site, provider: Provider, client: str) -> None:
    provider.play(told(CHAT))

    def view() -> Any:
        response = provider.send(CHAT, client)
        next(response.iter_lines())
        return response

    assert "is closed: it was read" in refusal(site, view)


@each_client
@pytest.mark.parametrize(
    ("content_type", "advice"),
    [
        ("application/json", '"stream": true'),
        ("application/x-ndjson", "/v1/chat/completions"),
        ("text/html; charset=utf-8", "Check that the URL is the streaming endpoint"),
    ],
)
def test_a_response_that_is_something_else(
    site: Site, provider: Provider, client: str, content_type: str, advice: str
) -> None:
    provider.run(serving(content_type, b"{}"))
    message = refusal(site, lambda: provider.send(CHAT, client))
    assert f"is {content_type}, not text/event-stream" in message
    assert advice in message


@each_client
@pytest.mark.parametrize("stream", [True, False])
def test_a_response_with_an_error_status_is_the_providers_error(
    site: Site, provider: Provider, client: str, stream: bool
) -> None:
    body = {"error": {"message": "Wait", "type": "rate_limit_error"}}
    provider.run(lambda exchange: exchange.answer(429, body, {"Retry-After": "7"}))
    site.app.testing = False
    site.view(lambda: provider.send(CHAT, client, stream=stream))
    answer = site.ask()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "7")
    assert answer.json["code"] == "rate_limited"


@each_client
def test_a_response_with_an_error_in_json_is_the_providers_error(
    site: Site, provider: Provider, client: str
) -> None:
    body = [{"error": {"code": "invalid_api_key", "message": "no"}}]
    provider.run(lambda exchange: exchange.answer(200, body))
    site.app.testing = False
    site.view(lambda: provider.send(CHAT, client))
    assert site.ask().json["code"] == "auth"


@each_client
def test_a_context_manager_that_nobody_has_entered(
    site: Site, provider: Provider, client: str
) -> None:
    opened = lambda: getattr(provider, client).stream("POST", PATHS[CHAT], json={})  # noqa: E731
    message = refusal(site, opened)
    assert "a context manager that nobody has entered" in message
    assert "client.send(" in message
    assert provider.requests == []


@each_client
def test_a_tuple_that_begins_with_a_response_that_is_streamed(
    site: Site, provider: Provider, client: str
) -> None:
    provider.play(told(CHAT))
    message = refusal(site, lambda: (provider.send(CHAT, client), 201))
    assert "a tuple that begins with a stream (Response)" in message


# -- from inside a with block ---------------------------------------------------------------


WAYS: dict[str, Callable[[Provider], Any]] = {
    "requests": lambda p: p.post(CHAT),
    "httpx": lambda p: p.httpx.stream("POST", PATHS[CHAT], json={}),
    "httpx2": lambda p: p.httpx2.stream("POST", PATHS[CHAT], json={}),
    "the SDK": lambda p: p.create(CHAT),
    "the SDK's helper": lambda p: p.helper(CHAT),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
@pytest.mark.parametrize("relayed", [False, True], ids=["returned", "relayed"])
@pytest.mark.parametrize("begun", [False, True], ids=["unread", "begun"])
@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "until it closes"])
def test_what_a_with_block_has_closed_is_refused_before_the_first_byte(
    site: Site,
    provider: Provider,
    way: Callable[[Provider], Any],
    relayed: bool,
    begun: bool,
    chunked: bool,
) -> None:
    def script(exchange: Exchange) -> None:
        exchange.start(chunked=chunked)
        exchange.send(told(CHAT))
        exchange.end()

    provider.run(script)

    def view() -> Any:
        with way(provider) as stream:
            if begun:
                next(iter(stream.iter_lines() if hasattr(stream, "iter_lines") else stream))
        return relay(stream) if relayed else stream

    message = refusal(site, view)
    assert "is closed" in message
    assert "outside of a with block" in message


def test_a_response_of_no_bytes_at_all_is_no_mistake_of_the_views(
    site: Site, provider: Provider
) -> None:
    def script(exchange: Exchange) -> None:
        exchange.handler.send_response(200)
        exchange.handler.send_header("Content-Type", "text/event-stream")
        exchange.handler.send_header("Content-Length", "0")
        exchange.handler.end_headers()

    provider.run(script)
    site.view(lambda: provider.post(CHAT))
    assert site.events()[-1][1]["code"] == "truncated"


def test_a_stream_that_its_with_block_has_closed_is_no_failure_of_the_providers(
    site: Site, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    provider.play(told("anthropic"))

    @site.view
    def view() -> Any:
        with provider.create("anthropic") as stream:
            return relay(stream)

    assert site.events()[-1][1]["code"] == "internal"
    assert "outside of a with block" in caplog.text


@pytest.mark.parametrize("words", [iter, lambda words: (word.upper() for word in words)])
def test_a_stream_of_words_that_its_with_block_has_closed_is_refused(
    site: Site, provider: Provider, words: Callable[[Any], Any]
) -> None:
    provider.play(told("anthropic"))

    def view() -> Any:
        with provider.helper("anthropic") as stream:
            return words(stream.text_stream)

    assert "with block" in refusal(site, view)
