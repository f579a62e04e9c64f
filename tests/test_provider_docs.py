"""The section of docs/deployment.md on the provider: each client as it is told to be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import ROOT, Site, said
from tests.provider import PATHS, TEXT, Exchange, Provider, told

PAGE = (ROOT / "docs" / "deployment.md").read_text()
SECTION = PAGE.partition("\n## The provider\n")[2].partition("\n## ")[0]
SNIPPETS = re.findall(r"^```python\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL)
QUESTION = [{"role": "user", "content": "Why?"}]


def by_anthropic(names: dict[str, Any], base: str) -> Any:
    return names["claude"].messages.create(model="m", max_tokens=9, messages=QUESTION, stream=True)


def by_openai(names: dict[str, Any], base: str) -> Any:
    return names["gpt"].chat.completions.create(model="m", messages=QUESTION, stream=True)


def by_requests(names: dict[str, Any], base: str) -> Any:
    return names["ask_by_requests"](base + PATHS["openai_chat"], {"messages": QUESTION})


def by_httpx(names: dict[str, Any], base: str) -> Any:
    return names["ask_by_httpx"](base + PATHS["openai_chat"], {"messages": QUESTION})


Asking = Callable[[dict[str, Any], str], Any]

# What the snippet makes that is to be closed; the wire; and how often it asks a silent provider.
ASKING: dict[Asking, tuple[str, str, int]] = {
    by_anthropic: ("claude", "anthropic", 2),
    by_openai: ("gpt", "openai_chat", 2),
    by_requests: ("", "openai_chat", 1),
    by_httpx: ("client", "openai_chat", 1),
}
each_client = pytest.mark.parametrize("asking", ASKING, ids=lambda asking: asking.__name__)


@pytest.fixture
def patience() -> float:
    """Of the snippets, in seconds: as they say."""
    return 60


@pytest.fixture
def names(
    monkeypatch: pytest.MonkeyPatch, provider: Provider, patience: float
) -> Iterator[dict[str, Any]]:
    """All snippets of the section as one module."""
    for variable in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(variable, "test")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", provider.base)
    monkeypatch.setenv("OPENAI_BASE_URL", f"{provider.base}/v1")
    made: dict[str, Any] = {}
    for code in SNIPPETS:
        assert code.count("timeout=60") == 1
        exec(code.replace("timeout=60", f"timeout={patience}"), made)
    yield made
    for closed, _, _ in ASKING.values():
        if closed:
            made[closed].close()


@each_client
def test_a_client_of_the_section_streams(
    asking: Asking, names: dict[str, Any], site: Site, provider: Provider
) -> None:
    provider.play(told(ASKING[asking][1]))
    site.view(lambda: asking(names, provider.base))
    assert said(site.events()) == TEXT


@each_client
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_gets_no_prompt_and_is_the_providers_error(
    asking: Asking, names: dict[str, Any], site: Site, provider: Provider, status: int
) -> None:
    with Provider() as elsewhere:
        elsewhere.play(told(ASKING[asking][1]))

        def redirect(exchange: Exchange) -> None:
            exchange.answer(status, {}, {"Location": f"{elsewhere.base}/v1/messages"})

        provider.run(redirect)
        site.view(lambda: asking(names, provider.base))
        response = site.ask()
        assert (response.status_code, response.json["code"]) == (502, "provider_error")
        assert response.json["retryable"] is False
        assert elsewhere.requests == []
    assert len(provider.requests) == 1


@each_client
@pytest.mark.parametrize("patience", [0.2])
def test_a_provider_that_is_silent_before_its_first_byte_is_a_timeout(
    asking: Asking, names: dict[str, Any], site: Site, provider: Provider
) -> None:
    provider.run(lambda exchange: exchange.gone())
    site.view(lambda: asking(names, provider.base))
    response = site.ask()
    assert (response.status_code, response.json["code"]) == (504, "timeout")
    assert len(provider.requests) == ASKING[asking][2]


def test_a_body_that_redirects_with_no_length_is_the_providers_error_too(
    names: dict[str, Any], site: Site, provider: Provider
) -> None:
    def redirect(exchange: Exchange) -> None:
        exchange.handler.send_response(307)
        exchange.handler.send_header("Location", "/elsewhere")
        exchange.handler.send_header("Content-Length", "0")
        exchange.handler.end_headers()

    provider.run(redirect)
    site.view(lambda: by_requests(names, provider.base))
    assert site.ask().status_code == 502
