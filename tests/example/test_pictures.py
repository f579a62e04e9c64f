"""Every page as a light and wide one and a dark and narrow one, for people to look at.

The pictures are in tests/output/example.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.example.browsing import (
    answer,
    ask,
    ask_on_its_line,
    ask_to_the_end,
    button,
    element,
    enter,
    speak,
    watched,
)
from tests.example.server import Server
from tests.example.waiting import wait_for
from tests.own_time import in_its_own_time

pytestmark = [pytest.mark.browser, in_its_own_time]

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


@pytest.mark.parametrize(
    ("language", "name", "slow", "looks_up", "cut"),
    [
        ("en", "English", "A slow start", "What happens to a proxy? Hold", "It is cut"),
        ("de", "Deutsch", "Ein langsamer Start", "Die Verbindung, hold", "Abgeschnitten"),
        ("ar", "العربية", "بداية بطيئة", "الاتصال hold", "إجابة مقطوعة"),
    ],
)
def test_pictures_of_the_chat(
    page: Page,
    server: Server,
    picture: Callable[..., None],
    size: str,
    language: str,
    name: str,
    slow: str,
    looks_up: str,
    cut: str,
) -> None:
    page.goto("/sign-in")
    speak(page, name)
    picture(f"sign-in-{language}")
    enter(page, f"{name} {size}")
    picture(f"chat-welcome-{language}")
    ask(page, slow)
    expect(element(page)).to_have_attribute("data-state", "waiting")
    picture(f"chat-waiting-{language}")
    expect(element(page)).to_have_attribute("data-state", "done")
    ask(page, looks_up)
    wait_for(lambda: "held" in server.log(looks_up))
    picture(f"chat-thinking-{language}")
    server.release_until(lambda: element(page).get_attribute("data-state") == "done")
    picture(f"chat-sources-{language}")
    ask(page, cut)
    expect(page.locator("[data-stream=retry]")).to_be_visible()
    picture(f"chat-failed-{language}")
    page.reload()
    expect(answer(page)).to_have_attribute("role", "article")
    picture(f"chat-saved-{language}")
    page.locator("[popovertarget=delete]").first.click()
    picture(f"chat-delete-{language}")
    page.keyboard.press("Escape")
    if size == "phone":
        page.locator("[popovertarget=sidebar]").click()
        picture(f"chat-sidebar-{language}")


def test_pictures_of_a_question_with_files(page: Page, picture: Callable[..., None]) -> None:
    enter(page)
    files: Any = [
        {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"ABC"},
        {"name": "paper.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7"},
    ]
    page.locator("[data-chat=composer] [type=file]").set_input_files(files)
    picture("chat-attached")
    ask_to_the_end(page, "What are these?")
    picture("chat-files")
    page.locator("[data-turn=user]").hover()
    button(page, "Edit").click()
    picture("chat-edited")


def test_pictures_of_a_rate_limit(
    page: Page, size: str, scheme: str, picture: Callable[..., None]
) -> None:
    enter(page)
    ask(page, f"A rate limit on a {size}, {scheme}")
    expect(page.locator("[data-stream=retry][data-wait]")).to_be_visible()
    picture("chat-rate-limit")


def test_pictures_of_markdown(page: Page, picture: Callable[..., None]) -> None:
    enter(page)
    ask_to_the_end(page, "A long answer in Markdown")
    picture("chat-markdown")


def test_pictures_of_the_race(page: Page, server: Server, picture: Callable[..., None]) -> None:
    page.goto("/race")
    picture("race-before")
    ask_on_its_line(page, "Why hold a race?")
    expect(answer(page)).not_to_be_empty()
    picture("race-running")
    server.release_until(lambda: page.locator("#verdict").inner_text())
    picture("race")


def test_pictures_of_a_plain_eventsource(page: Page, picture: Callable[..., None]) -> None:
    page.goto("/plain")
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("status")).to_have_text("Complete")
    picture("plain", full_page=True)


def test_pictures_of_the_source(page: Page, picture: Callable[..., None]) -> None:
    page.goto("/source/chat")
    picture("source")
