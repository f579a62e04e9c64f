"""The snippets of the documentation."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import request
from langchain_anthropic import ChatAnthropic

from tests.conftest import Site, events_of, said
from tests.provider import Provider, told
from tests.sources.snippets import snippets

LAMP = "The lighthouse at Tern Point has 214 steps.\n\nBring a lamp 🔦."


@pytest.fixture
def page(
    site: Site, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], list[tuple[str, Any]]]:
    """Asks a view of the documentation by its path."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "key")
    monkeypatch.setenv("ANTHROPIC_API_URL", provider.base)
    names: dict[str, Any] = {
        "app": site.app,
        "stream": site.stream,
        "request": request,
        "report": ChatAnthropic(model="m", streaming=True),
    }
    for title in ("LangChain", "LangGraph"):
        for code in snippets(title):
            exec(code, names)
    client = site.app.test_client()
    asked = {"question": "When is high water?"}
    return lambda path: events_of(client.post(path, data=asked).response)


def test_a_model(page: Callable[[str], list[tuple[str, Any]]], provider: Provider) -> None:
    provider.play(told("anthropic"))
    assert said(page("/chat")) == LAMP
    provider.play(told("anthropic"))
    assert said(page("/callback")) == LAMP


@pytest.mark.parametrize("path", ["/ask", "/agent"])
def test_tools(page: Callable[[str], list[tuple[str, Any]]], provider: Provider, path: str) -> None:
    provider.play(told("anthropic", "thinking_tool"), told("anthropic"))
    events = page(path)
    assert said(events) == f"Let me look up the tides.\n\n{LAMP}"
    assert "high at noon" in json.dumps(provider.requests[1])
    assert events[-1][1]["stop_reason"] == "stop"
