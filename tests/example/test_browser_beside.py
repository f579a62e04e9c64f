"""What goes with a question, and what comes beside an answer's words, in a real Chromium."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.example.browsing import answer, ask, ask_to_the_end, button, element, questions, text
from tests.example.server import Server
from tests.example.waiting import wait_for

pytestmark = pytest.mark.browser

PICTURE: Any = {"name": "a picture.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\n."}
PROGRAM: Any = {"name": "a program.txt", "mimeType": "text/plain", "buffer": b"MZ\0"}


def attach(page: Page, *files: Any) -> None:
    with page.expect_file_chooser() as chooser:
        button(page, "Attach files").click()
    chooser.value.set_files([*files])


def test_a_file_goes_with_a_question_and_its_name_stays(page: Page) -> None:
    attach(page, PICTURE)
    ask_to_the_end(page, "What is this?")
    expect(text(page)).to_contain_text("a picture.png, 9 B")

    for _ in range(2):
        expect(page.locator("[data-turn]").first.locator("[data-chat=files]")).to_have_text(
            "a picture.png"
        )
        page.reload()
    button(page, "Answer again").click()
    expect(element(page)).to_have_attribute("data-state", "done")
    expect(text(page)).to_contain_text("a picture.png, 9 B")


def test_a_file_that_cannot_be_read_is_refused_in_words(page: Page) -> None:
    attach(page, PROGRAM)
    ask(page, "What is this?")

    expect(page.locator("[data-stream=status]")).to_have_text(
        "a program.txt is neither a picture nor a PDF nor text."
    )
    expect(page.locator("[data-turn]")).to_have_count(0)


def test_the_title_is_put_everywhere_as_soon_as_something_was_asked(
    page: Page, server: Server
) -> None:
    ask(page, "Hold the title")
    entry = page.get_by_role("navigation", name="Conversations").get_by_role("link")
    for place in (page.get_by_role("heading", level=1), entry):
        expect(place).to_have_text("Hold the title")
    expect(page).to_have_title("Hold the title")
    expect(entry).to_have_attribute("aria-current", "page")
    server.release_until(lambda: element(page).get_attribute("data-state") == "done")


def test_after_an_answer_there_is_what_to_ask_next(page: Page) -> None:
    ask_to_the_end(page, "A haiku, please")
    button(page, "An answer that is cut off").click()

    expect(questions(page).last).to_have_text("An answer that is cut off")
    expect(page.locator("[data-stream=status]")).to_contain_text("cut off")


# -- the tool loop ----------------------------------------------------------------------


def parts(page: Page, kind: str) -> Locator:
    return answer(page).locator(f"> [data-part={kind}]")


def test_it_thinks_looks_things_up_and_names_its_sources(page: Page) -> None:
    page.evaluate(
        """() => {
            globalThis.seen = [];
            new MutationObserver(() => {
                for (const line of document.querySelectorAll("[data-part=tool]"))
                    seen.push(line.dataset.state);
            }).observe(document.querySelector("[data-stream=output]"),
                { subtree: true, childList: true, attributes: true, characterData: true });
        }"""
    )
    question = "What happens when the connection breaks?"
    button(page, question).click()
    expect(element(page)).to_have_attribute("data-state", "done")

    expect(parts(page, "tool")).to_have_count(2)
    for line in parts(page, "tool").all():
        expect(line).to_have_attribute("data-state", "done")
        expect(line).to_contain_text("search_notes")
    assert page.evaluate("[...new Set(seen)]") == ["running", "done"]
    reasoning = parts(page, "reasoning").first
    expect(reasoning).to_contain_text(f"They ask: “{question}”")
    expect(reasoning.locator("summary + div")).to_be_hidden()
    reasoning.locator("summary").press("Enter")
    expect(reasoning.locator("summary + div")).to_be_visible()

    links = parts(page, "sources").get_by_role("link")
    expect(links).to_have_count(3)
    titles = links.all_inner_texts()
    addresses = [link.get_attribute("href") for link in links.all()]
    page.reload()
    expect(parts(page, "sources").get_by_role("link")).to_have_text(titles)
    assert [link.get_attribute("href") for link in links.all()] == addresses


def test_the_reasoning_is_there_while_the_model_still_thinks(page: Page, server: Server) -> None:
    question = "A proxy, and please hold"
    ask(page, question)

    wait_for(lambda: "held" in server.log(question))
    expect(parts(page, "reasoning")).to_contain_text("They ask:")
    expect(parts(page, "tool")).to_have_count(0)
    server.release_until(lambda: element(page).get_attribute("data-state") == "done")
    expect(parts(page, "sources").get_by_role("link")).to_have_count(2)


def test_a_search_that_finds_nothing_is_marked_and_another_one_follows(page: Page) -> None:
    ask_to_the_end(page, "A search that finds nothing")

    first, second = parts(page, "tool").all()
    expect(first).to_have_attribute("data-state", "failed")
    expect(second).to_have_attribute("data-state", "done")


def test_escape_stops_a_run_with_tools_at_the_provider(page: Page, server: Server) -> None:
    question = "Who leaves? Please hold"
    ask(page, question)
    expect(parts(page, "reasoning")).to_contain_text("They ask:")
    wait_for(lambda: "held" in server.log(question))
    page.keyboard.press("Escape")

    expect(element(page)).to_have_attribute("data-state", "stopped")
    wait_for(lambda: "client left" in server.log(question))
