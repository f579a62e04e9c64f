"""Where things stand in the app's pages, on phones and desks and in its languages."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.example.browsing import ask_to_the_end, button, speak

pytestmark = pytest.mark.browser

PHONE: Any = {"width": 390, "height": 844}
SMALL_PHONE: Any = {"width": 360, "height": 740}
DESK: Any = {"width": 1280, "height": 800}
LANGUAGES = ["English", "Deutsch", "العربية"]
# Of the words themselves, whatever box they are in.
ENDS = """element => {
    const range = document.createRange();
    range.selectNodeContents(element);
    const { left, right } = range.getBoundingClientRect();
    return [left, right];
}"""


def words_of(locator: Locator) -> list[tuple[float, float]]:
    return [tuple(each.evaluate(ENDS)) for each in locator.all()]


@pytest.mark.parametrize("size", [PHONE, SMALL_PHONE], ids=["phone", "small phone"])
def test_send_is_in_view_with_files_and_words_before_the_first_question(
    page: Page, size: Any
) -> None:
    page.set_viewport_size(size)
    expect(page.locator("[data-chat=attach]")).to_be_visible()
    page.locator("[data-chat=composer] [type=file]").set_input_files(
        [
            {"name": f"{name}.pdf", "mimeType": "application/pdf", "buffer": data}
            for name, data in (("a", b"%PDF-1.7"), ("b", b"%PDF-1.7"), ("c", b"x" * 2_000_001))
        ]
    )
    expect(page.locator("[data-chat=hint]")).to_contain_text("too large")
    page.get_by_label("Your question").fill("One\nTwo\nThree")
    for place in (button(page, "Send"), page.locator("[data-chat=hint]")):
        expect(place).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_bar_of_links_is_one_row(page: Page, language: str) -> None:
    page.set_viewport_size(DESK)
    speak(page, language)
    for size, bar in ((DESK, ".sidebar .foot"), (SMALL_PHONE, ".top")):
        if bar == ".top":
            page.goto("/race")
        page.set_viewport_size(size)
        links = page.locator(f"{bar} > nav a, {bar} > .source")
        expect(links).to_have_count(4)
        middles = links.evaluate_all(
            "all => all.map((e) => e.getBoundingClientRect()).map((b) => b.top + b.bottom)"
        )
        assert max(middles) - min(middles) < 4


@pytest.mark.parametrize("language", ["English", "العربية"])
def test_titles_stand_on_the_pages_side(page: Page, language: str) -> None:
    page.set_viewport_size(DESK)
    for question in ("A haiku, please", "هايكو"):
        ask_to_the_end(page, question)
        button(page, "New conversation").click()
    speak(page, language)
    titles = words_of(page.locator(".conversations a"))
    assert len(titles) == 3
    side = 1 if language == "العربية" else 0
    assert len({round(title[side]) for title in titles}) == 1
    assert len({round(title[1 - side]) for title in titles}) > 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_race_fits_a_desk_and_its_clocks_stand_below_their_names(
    page: Page, language: str
) -> None:
    page.set_viewport_size(DESK)
    speak(page, language)
    page.goto("/race")
    assert page.evaluate("document.documentElement.scrollHeight") == DESK["height"]
    page.set_viewport_size(PHONE)
    names, clocks = words_of(page.locator(".clocks dt")), words_of(page.locator(".clocks dd"))
    side = 1 if language == "العربية" else 0
    assert len(names) == 4
    for name, clock in zip(names, clocks, strict=True):
        assert abs(name[side] - clock[side]) <= 3


def test_the_answer_without_our_client_comes_into_view(page: Page) -> None:
    page.set_viewport_size(DESK)
    page.goto("/plain")
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("status")).to_have_text("Complete")
    expect(page.locator("#answer")).to_be_in_viewport(ratio=1)
