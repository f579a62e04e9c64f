"""The form of docs/sources.md fills itself in, in Chromium, as the model writes its fields."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from anthropic import Anthropic
from flask import Flask, render_template_string, request
from playwright.sync_api import Page, expect

from flask_stream import FlaskStream
from tests.conftest import ROOT
from tests.provider import Exchange, Provider, frames
from tests.servers.client import DEADLINE
from tests.transcripts.reading import block, delta, start

pytestmark = pytest.mark.browser

DOC = (ROOT / "docs" / "sources.md").read_text("utf-8")
SECTION = DOC.partition("\n## Structured output as it grows\n")[2].partition("\n## ")[0]

# What the model writes, and what the form says then: City, Days, What to see.
FILLED = [
    ('{"city": "Pa', ("Pa", "", "")),
    ('ris", "length": "x", "days": 1', ("Paris", "", "")),
    ('2, "sights": "The \\', ("Paris", "12", "The ")),
    ('"Tour\\" \\ud83d', ("Paris", "12", 'The "Tour" ')),
    ('\\uddfc."}', ("Paris", "12", 'The "Tour" 🗼.')),
]


def snippet(language: str) -> str:
    (code,) = re.findall(rf"^```{language}\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL)
    return str(code)


class Writer:
    """A model that writes the next piece once it is told to."""

    def __init__(self) -> None:
        self._may = threading.Semaphore(0)

    def go_on(self) -> None:
        self._may.release()

    def __call__(self, exchange: Exchange) -> None:
        use = {"type": "tool_use", "id": "t1", "name": "trip", "input": {}}
        pieces = [{"type": "input_json_delta", "partial_json": text} for text, _ in FILLED]
        begin, *deltas, end = block(0, use, *pieces)
        exchange.start()
        exchange.send(frames(start(), begin))
        for piece in deltas:
            assert self._may.acquire(timeout=DEADLINE)
            exchange.send(frames(piece))
        assert self._may.acquire(timeout=DEADLINE)
        exchange.send(frames(end, delta("tool_use"), {"type": "message_stop"}))
        exchange.end()


@pytest.fixture
def app(provider: Provider) -> Iterator[Flask]:
    """The snippets, and the page that they make."""
    app = Flask("trips")
    claude = Anthropic(base_url=provider.base, api_key="none", max_retries=0)
    names: dict[str, Any] = {"app": app, "stream": FlaskStream(app), "request": request}
    exec(snippet("python"), names | {"claude": claude})

    @app.get("/")
    def page() -> str:
        script = f"<script type=module>{snippet('js')}</script>"
        return render_template_string(f"{{{{ stream_script() }}}}{snippet('html')}{script}")

    yield app
    claude.close()


def test_the_form_is_filled_in_as_the_model_writes(
    page: Page, serve: Callable[[Flask], str], app: Flask, provider: Provider
) -> None:
    writer = Writer()
    provider.run(writer)
    page.goto(serve(app))
    page.get_by_label("Where would you like to go?").fill("To Paris.")
    page.get_by_role("button", name="Fill in").click()
    for _, (city, days, sights) in FILLED:
        writer.go_on()
        expect(page.get_by_label("What to see")).to_have_value(sights)
        expect(page.get_by_label("Days")).to_have_value(days)
        expect(page.get_by_label("City")).to_have_value(city)
    writer.go_on()
    expect(page.locator("flask-stream")).to_have_attribute("data-state", "done")
    assert provider.requests[0]["tool_choice"] == {"type": "tool", "name": "trip"}
