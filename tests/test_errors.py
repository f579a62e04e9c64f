"""What fails, before the first byte and after it, and what the client is told of it."""

from __future__ import annotations

import logging
import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import openai
import pytest
from flask import abort
from werkzeug.exceptions import HTTPException

from flask_stream import ProviderError, relay
from tests.conftest import Site, said
from tests.provider import (
    KEY,
    PROVIDERS_WORDS,
    WIRES,
    Exchange,
    Provider,
    Script,
    told,
    word_by_word,
)

SECRET = f"{PROVIDERS_WORDS}, see {KEY}"  # what a provider says, which may well hold the key
NAVIGATION = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def refusing(
    status: int, headers: dict[str, str] | None = None, **error: Any
) -> Callable[[Exchange], None]:
    body = {"type": "error", "error": {"message": SECRET, **error}}
    return lambda exchange: exchange.answer(status, body, headers)


def relayed(provider: Provider, wire: str) -> Iterator[Any]:
    yield from relay(provider.create(wire))


OPENERS: dict[str, Callable[[Provider, str], Any]] = {
    "create": Provider.create,
    "manager": Provider.helper,
    "requests": Provider.post,
    "create in a generator": relayed,
}
opened_by = pytest.mark.parametrize("opener", OPENERS.values(), ids=list(OPENERS))
each_wire = pytest.mark.parametrize("wire", WIRES)


# -- before the first byte --------------------------------------------------------------------


@each_wire
@opened_by
@pytest.mark.parametrize(
    ("status", "ours", "code", "retryable"),
    [
        (400, 502, "bad_request", False),
        (401, 502, "auth", False),
        (403, 502, "auth", False),
        (404, 502, "bad_request", False),
        (429, 503, "rate_limited", True),
        (500, 502, "provider_error", True),
        (502, 502, "provider_error", True),
        (503, 503, "overloaded", True),
        (504, 504, "timeout", True),
        (529, 503, "overloaded", True),
    ],
)
def test_a_refusal_of_the_provider_is_an_http_error(
    site: Site,
    provider: Provider,
    wire: str,
    opener: Any,
    status: int,
    ours: int,
    code: str,
    retryable: bool,
) -> None:
    provider.run(refusing(status))
    results: list[Any] = []
    site.view(on_finish=results.append)(lambda: opener(provider, wire))
    response = site.ask()
    assert response.status_code == ours
    assert response.mimetype == "application/json"
    assert (response.json["code"], response.json["retryable"]) == (code, retryable)
    assert response.json.keys() == {"code", "message", "retryable"}
    assert ("Retry-After" in response.headers) == (ours == 503)
    assert results == []  # there was no run


@each_wire
@opened_by
def test_the_time_that_a_provider_asks_to_wait_is_passed_on(
    site: Site, provider: Provider, wire: str, opener: Any
) -> None:
    provider.run(refusing(429, {"retry-after": "7"}))
    site.view(lambda: opener(provider, wire))
    assert site.ask().headers["Retry-After"] == "7"


@pytest.mark.parametrize(
    ("wire", "error", "code", "retryable"),
    [
        ("anthropic", {"type": "rate_limit_error"}, "rate_limited", True),
        ("openai_chat", {"code": "insufficient_quota"}, "rate_limited", False),
        ("openai_responses", {"code": "context_length_exceeded"}, "bad_request", False),
    ],
)
def test_the_providers_own_word_for_a_refusal_counts_more_than_its_status(
    site: Site, provider: Provider, wire: str, error: Any, code: str, retryable: bool
) -> None:
    provider.run(refusing(429, **error))
    site.view(lambda: provider.create(wire))
    told = site.ask().json
    assert (told["code"], told["retryable"]) == (code, retryable)


def silent(exchange: Exchange) -> None:
    exchange.gone()


def hasty(provider: Provider) -> None:
    """Give the SDKs' clients a short patience."""
    vars(provider)["anthropic"] = provider.anthropic.with_options(timeout=1.0)
    vars(provider)["openai"] = provider.openai.with_options(timeout=1.0)


@each_wire
@pytest.mark.parametrize("opener", [Provider.create, Provider.helper, relayed])
def test_a_provider_that_does_not_answer_is_a_gateway_timeout(
    site: Site, provider: Provider, wire: str, opener: Any
) -> None:
    provider.run(silent)
    hasty(provider)
    site.view(lambda: opener(provider, wire))
    response = site.ask()
    assert (response.status_code, response.json["code"]) == (504, "timeout")
    assert response.json["retryable"]


@each_wire
@pytest.mark.parametrize("opener", [Provider.create, Provider.helper, Provider.post, relayed])
def test_a_provider_that_is_not_there_is_a_bad_gateway(
    site: Site, provider: Provider, wire: str, opener: Any
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    provider.base = f"http://127.0.0.1:{port}"
    site.view(lambda: opener(provider, wire))
    response = site.ask()
    assert (response.status_code, response.json["code"]) == (502, "provider_error")
    assert response.json["retryable"]


def test_an_apps_errorhandler_for_provider_errors_answers(site: Site, provider: Provider) -> None:
    provider.run(refusing(429, {"retry-after": "7"}))
    site.view(lambda: provider.create("anthropic"))

    @site.app.errorhandler(ProviderError)
    def handle(error: ProviderError) -> Any:
        return f"{error.error_code} {error.retry_after} {error.message}", error.code

    response = site.ask()
    assert response.status_code == 503
    assert response.text.startswith("rate_limited 7.0 The limit of requests")


@pytest.mark.parametrize("handled", [HTTPException, 503, Exception])
def test_an_apps_errorhandler_for_http_errors_answers(
    site: Site, provider: Provider, handled: Any
) -> None:
    provider.run(refusing(529))
    site.view(lambda: provider.create("anthropic"))

    @site.app.errorhandler(handled)
    def handle(error: HTTPException) -> Any:
        return f"Sorry: {error.description}", error.code

    response = site.ask()
    assert response.status_code == 503
    assert response.text.startswith("Sorry: The AI provider is overloaded")


@pytest.mark.parametrize("failed", [anthropic.RateLimitError, openai.RateLimitError])
def test_the_sdks_exception_is_the_cause_of_what_an_errorhandler_gets(
    site: Site, provider: Provider, failed: type[Exception]
) -> None:
    wire = "anthropic" if failed is anthropic.RateLimitError else "openai_chat"
    provider.run(refusing(429))
    causes: list[Any] = []
    site.view(lambda: provider.create(wire))

    @site.app.errorhandler(ProviderError)
    def handle(error: ProviderError) -> Any:
        causes.append(error.__cause__)
        return "", 503

    site.ask()
    assert isinstance(causes[0], failed)


@pytest.mark.parametrize("opener", [lambda p: p.create("anthropic"), lambda p: abort(400, "<Hm>")])
def test_a_browser_that_asks_for_a_page_gets_a_page(
    site: Site, provider: Provider, opener: Any
) -> None:
    provider.run(refusing(400))
    site.view(lambda: opener(provider))
    response = site.ask(headers={"Accept": NAVIGATION})
    assert response.status_code in (400, 502)
    assert response.mimetype == "text/html"
    assert "<Hm>" not in response.text


@pytest.mark.parametrize("accept", [None, "*/*", "text/event-stream", "application/json"])
def test_the_message_of_an_abort_reaches_the_page(site: Site, accept: str | None) -> None:
    site.view(lambda: abort(400, "Say something"))
    response = site.ask(headers={"Accept": accept} if accept else None)
    assert response.status_code == 400
    expected = {"code": "bad_request", "message": "Say something", "retryable": False}
    assert response.json == expected


def test_an_exception_of_the_apps_own_before_the_first_byte_has_the_same_shape(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.view(lambda: {}["secret"])
    response = site.ask()
    assert response.status_code == 500
    assert b"secret" not in response.data
    assert "KeyError: 'secret'" in caplog.text
    assert response.json["code"] == "internal"
    assert response.json.keys() == {"code", "message", "retryable"}


def test_an_exception_of_the_apps_own_reaches_its_tests(site: Site) -> None:
    site.app.testing = True
    site.view(lambda: {}["secret"])
    with pytest.raises(KeyError):
        site.ask()


# -- after the first byte ---------------------------------------------------------------------


def sending(*pieces: bytes, end: bool = True, reset: bool = False) -> Script:
    def script(exchange: Exchange) -> None:
        exchange.start()
        for piece in pieces:
            exchange.send(piece)
        if end:
            exchange.end()
            return
        exchange.cut()
        if reset:
            linger = struct.pack("ii", 1, 0)
            exchange.handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    return script


def traced(provider: Provider, wire: str) -> Iterator[Any]:
    yield from provider.create(wire)


ALL_OPENERS = OPENERS | {"in a wrapper": traced}
however_opened = pytest.mark.parametrize("opener", ALL_OPENERS.values(), ids=list(ALL_OPENERS))


def the_failure(site: Site) -> dict[str, Any]:
    """The one terminal event of a run that failed; the words before it were kept."""
    events = site.events()
    assert [name for name, _ in events if name in ("done", "failed")] == ["failed"]
    assert events[-1][0] == "failed"
    assert said(events).startswith("The l")
    return events[-1][1]


@however_opened
@pytest.mark.parametrize(
    ("wire", "code", "retryable"),
    [
        ("anthropic", "overloaded", True),
        ("openai_chat", "rate_limited", True),
        ("openai_responses", "provider_error", True),
    ],
)
def test_an_error_in_the_stream_fails_the_run(
    site: Site, provider: Provider, opener: Any, wire: str, code: str, retryable: bool
) -> None:
    provider.play(told(wire, "error"))
    site.view(lambda: opener(provider, wire))
    failed = the_failure(site)
    assert (failed["code"], failed["retryable"]) == (code, retryable)


@however_opened
@each_wire
@pytest.mark.parametrize(
    "how",
    [{"end": True}, {"end": False}, {"end": False, "reset": True}],
    ids=["a clean end without its end mark", "a lost connection", "a reset connection"],
)
def test_an_answer_that_is_cut_off_fails_as_truncated(
    site: Site, provider: Provider, opener: Any, wire: str, how: dict[str, bool]
) -> None:
    provider.run(sending(word_by_word(wire)[0], **how))
    site.view(lambda: opener(provider, wire))
    failed = the_failure(site)
    assert (failed["code"], failed["retryable"]) == ("truncated", True)


BROKEN = f'event: message_delta\ndata: {{"type": "{SECRET}\n\n'.encode()


@however_opened
@each_wire
def test_an_event_that_is_no_json_fails_the_run(
    site: Site, provider: Provider, opener: Any, wire: str
) -> None:
    provider.play(word_by_word(wire)[0] + BROKEN + told(wire))
    site.view(lambda: opener(provider, wire))
    assert the_failure(site)["code"] == "provider_error"


@each_wire
@pytest.mark.parametrize("opener", [Provider.create, Provider.helper, relayed, traced])
def test_a_provider_that_falls_silent_fails_as_timeout(
    site: Site, provider: Provider, wire: str, opener: Any
) -> None:
    def script(exchange: Exchange) -> None:
        exchange.start()
        exchange.send(word_by_word(wire)[0])
        exchange.gone()

    provider.run(script)
    hasty(provider)
    site.view(lambda: opener(provider, wire))
    failed = the_failure(site)
    assert (failed["code"], failed["retryable"]) == ("timeout", True)


@each_wire
@pytest.mark.parametrize(
    ("script", "code"),
    [
        (refusing(429), "rate_limited"),
        (refusing(401), "auth"),
        (refusing(500), "provider_error"),
    ],
    ids=["429", "401", "500"],
)
def test_a_refusal_after_the_first_byte_has_its_code(
    site: Site, provider: Provider, wire: str, script: Script, code: str
) -> None:
    """As on the second turn of a tool loop."""
    provider.run(script)

    def view() -> Iterator[Any]:
        yield "The lamp."
        yield from relay(provider.create(wire))

    site.view(view)
    assert the_failure(site)["code"] == code


@pytest.mark.parametrize("wire", ["anthropic", "openai_chat"])
def test_a_cut_in_a_loop_of_the_apps_own_over_the_stream_is_told_as_one(
    site: Site, provider: Provider, wire: str
) -> None:
    provider.run(sending(word_by_word(wire)[0], end=False))

    def view() -> Iterator[str]:
        yield "The lamp: "
        for event in provider.create(wire):
            yield f"{event.id} " if wire == "openai_chat" else event.type

    site.view(view)
    assert the_failure(site)["code"] == "truncated"


def test_an_exception_of_the_apps_own_fails_as_internal_and_is_logged(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    def view() -> Iterator[str]:
        yield "The lamp"
        raise ValueError(SECRET)

    site.view(view)
    failed = the_failure(site)
    assert failed == {
        "code": "internal",
        "message": "Something went wrong on the server.",
        "retryable": False,
    }
    [record] = [r for r in caplog.records if r.name == "flask_stream"]
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == SECRET


@pytest.mark.parametrize("broken", ["provider", "app"])
def test_debug_mode_tells_the_detail(site: Site, provider: Provider, broken: str) -> None:
    def view() -> Iterator[Any]:
        yield "The lamp"
        if broken == "app":
            raise ValueError(PROVIDERS_WORDS)
        yield from relay(provider.create("anthropic"))

    provider.play(told("anthropic", "error"))
    site.app.debug = True
    site.view(view)
    assert PROVIDERS_WORDS in the_failure(site)["message"]


def test_debug_mode_tells_the_detail_before_the_first_byte(site: Site, provider: Provider) -> None:
    provider.run(refusing(400))
    site.app.debug = True
    site.view(lambda: provider.create("anthropic"))
    assert PROVIDERS_WORDS in site.ask().json["message"]
