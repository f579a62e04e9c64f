"""axe-core finds nothing on any page, light or dark, before and after an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.example.browsing import ask, element, note
from tests.example.server import ROOT, Server

pytestmark = pytest.mark.browser


@cache
def axe() -> str:
    return (ROOT / "js/node_modules/axe-core/axe.min.js").read_text("utf-8")


def found(page: Page) -> list[Any]:
    page.evaluate(axe())
    violations = page.evaluate("axe.run().then(({ violations }) => violations)")
    return [
        (violation["id"], node["html"], node["failureSummary"])
        for violation in violations
        for node in violation["nodes"]
    ]


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, browser: Browser, server: Server) -> Iterator[Page]:
    context = browser.new_context(base_url=server.url, color_scheme=request.param)
    yield context.new_page()
    context.close()


def the_chat(page: Page) -> None:
    page.goto("/")
    ask(page, "A long answer in Markdown")
    expect(note(page)).to_contain_text("output tokens")
    ask(page, "An answer that is cut off")
    expect(note(page)).to_contain_text("cut off")


def the_race(page: Page) -> None:
    page.goto("/race")
    page.get_by_role("button", name="Start the race").click()
    expect(page.locator("#verdict")).to_contain_text("earlier")


def the_tools(page: Page) -> None:
    page.goto("/tools")
    page.get_by_role("button", name="A search that finds nothing").click()
    expect(element(page)).to_have_attribute("data-state", "done")
    for summary in page.locator("summary").all():
        summary.click()


def the_plain_page(page: Page) -> None:
    page.goto("/plain")
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("status")).to_have_text("Complete")


@pytest.mark.parametrize("url", ["/", "/race", "/tools", "/plain", "/source/tools"])
def test_axe_finds_nothing_on_a_page_as_it_is_opened(page: Page, url: str) -> None:
    page.goto(url)

    assert found(page) == []


@pytest.mark.parametrize("play", [the_chat, the_race, the_tools, the_plain_page])
def test_axe_finds_nothing_after_an_answer(page: Page, play: Callable[[Page], None]) -> None:
    play(page)

    assert found(page) == []
