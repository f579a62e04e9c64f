"""What the browser tests do again and again."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from tests.example.waiting import DEADLINE

expect.set_options(timeout=DEADLINE * 1000)


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


def ask(page: Page, question: str) -> None:
    """Ask in the chat."""
    page.get_by_label("Your question").fill(question)
    page.get_by_label("Your question").press("Enter")


def ask_on_its_line(page: Page, question: str) -> None:
    """Ask on one of the other pages."""
    page.get_by_label("Question").fill(question)
    page.get_by_label("Question").press("Enter")


def element(page: Page) -> Locator:
    return page.locator("flask-stream")


def answer(page: Page) -> Locator:
    return page.locator("[data-turn]").last


def note(page: Page) -> Locator:
    return page.locator(".note").last
