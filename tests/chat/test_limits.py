"""What a server may tell a chat has limits; and what the chat leaves alone on phones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.chat.chatting import Chat
from tests.resume.serving import Server

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 390, "height": 664}, "has_touch": True, "is_mobile": True}
DESK: dict[str, Any] = {}
# No browser that runs here has a phone's keyboard, nor two fingers.
PLAYED_VIEWPORT = """
const fake = new EventTarget();
Object.assign(fake, { height: 664, offsetTop: 0, scale: 1 });
Object.defineProperty(window, "visualViewport", { value: fake });
"""
VIEW = """([height, scale]) => {
    Object.assign(visualViewport, { height, scale }).dispatchEvent(new Event("resize"));
    return document.querySelector("flask-chat").style.getPropertyValue("--flask-chat-keyboard");
}"""


@contextmanager
def chat_on(browser: Browser, server: Server, device: dict[str, Any]) -> Iterator[Chat]:
    with browser.new_context(base_url=server.url, **device) as context:
        chat = Chat(context.new_page())
        yield chat
        chat.check()


def test_a_long_title_is_cut(chat: Chat) -> None:
    title = "x" * 200
    chat.open().ask_to_the_end(f"tell title {json.dumps(title)}")
    expect(chat.page.locator("[data-chat=title]")).to_have_text(title)
    chat.ask_to_the_end(f"tell title {json.dumps('y' + title)}")
    expect(chat.page.locator("[data-chat=title]")).to_have_text(f"y{title[1:]}")


def test_of_many_long_suggestions_there_are_some_words_of_a_few(chat: Chat) -> None:
    questions = [f"{number}{'x' * 299}" for number in range(10)]
    longer = [f"{question}y" for question in questions]
    chat.open().ask_to_the_end(f"tell suggestions {json.dumps(longer)}")
    offered = chat.page.locator("[data-chat=suggestions] button")
    expect(offered).to_have_text(questions[:8])
    assert offered.evaluate_all("all => all.map((each) => each.value)") == questions[:8]


@pytest.mark.parametrize(
    ("device", "focused"), [(DESK, True), (PHONE, False)], ids=["desk", "phone"]
)
def test_who_presses_send_goes_on_typing_where_no_keyboard_covers_the_answer(
    browser: Browser, server: Server, device: dict[str, Any], focused: bool
) -> None:
    with chat_on(browser, server, device) as chat:
        chat.open().field.fill("Why?")
        assert chat.page.evaluate("matchMedia('(hover: hover)').matches") is focused
        chat.button("Send").click()
        chat.expect_state("done").expect_said("Why?", "You said: Why?")
        field = "document.activeElement === document.querySelector('textarea')"
        assert chat.page.evaluate(field) is focused


def test_a_page_that_is_zoomed_in_is_not_covered(browser: Browser, server: Server) -> None:
    with chat_on(browser, server, PHONE) as chat:
        chat.page.add_init_script(PLAYED_VIEWPORT)
        chat.open().ask_to_the_end("long 30")
        inner = chat.page.evaluate("innerHeight")
        assert chat.page.evaluate(VIEW, [inner - 300, 1]) == "300px"
        assert chat.page.evaluate(VIEW, [inner / 2, 2]) == "0px"
