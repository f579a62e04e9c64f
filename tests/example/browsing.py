"""What the browser tests do again and again."""

from __future__ import annotations

from itertools import count

from playwright.sync_api import Locator, Page, expect

_numbers = count(1)


def watched(page: Page) -> list[str]:
    """Gather what the page has to complain about; a refusal by HTTP is part of the play."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: (
            None if "Failed to load resource" in message.text else complaints.append(message.text)
        ),
    )
    return complaints


def enter(page: Page, name: str | None = None) -> str:
    """Sign in, by default as somebody who was never there; lands in the chat."""
    name = name or f"reader {next(_numbers)}"
    page.goto("/sign-in")
    page.locator("#name").fill(name)
    page.locator("#name").press("Enter")
    expect(page.locator("flask-chat textarea")).to_be_visible()
    return name


def speak(page: Page, language: str) -> None:
    """Choose a language by its own name."""
    with page.expect_navigation():
        button(page, language).click()


def ask(page: Page, question: str) -> None:
    """Ask in the chat, once its client is there: before, Enter would be a line's end."""
    expect(page.locator("[data-chat=attach]")).to_be_visible()
    field = page.locator("[data-chat=composer] textarea")
    field.fill(question)
    field.press("Enter")


def ask_to_the_end(page: Page, question: str) -> None:
    """Ask in the chat, and wait for the whole answer."""
    answers = page.locator("[data-turn='']")
    before = answers.count()
    ask(page, question)
    expect(answers).to_have_count(before + 1)
    expect(element(page)).to_have_attribute("data-state", "done")


def ask_on_its_line(page: Page, question: str) -> None:
    """Ask on one of the other pages."""
    page.get_by_label("Question").fill(question)
    page.get_by_label("Question").press("Enter")


def element(page: Page) -> Locator:
    return page.locator("flask-stream")


def questions(page: Page) -> Locator:
    return page.locator("[data-turn=user] > [data-part=text]")


def answer(page: Page) -> Locator:
    """The last answer, as far as it is the model's."""
    return page.locator("[data-turn='']").last


def text(page: Page) -> Locator:
    return answer(page).locator("[data-part=text]").last


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True).last
