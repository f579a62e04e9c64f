"""What was said before: written by the server, drawn by the client, and asked again."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.chat.chatting import Chat

pytestmark = pytest.mark.browser

ANSWER = "Some **bold** words.\n\n- one\n- two\n"


def turns(number: int, answer: str = ANSWER) -> list[dict[str, Any]]:
    return [
        turn
        for each in range(number)
        for turn in (
            {"role": "user", "text": f"Question {each}\n<b>?</b>", "id": f"id-{each}"},
            {"role": "assistant", "text": answer, "id": f"id-{each}", "model": "old-1"},
        )
    ]


def test_saved_turns_are_drawn_as_those_that_come(chat: Chat) -> None:
    chat.save(*turns(1)).open()
    expect(chat.answers.last.locator("strong")).to_have_text("bold")
    expect(chat.answers.last.locator("li")).to_have_text(["one", "two"])
    expect(chat.questions).to_have_text("Question 0\n<b>?</b>")
    saved = chat.answers.first.locator("[data-chat=actions]").inner_text()
    chat.ask_to_the_end("markdown")
    expect(chat.answers.last.locator("[data-chat=actions]")).to_have_text(
        saved, use_inner_text=True
    )


def test_a_saved_answer_is_copied_as_it_was_written(chat: Chat) -> None:
    chat.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    chat.save(*turns(1)).open()
    chat.button("Copy as Markdown").click()
    chat.expect("navigator.clipboard.readText().then((t) => t.includes('**'))")
    assert chat.page.evaluate("navigator.clipboard.readText()") == ANSWER


def test_a_saved_question_is_asked_again(chat: Chat) -> None:
    chat.save(*turns(2)).open()
    chat.page.get_by_role("button", name="Answer again").first.click()
    expect(chat.answers).to_have_count(1)
    question = "Question 0\n<b>?</b>"
    chat.expect_state("done").expect_said(question, f"You said: {question}")
    assert chat.asked(question)[-1]["attempt"] == 2


def test_what_has_no_id_cannot_be_asked_again(chat: Chat) -> None:
    chat.save({"role": "user", "text": "Who?"}, {"role": "assistant", "text": "Me."}).open()
    expect(chat.button("Copy")).to_be_visible()
    expect(chat.button("Answer again")).to_have_count(0)
    expect(chat.button("Edit")).to_have_count(0)


def test_what_stands_below_a_saved_turn_stays_there(chat: Chat) -> None:
    chat.save(
        {"role": "user", "text": "Read it", "id": "a", "files": ["paper.pdf"]},
        {
            "role": "assistant",
            "text": ANSWER,
            "id": "a",
            "note": "It was cut off.",
            "rating": "down",
            "sources": [{"url": "https://example.org/", "title": "A source"}],
        },
    ).open(feedback="/rate")
    expect(chat.answers.locator("strong")).to_have_text("bold")
    expect(chat.questions).to_have_text("Read it")
    expect(chat.output.locator("[data-turn=user] > [data-chat=files]")).to_have_text("paper.pdf")
    answer = chat.answers.first
    expect(answer.locator("> [data-chat=note]")).to_have_text("It was cut off.")
    expect(answer.get_by_role("link", name="A source")).to_be_visible()
    expect(chat.button("Bad answer")).to_have_attribute("aria-pressed", "true")
    expect(chat.button("Good answer")).to_have_attribute("aria-pressed", "false")
    chat.button("Answer again").click()
    chat.expect_state("done").expect_said("Read it", "You said: Read it")


def test_a_long_conversation_opens_at_its_end_and_is_drawn_in_time(chat: Chat) -> None:
    chat.save(*turns(250, ANSWER + "More words follow. " * 40)).open()
    expect(chat.questions.last).to_be_in_viewport()
    # What is far from view comes later, and all of it comes.
    expect(chat.answers.first.locator("strong")).to_have_text("bold")
    expect(chat.questions.last).to_be_in_viewport()
    expect(chat.page.locator("[data-turn]:not([data-drawn])")).to_have_count(0)


def test_a_box_opens_at_the_end_of_what_is_in_it(chat: Chat) -> None:
    chat.page.add_init_script(
        """document.addEventListener("DOMContentLoaded", () => {
            document.querySelector("flask-chat").style.height = "400px";
        });"""
    )
    chat.save(*turns(6, ANSWER + "More words follow. " * 20)).open()
    expect(chat.answers.first).to_have_attribute("data-drawn", "")
    expect(chat.answers.last.locator("[data-chat=actions]")).to_be_in_viewport(ratio=1)
    assert chat.page.evaluate("scrollY") == 0


def test_what_is_scrolled_to_is_drawn(chat: Chat) -> None:
    chat.save(*turns(100, ANSWER + "More words follow. " * 40))
    # There is no idle time.
    chat.page.add_init_script("window.requestIdleCallback = () => {}")
    chat.open()
    expect(chat.questions.last).to_be_in_viewport()
    assert chat.answers.first.locator("strong").count() == 0
    chat.answers.first.scroll_into_view_if_needed()
    expect(chat.answers.first.locator("strong")).to_be_visible()
    assert chat.page.locator("[data-turn]:not([data-drawn])").count() > 100


def test_without_javascript_it_is_a_form_and_text(bare_page: Page) -> None:
    bare_page.goto("/?suggest=Why%3F")
    bare_page.get_by_role("textbox").fill("Without a script")
    bare_page.get_by_role("button", name="Send").click()
    expect(bare_page.get_by_text("You said: Without a script")).to_be_visible()
    bare_page.goto("/")
    expect(bare_page.locator("[data-turn]")).to_have_text(
        ["Without a script", "You said: Without a script"]
    )


def test_a_suggestion_is_asked_without_javascript(bare_page: Page) -> None:
    bare_page.goto("/?suggest=Why%3F")
    bare_page.get_by_role("button", name="Why?").click()
    expect(bare_page.get_by_text("You said: Why?")).to_be_visible()
