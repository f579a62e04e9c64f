"""Conversations, readers and languages in a real Chromium, and all of it without JavaScript."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from example_app.canned_answers import HAIKU
from tests.example.browsing import (
    answer,
    ask_to_the_end,
    button,
    element,
    enter,
    questions,
    speak,
    text,
    watched,
)
from tests.example.server import Server
from tests.example.waiting import wait_for

pytestmark = pytest.mark.browser


def conversations(page: Page) -> Locator:
    return page.get_by_role("navigation", name="Conversations").get_by_role("link")


def test_conversations_are_at_the_side_newest_first(page: Page) -> None:
    ask_to_the_end(page, "A haiku, first")
    button(page, "New conversation").click()
    expect(conversations(page)).to_have_text(["New conversation", "A haiku, first"])
    ask_to_the_end(page, "A haiku, second")
    expect(conversations(page)).to_have_text(["A haiku, second", "A haiku, first"])

    conversations(page).last.click()
    expect(questions(page)).to_have_text("A haiku, first")
    expect(conversations(page).last).to_have_attribute("aria-current", "page")
    expect(conversations(page).first).not_to_have_attribute("aria-current", "page")


def test_a_conversation_is_deleted_once_that_was_confirmed(page: Page) -> None:
    ask_to_the_end(page, "A haiku, please")
    there = page.url
    button(page, "Delete this conversation").click()
    button(page, "Keep it").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    button(page, "Delete this conversation").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()

    expect(conversations(page)).to_have_text(["New conversation"])
    assert page.request.get(there).status == 404


def test_another_reader_sees_nothing_of_it(page: Page) -> None:
    ask_to_the_end(page, "A haiku, please")
    there = page.url
    button(page, "Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    enter(page)

    expect(conversations(page)).to_have_text(["New conversation"])
    response = page.goto(there)
    assert response is not None
    assert response.status == 404
    expect(page.locator("main")).to_contain_text("not there, or it is not yours")
    page.get_by_role("link", name="Back to the chat").click()
    expect(element(page)).to_be_visible()


@pytest.fixture
def phone(browser: Browser, server: Server) -> Iterator[Page]:
    with browser.new_context(
        base_url=server.url, viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True
    ) as context:
        page = context.new_page()
        complaints = watched(page)
        enter(page)
        yield page
    assert complaints == []


def test_on_a_phone_the_conversations_are_behind_a_button(phone: Page) -> None:
    side = phone.get_by_role("complementary", name="Conversations")
    expect(side).to_be_hidden()
    button(phone, "Conversations").click()
    expect(side).to_be_visible()
    phone.keyboard.press("Escape")
    expect(side).to_be_hidden()
    expect(button(phone, "Conversations")).to_be_focused()


def test_on_a_phone_the_field_is_in_view_before_and_after(phone: Page) -> None:
    field = phone.get_by_label("Your question")
    expect(field).to_be_in_viewport(ratio=1)
    ask_to_the_end(phone, "A long answer")
    expect(field).to_be_in_viewport(ratio=1)
    root = phone.locator("html")
    assert root.evaluate("root => root.scrollHeight <= root.clientHeight"), "the page scrolls"


@pytest.mark.parametrize(
    ("language", "direction", "name", "question", "begins"),
    [
        ("de", "ltr", "Deutsch", "Warum eine Antwort überhaupt streamen?", "Weil sich Warten"),
        ("ar", "rtl", "العربية", "لماذا نبث الإجابة أصلًا؟", "لأن الانتظار"),
    ],
)
def test_the_app_is_in_the_language_that_is_chosen(
    page: Page, language: str, direction: str, name: str, question: str, begins: str
) -> None:
    speak(page, name)
    root = page.locator("html")
    expect(root).to_have_attribute("lang", language)
    expect(root).to_have_attribute("dir", direction)
    button(page, question).click()
    expect(text(page)).to_contain_text(begins)
    expect(element(page)).to_have_attribute("data-state", "done")
    side, main = page.locator(".sidebar"), page.locator("main")
    boxes = [each.bounding_box() for each in (side, main)]
    assert all(boxes)
    xs = [box["x"] for box in boxes if box]
    assert xs == sorted(xs, reverse=direction == "rtl")
    page.goto("/race")
    expect(root).to_have_attribute("lang", language)


def test_without_javascript_all_of_it_works_as_forms(browser: Browser, server: Server) -> None:
    with browser.new_context(base_url=server.url, java_script_enabled=False) as context:
        page = context.new_page()
        enter(page)
        page.get_by_label("Your question").fill("A haiku, please")
        button(page, "Send").click()
        expect(page.locator("[data-turn=user]")).to_have_text("A haiku, please")
        wait_for(lambda: answer(page).inner_text() == HAIKU)  # its lines, once there are styles
        expect(page.get_by_role("heading", level=1)).to_have_text("A haiku, please")

        file = {"name": "a.txt", "mimeType": "text/plain", "buffer": b"ABC"}
        page.get_by_label("Files").set_input_files([file])  # type: ignore[list-item]
        page.get_by_label("Your question").fill("Read it")
        button(page, "Send").click()
        expect(page.locator("[data-turn=user]")).to_have_count(2)
        expect(page.locator("[data-chat=files]")).to_have_text("a.txt")
        expect(answer(page)).to_contain_text("a.txt")
        expect(page.get_by_label("Your question")).to_be_in_viewport()

        button(page, "New conversation").click()
        button(page, "A slow start").click()
        expect(answer(page)).to_contain_text("That was a slow start")
        expect(conversations(page)).to_have_text(["A slow start", "A haiku, please"])

        page.get_by_label("Your question").fill("A rate limit without JavaScript")
        button(page, "Send").click()
        expect(page.locator("main")).to_contain_text("limit of requests")
        page.get_by_role("link", name="Back to the chat").click()

        button(page, "Delete this conversation").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(conversations(page)).to_have_text(["A haiku, please"])
        button(page, "Deutsch").click()
        expect(page.locator("html")).to_have_attribute("lang", "de")
        button(page, "Abmelden").click()
        expect(page.get_by_role("heading", name="Anmelden")).to_be_visible()
