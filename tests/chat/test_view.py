"""What is in view: where the chat is the page, and where it is a box in it; on desks and phones."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, expect

from tests.chat.chatting import Chat
from tests.resume.serving import Server

pytestmark = pytest.mark.browser

SIZES = {"desktop": (1000, 700), "phone": (390, 664)}
BOX = "flask-chat { height: 400px }"
PLACES = ["page", "box"]
END = "To the end"
NEW = "New words below"


@pytest.fixture(params=SIZES.values(), ids=SIZES)
def sized(request: pytest.FixtureRequest, chat: Chat) -> Chat:
    width, height = request.param
    chat.page.set_viewport_size({"width": width, "height": height})
    return chat


def open_in(chat: Chat, place: str) -> Chat:
    chat.open()
    if place == "box":
        chat.dress(BOX)
    return chat


def top_of(chat: Chat, selector: str) -> float:
    """Of the last one, in what can be seen of the conversation."""
    top: float = chat.page.evaluate(
        """selector => {
            const output = document.querySelector("[data-stream=output]");
            const scrolls = output.scrollHeight > output.clientHeight;
            const all = document.querySelectorAll(selector);
            const edge = scrolls ? output.getBoundingClientRect().top : 0;
            return all[all.length - 1].getBoundingClientRect().top - edge;
        }""",
        selector,
    )
    return top


def paragraph(chat: Chat, number: int) -> Any:
    return chat.answers.last.get_by_text(f"Paragraph {number} has", exact=False)


@pytest.mark.parametrize("place", PLACES)
def test_a_long_answer_is_read_from_its_question_on(sized: Chat, place: str) -> None:
    open_in(sized, place).ask_to_the_end("long 3").ask_to_the_end("long 40")
    expect(sized.questions.last).to_be_in_viewport(ratio=0.95)  # but for a part of a pixel
    assert -1 <= top_of(sized, "[data-turn=user]") <= 40
    expect(paragraph(sized, 0)).to_be_in_viewport(ratio=1)
    expect(paragraph(sized, 39)).not_to_be_in_viewport()
    expect(sized.field).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("place", PLACES)
def test_a_long_question_leaves_its_answer_in_view(sized: Chat, place: str) -> None:
    open_in(sized, place)
    question = "\n".join(["long 30 "] * 60)
    sized.field.evaluate("(field, words) => (field.value = words)", question)
    sized.field.press("Enter")
    sized.expect_state("done")
    expect(sized.answers.last.locator("p").first).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("place", PLACES)
def test_a_short_answer_is_followed_to_its_end(sized: Chat, place: str) -> None:
    open_in(sized, place)
    for number in range(8):
        sized.ask_to_the_end(f"A short one, number {number}")
    expect(sized.answers.last).to_be_in_viewport(ratio=1)
    expect(sized.button(END)).to_have_count(0)
    expect(sized.field).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("place", PLACES)
def test_the_button_leads_to_the_end_and_the_end_is_followed(sized: Chat, place: str) -> None:
    question = f"slow 60 {uuid4()}"
    open_in(sized, place).ask(question)
    for number in range(40):
        sized.let_go(f"{question} {number}")
    expect(paragraph(sized, 39)).to_have_count(1)
    expect(sized.button(NEW)).to_be_in_viewport(ratio=1)
    sized.button(NEW).click()
    expect(paragraph(sized, 39)).to_be_in_viewport(ratio=1)
    expect(sized.button(NEW)).to_have_count(0)
    for number in range(40, 60):
        sized.let_go(f"{question} {number}")
    expect(paragraph(sized, 59)).to_be_in_viewport(ratio=1)
    sized.expect_state("done")
    expect(sized.button(END)).to_have_count(0)


@pytest.mark.parametrize("place", PLACES)
def test_a_reader_who_is_elsewhere_stays_there(sized: Chat, place: str) -> None:
    question = f"slow 30 {uuid4()}"
    open_in(sized, place).ask_to_the_end("long 30").ask(question)
    for number in range(10):
        sized.let_go(f"{question} {number}")
    expect(paragraph(sized, 9)).to_have_count(1)
    sized.questions.first.scroll_into_view_if_needed()
    before = top_of(sized, "[data-turn=user]:first-child")
    for number in range(10, 30):
        sized.let_go(f"{question} {number}")
    sized.expect_state("done")
    assert abs(top_of(sized, "[data-turn=user]:first-child") - before) <= 1
    expect(sized.button(NEW)).to_be_in_viewport(ratio=1)


def test_what_makes_the_form_larger_leaves_the_end_in_view(chat: Chat) -> None:
    open_in(chat, "box")
    for number in range(6):
        chat.ask_to_the_end(f"A short one, number {number}")
    chat.field.fill("\n".join("abcde"))
    expect(chat.answers.last).to_be_in_viewport(ratio=1)
    chat.field.fill("")
    chat.ask_to_the_end('tell suggestions ["One more?", "And another?"]')
    expect(chat.button("And another?")).to_be_visible()
    expect(chat.answers.last).to_be_in_viewport(ratio=1)


def test_a_keyboard_over_the_page_lifts_the_composer(browser: Browser, server: Server) -> None:
    """As on an iPhone, where the page keeps its height, and less of it can be seen.

    No browser that runs here has such a keyboard, so `visualViewport` is played.
    """
    with browser.new_context(
        base_url=server.url, viewport={"width": 390, "height": 664}
    ) as context:
        page = context.new_page()
        page.add_init_script(
            """const fake = new EventTarget();
            Object.assign(fake, { height: 664, offsetTop: 0, scale: 1 });
            Object.defineProperty(window, "visualViewport", { value: fake });"""
        )
        chat = Chat(page).open().ask_to_the_end("long 30")
        chat.field.focus()
        page.evaluate(
            "visualViewport.height = 364, visualViewport.dispatchEvent(new Event('resize'))"
        )
        chat.expect(
            "document.querySelector('[data-chat=composer]').getBoundingClientRect().bottom <= 365"
        )
        page.evaluate(
            "visualViewport.height = 664, visualViewport.dispatchEvent(new Event('resize'))"
        )
        chat.expect(
            "document.querySelector('[data-chat=composer]').getBoundingClientRect().bottom > 600"
        )
        chat.check()


def test_a_page_with_more_than_a_chat_is_not_moved(chat: Chat) -> None:
    chat.save({"role": "user", "text": "Q"}, {"role": "assistant", "text": "word " * 2000})
    chat.page.add_init_script(
        """addEventListener("DOMContentLoaded", () => {
            const above = document.createElement("div");
            above.style.height = "2000px";
            document.body.prepend(above);
        })"""
    )
    chat.open()
    expect(chat.answers.last).to_have_attribute("data-drawn", "")
    assert chat.page.evaluate("scrollY") == 0
