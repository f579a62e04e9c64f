"""A chat for those who do not see it, or who have a keyboard only."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_accessibility import AXE
from tests.chat.chatting import Chat
from tests.chat.test_attachments import LOOKS, PAPER, choose

pytestmark = pytest.mark.browser

SAID = [
    {"role": "user", "text": "Before?", "id": "a"},
    {"role": "assistant", "text": "## Words\n\n`code`\n", "id": "a", "model": "m-1"},
]


def look(page: Page, where: str) -> None:
    """Let axe look at the page as it is."""
    found = page.evaluate("() => axe.run(document.querySelector('main'))")
    wrong = [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]]
    assert wrong == [], where


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_axe_finds_nothing_in_any_state(chat: Chat, scheme: Any, direction: str) -> None:
    if not AXE.exists():
        pytest.skip("no axe-core in js/node_modules: run «npm ci» in js/")
    page = chat.page
    page.emulate_media(color_scheme=scheme)
    page.add_init_script(path=AXE)
    chat.open(suggest=["Why?", "How?"], dir=direction, feedback="/rate", **LOOKS)
    look(page, "empty")
    choose(chat, PAPER)
    look(page, "with a file")
    question = f"hold {direction} {scheme}"
    chat.ask(question).expect_state("streaming")
    look(page, "streaming")
    chat.ask("A draft")
    look(page, "a draft")
    chat.let_go(question)
    chat.expect_state("done")
    look(page, "done")
    chat.button("Edit").click()
    expect(page.locator("[data-chat=editor] textarea")).to_be_focused()
    look(page, "edited")
    chat.button("Cancel").click()
    chat.answers.last.locator("summary").click()
    look(page, "details")
    chat.field.fill("")
    chat.ask_to_the_end(f"tell title {json.dumps('A title')}")
    chat.ask("fail now").expect_state("failed")
    look(page, "failed")
    chat.ask("refuse it").expect_state("failed")
    look(page, "refused")
    chat.field.fill("")
    chat.ask_to_the_end("long 40")
    page.evaluate("scrollTo(0, 0)")
    expect(chat.page.locator("[data-chat=end]")).to_be_visible()
    look(page, "not at the end")
    chat.open(dir=direction)
    expect(chat.answers.last.locator("[data-chat=actions]")).to_be_attached()
    look(page, "saved")


def test_a_screen_reader_s_tree(chat: Chat) -> None:
    chat.save(*SAID).open(feedback="/rate", **LOOKS)
    expect(chat.answers.last.locator("[data-chat=about]")).to_be_attached()
    chat.ask_to_the_end("And now?")
    tree = chat.page.locator("flask-chat").aria_snapshot()
    assert tree.strip() == TREE.strip()


# In the order in which it is read, and in which Tab goes.
TREE = """\
- article "You":
  - text: Before?
  - button "Edit"
- article "Answer":
  - heading "Words" [level=4]
  - paragraph:
    - code: code
  - button "Copy"
  - button "Copy as Markdown"
  - button "Answer again"
  - button "Good answer"
  - button "Bad answer"
  - group: Details
- article "You":
  - text: And now?
  - button "Edit"
- article "Answer":
  - paragraph: "You said: And now?"
  - button "Copy"
  - button "Copy as Markdown"
  - button "Answer again"
  - button "Good answer"
  - button "Bad answer"
  - group: Details
- status: Complete
- button "Attach files"
- textbox "Your question":
  - /placeholder: Ask something
- button "Send"
"""


def focused(page: Page) -> str:
    """What has the focus: its name, and its words where it is a button."""
    name: str = page.evaluate(
        """() => {
            const { activeElement: it } = document;
            return it.dataset.chat ?? it.dataset.stream ?? it.name ?? it.tagName;
        }"""
    )
    return name


def test_all_of_it_is_reached_by_keyboard(chat: Chat) -> None:
    chat.save(*SAID).open(feedback="/rate", **LOOKS)
    for comes_late in ("about", "attach"):
        expect(chat.page.locator(f"[data-chat={comes_late}]").last).to_be_attached()
    reached = []
    for _ in range(12):
        chat.page.keyboard.press("Tab")
        reached.append(focused(chat.page))
    expected = ["edit", "copy", "copy-markdown", "regenerate", "up", "down", "SUMMARY"]
    assert reached[: len(expected)] == expected
    assert {"attach", "question", "send"} <= set(reached)


def test_an_answer_is_asked_stopped_and_asked_again_by_keyboard(chat: Chat) -> None:
    chat.open().field.focus()
    chat.page.keyboard.type("hold by keyboard")
    chat.page.keyboard.press("Enter")
    chat.expect_state("streaming")
    chat.page.keyboard.press("Escape")
    chat.expect_state("stopped")
    assert focused(chat.page) == "question"
    expect(chat.button("Answer again")).to_be_visible()
    while focused(chat.page) != "regenerate":
        chat.page.keyboard.press("Shift+Tab")
    chat.page.keyboard.press("Enter")
    chat.expect_state("streaming")
    chat.let_go("hold by keyboard")
    chat.expect_state("done")


def test_what_is_said_of_an_answer_is_heard(chat: Chat) -> None:
    """The status is a live region from the beginning; the hint, too."""
    chat.open()
    for part in (chat.status, chat.hint):
        expect(part).to_have_attribute("role", "status")
    chat.ask("hold heard").expect_state("streaming")
    expect(chat.status).to_have_text("Generating…")
    chat.let_go("hold heard")
    expect(chat.status).to_have_text("Complete")
