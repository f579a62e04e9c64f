"""What the log tells of a failure: once, and a traceback only where that tells more."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import openai
import pytest

from flask_stream import StreamFailed, relay
from tests.conftest import Site
from tests.provider import Exchange, Provider, Script, told
from tests.test_errors import opened_by, refusing


def cut(exchange: Exchange) -> None:
    exchange.start()
    exchange.send(told("anthropic")[:-200])
    exchange.cut()


@opened_by
@pytest.mark.parametrize("script", [refusing(429), cut], ids=["refused", "cut"])
def test_what_a_provider_did_is_one_line_of_the_log_without_its_clients_inside(
    site: Site,
    provider: Provider,
    opener: Callable[[Provider, str], Any],
    script: Script,
    caplog: pytest.LogCaptureFixture,
) -> None:
    provider.run(script)
    site.view(lambda: opener(provider, "anthropic"))
    _ = site.ask().data
    [record] = [r for r in caplog.records if r.name == "flask_stream"]
    assert record.levelno == logging.WARNING
    assert record.exc_info in (None, (None, None, None))
    assert "429" in record.message or "truncated: " in record.message


@pytest.mark.parametrize("sdk", ["anthropic", "openai"])
def test_why_a_provider_could_not_be_reached_is_in_the_log(
    site: Site, caplog: pytest.LogCaptureFixture, sdk: str
) -> None:
    """The SDKs' own words are «Connection error.»"""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = f"http://127.0.0.1:{listener.getsockname()[1]}"

    @site.view
    def view() -> Any:
        if sdk == "anthropic":
            claude = anthropic.Anthropic(base_url=nobody, api_key="k", max_retries=0)
            return claude.messages.create(model="m", max_tokens=1, messages=[], stream=True)
        gpt = openai.OpenAI(base_url=nobody, api_key="k", max_retries=0)
        return gpt.chat.completions.create(model="m", messages=[], stream=True)

    assert site.ask().status_code == 502
    [record] = [r for r in caplog.records if r.name == "flask_stream"]
    assert "APIConnectionError: Connection error. (" in record.message
    assert "Connection refused" in record.message


def an_openers(provider: Provider) -> None:
    provider.run(refusing(429))
    provider.create("anthropic")


def a_relays(provider: Provider) -> None:
    provider.run(refusing(429))
    list(relay(provider.helper("anthropic")))


FAILINGS = {"an SDK": an_openers, "a relay": a_relays, "the app": lambda _: 1 // 0}


@pytest.mark.parametrize("at", ["before", "after"])
@pytest.mark.parametrize("fails", FAILINGS.values(), ids=list(FAILINGS))
def test_the_log_has_what_a_stream_failed_was_raised_from(
    site: Site,
    provider: Provider,
    fails: Callable[[Provider], object],
    at: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    raised: list[Exception] = []

    @site.view
    def view() -> Iterator[str]:
        if at == "after":
            yield "so far"
        try:
            fails(provider)
        except Exception as error:
            raised.append(error)
            raise StreamFailed("Not today.") from error

    _ = site.ask().data
    [record] = [r for r in caplog.records if r.name == "flask_stream"]
    assert record.exc_info is not None
    assert [record.exc_info[1]] == raised
