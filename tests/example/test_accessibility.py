"""axe-core finds nothing on any page, light or dark, in English and Arabic, whatever is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.example.browsing import answer, ask, ask_to_the_end, button, enter, speak
from tests.example.server import ROOT, Server
from tests.own_time import in_turn, part_of

pytestmark = pytest.mark.browser

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


@cache
def axe() -> str:
    return (ROOT / "js/node_modules/axe-core/axe.min.js").read_text("utf-8")


def found(page: Page) -> list[Any]:
    """What is wrong with the page as it is now, light and dark."""
    page.evaluate(axe())
    all_of_it = []
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        violations = page.evaluate("axe.run().then(({ violations }) => violations)")
        all_of_it += [
            (scheme, violation["id"], node["html"], node["failureSummary"])
            for violation in violations
            for node in violation["nodes"]
        ]
    return all_of_it


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    with browser.new_context(base_url=server.url) as context:
        page = context.new_page()
        enter(page)
        yield page


def the_chat(page: Page) -> None:
    ask_to_the_end(page, "What happens when the connection breaks?")
    for summary in page.locator("summary").all():
        summary.click()
    ask(page, "An answer that is cut off")
    expect(page.get_by_role("button", name="Retry")).to_be_visible()


def a_saved_chat(page: Page) -> None:
    the_chat(page)
    page.reload()
    expect(answer(page)).to_have_attribute("role", "article")


def a_question_that_is_edited(page: Page) -> None:
    ask_to_the_end(page, "A haiku, please")
    page.locator("[data-turn=user]").hover()
    button(page, "Edit").click()


def a_conversation_that_is_to_be_deleted(page: Page) -> None:
    button(page, "Delete this conversation").click()


def the_sidebar_on_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    button(page, "Conversations").click()


URLS = ["/", "/sign-in", "/race", "/plain", "/source/chat", "/chats/none"]
LANGUAGES = ["English", "العربية"]


def the_race(page: Page) -> None:
    page.goto("/race")
    page.get_by_role("button", name="Start the race").click()
    expect(page.locator("#verdict")).to_contain_text("earlier")


def the_plain_page(page: Page) -> None:
    page.goto("/plain")
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("status")).to_have_text("Complete")


@pytest.mark.parametrize(
    ("url", "language"),
    part_of(product(URLS, LANGUAGES), kept=in_turn(URLS, LANGUAGES)),
)
def test_axe_finds_nothing_on_a_page_as_it_is_opened(page: Page, url: str, language: str) -> None:
    speak(page, language)
    page.goto(url)

    assert found(page) == []


@pytest.mark.parametrize(
    "play",
    [
        the_chat,
        a_saved_chat,
        a_question_that_is_edited,
        a_conversation_that_is_to_be_deleted,
        the_sidebar_on_a_phone,
        the_race,
        the_plain_page,
    ],
)
def test_axe_finds_nothing_in_what_is_done_there(page: Page, play: Callable[[Page], None]) -> None:
    play(page)

    assert found(page) == []
