"""Every page as a light and wide one and a dark and narrow one, for people to look at.

The pictures are in tests/output/example.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.example.browsing import answer, ask, ask_on_its_line, element, note, watched
from tests.example.server import Server

pytestmark = pytest.mark.browser

PICTURES = Path(__file__).parents[1] / "output" / "example"
SIZES = {"phone": (360, 740), "desktop": (1280, 800)}


@pytest.fixture(params=SIZES)
def size(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def scheme(size: str) -> Any:
    return "dark" if size == "phone" else "light"


@pytest.fixture
def page(browser: Browser, server: Server, size: str, scheme: Any) -> Iterator[Page]:
    width, height = SIZES[size]
    with browser.new_context(
        base_url=server.url,
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        is_mobile=size == "phone",
        has_touch=size == "phone",
    ) as context:
        page = context.new_page()
        complaints = watched(page)
        yield page
    assert complaints == []


@pytest.fixture
def picture(page: Page, size: str, scheme: str) -> Callable[..., None]:
    """Take a picture of what is in view, or of the whole page, which must fit in its width."""
    PICTURES.mkdir(parents=True, exist_ok=True)

    def take(name: str, full_page: bool = False) -> None:
        page.screenshot(path=PICTURES / f"{name}-{size}-{scheme}.png", full_page=full_page)
        root = page.locator("html")
        assert root.evaluate("root => root.scrollWidth <= root.clientWidth"), "it overflows"

    return take


def test_pictures_of_the_chat(page: Page, server: Server, picture: Callable[..., None]) -> None:
    page.goto("/")
    picture("chat-welcome", full_page=True)
    ask(page, "A slow start")
    expect(element(page)).to_have_attribute("data-state", "waiting")
    picture("chat-waiting")
    expect(note(page)).to_contain_text("output tokens")
    ask(page, "Why stream an answer, and please hold")
    expect(answer(page)).to_contain_text("Because")
    picture("chat-streaming")
    server.release_until(lambda: element(page).get_attribute("data-state") == "done")
    ask(page, "An answer that is cut off")
    expect(note(page)).to_contain_text("cut off")
    picture("chat-failed")


def test_pictures_of_a_rate_limit(
    page: Page, size: str, scheme: str, picture: Callable[..., None]
) -> None:
    page.goto("/")
    ask(page, f"A rate limit on a {size}, {scheme}")
    expect(page.locator("[data-stream=retry][data-wait]")).to_be_visible()
    picture("chat-rate-limit")


def test_pictures_of_markdown(page: Page, picture: Callable[..., None]) -> None:
    page.goto("/")
    ask(page, "A long answer in Markdown")
    expect(note(page)).to_contain_text("output tokens")
    picture("chat-markdown", full_page=True)


def test_pictures_of_the_race(page: Page, server: Server, picture: Callable[..., None]) -> None:
    page.goto("/race")
    picture("race-before")
    ask_on_its_line(page, "Why hold a race?")
    expect(answer(page)).not_to_be_empty()
    picture("race-running")
    server.release_until(lambda: page.locator("#verdict").inner_text())
    picture("race")


def test_pictures_of_the_tools(page: Page, server: Server, picture: Callable[..., None]) -> None:
    page.goto("/tools")
    picture("tools-before")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator("[data-part=tool]")).to_have_count(2)
    expect(page.locator("progress")).to_have_count(1)
    picture("tools-running")
    expect(element(page)).to_have_attribute("data-state", "done")
    page.locator("summary").first.click()
    picture("tools", full_page=True)
    page.get_by_role("button", name="A search that finds nothing").click()
    expect(page.locator("[data-part=tool][data-state=failed]")).to_have_count(1)
    expect(element(page)).to_have_attribute("data-state", "done")
    picture("tools-in-vain", full_page=True)


def test_pictures_of_a_plain_eventsource(page: Page, picture: Callable[..., None]) -> None:
    page.goto("/plain")
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("status")).to_have_text("Complete")
    picture("plain", full_page=True)


def test_pictures_of_the_source(page: Page, picture: Callable[..., None]) -> None:
    page.goto("/source/tools")
    picture("source")
