"""Neither keys nor a provider's words reach a client: every byte that is sent is searched."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from werkzeug.test import TestResponse

from flask_stream import ProviderError, relay
from flask_stream.formats import Unterminated
from tests.conftest import Site
from tests.provider import (
    KEY,
    PROVIDERS_WORDS,
    WIRES,
    Provider,
    Script,
    told,
    word_by_word,
)
from tests.test_errors import (
    ALL_OPENERS,
    BROKEN,
    NAVIGATION,
    SECRET,
    refusing,
    sending,
)

each_wire = pytest.mark.parametrize("wire", WIRES)


def every_byte(response: TestResponse) -> bytes:
    sent = [response.status.encode(), str(response.headers).encode()]
    try:
        for chunk in response.response:
            sent.append(chunk)
    except Unterminated:
        pass
    return b"\n".join(sent)


def raising(provider: Provider, wire: str) -> Iterator[Any]:
    yield from relay(provider.create(wire))
    raise ValueError(SECRET)


def in_error(wire: str) -> bytes:
    return told(wire, "error").replace(PROVIDERS_WORDS.encode(), SECRET.encode())


FAILURES: dict[str, Callable[[str], Script]] = {
    "400": lambda wire: refusing(400),
    "401": lambda wire: refusing(401, type="authentication_error", code="invalid_api_key"),
    "429": lambda wire: refusing(429, {"retry-after": "7", "x-reason": SECRET}),
    "500": lambda wire: refusing(500),
    "529": lambda wire: refusing(529, type="overloaded_error"),
    "an error in the stream": lambda wire: sending(in_error(wire)),
    "no JSON": lambda wire: sending(word_by_word(wire)[0] + BROKEN),
    "an exception of the app's": lambda wire: sending(told(wire)),
}


@each_wire
@pytest.mark.parametrize("failure", FAILURES)
def test_neither_the_key_nor_the_providers_words_are_in_any_byte_that_is_sent(
    site: Site, provider: Provider, caplog: pytest.LogCaptureFixture, wire: str, failure: str
) -> None:
    openers = [raising] if failure == "an exception of the app's" else ALL_OPENERS.values()
    opener: Callable[..., Any] = raising

    def save(result: Any) -> None:
        raise ValueError(SECRET)

    provider.run(FAILURES[failure](wire))
    site.view(on_finish=save)(lambda: opener(provider, wire))
    for opener in openers:  # the view takes it from here
        caplog.clear()
        for accept in ("text/event-stream", "application/json", "text/plain", NAVIGATION):
            response = site.ask(headers={"Accept": accept})
            sent = every_byte(response)
            assert KEY.encode() not in sent
            assert PROVIDERS_WORDS.encode() not in sent
            assert b"Traceback" not in sent
            assert b"event: done" not in sent
            assert b"event: failed" in sent or accept == "text/plain" or response.status_code > 499
        if opener is not Provider.post:
            assert PROVIDERS_WORDS in caplog.text


@each_wire
def test_what_a_provider_says_to_requests_with_an_error_status_is_in_the_log(
    site: Site, provider: Provider, caplog: pytest.LogCaptureFixture, wire: str
) -> None:
    provider.run(refusing(400))
    site.view(lambda: provider.post(wire))
    site.ask()
    assert "400" in caplog.text
    assert PROVIDERS_WORDS in caplog.text


@each_wire
def test_the_apps_own_failure_page_leaks_neither_the_key_nor_the_providers_words(
    site: Site, provider: Provider, wire: str
) -> None:
    provider.run(refusing(401))
    site.view(lambda: provider.create(wire))

    @site.app.errorhandler(ProviderError)
    def handle(error: ProviderError) -> Any:
        return {"all": str(error), "and": error.description, "or": repr(error)}, error.code

    sent = every_byte(site.ask())
    message = "This site could not sign in to the AI provider."
    assert json.loads(sent.splitlines()[-1])["and"] == message
    assert KEY.encode() not in sent
    assert PROVIDERS_WORDS.encode() not in sent
