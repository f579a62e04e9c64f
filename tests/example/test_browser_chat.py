"""The chat in a real Chromium, served by a real gunicorn."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from example_app.canned_answers import HAIKU, LET_THROUGH, LONG_PARTS, WHY_STREAM
from tests.example.browsing import (
    answer,
    ask,
    ask_to_the_end,
    button,
    element,
    enter,
    questions,
    text,
    watched,
)
from tests.example.said import first_half, until_held, whole
from tests.example.server import Server
from tests.example.waiting import wait_for

pytestmark = pytest.mark.browser

# What the page shows of two spaces at the end of a line.
HAIKU_SHOWN = HAIKU.replace("  \n", "\n")
TOO_LONG = "That question is too long. Ask in at most 8,000 characters."


def turns(page: Page) -> Locator:
    return page.locator("[data-turn]")


def status(page: Page) -> Locator:
    return page.locator("[data-stream=status]")


# -- an answer --------------------------------------------------------------------------


def test_the_first_words_are_read_while_the_provider_still_writes(
    page: Page, server: Server
) -> None:
    ask(page, "Please hold")

    # The provider goes on only when told to, so what is on the page now was there before.
    wait_for(lambda: "held" in server.log("Please hold"))
    expect(text(page)).to_have_text(until_held("Please hold"))
    expect(element(page)).to_have_attribute("data-state", "streaming")
    assert server.log("Please hold")[-1] == "held"

    server.release()
    expect(element(page)).to_have_attribute("data-state", "done")
    expect(text(page)).to_have_text(whole("Please hold"), use_inner_text=True)


def test_an_answer_survives_a_reload_with_its_model_and_its_time(page: Page) -> None:
    ask_to_the_end(page, "A haiku, please")
    page.reload()

    expect(questions(page)).to_have_text("A haiku, please")
    expect(text(page).locator("br")).to_have_count(2)
    assert text(page).inner_text() == HAIKU_SHOWN
    answer(page).locator("[data-chat=about] summary").click()
    expect(answer(page).locator("[data-chat=about]")).to_contain_text("canned-1")
    expect(answer(page).locator("time")).to_be_visible()


def test_stop_ends_the_answer_and_closes_the_providers_connection(
    page: Page, server: Server
) -> None:
    question = "Hold a long answer"
    ask(page, question)
    wait_for(lambda: "held" in server.log(question))
    expect(text(page)).to_have_text(until_held(question))
    button(page, "Stop").click()

    expect(element(page)).to_have_attribute("data-state", "stopped")
    # The provider is still silent: it is held until its client has left.
    wait_for(lambda: "client left" in server.log(question))
    assert "complete" not in server.log(question)
    expect(text(page)).to_have_text(until_held(question))
    expect(button(page, "Send")).to_be_visible()
    expect(page.get_by_label("Your question")).to_be_focused()

    page.reload()
    expect(answer(page).locator("[data-chat=note]")).to_have_text("Stopped.")
    expect(text(page)).to_contain_text(until_held(question))


def test_a_reload_in_mid_answer_goes_on(page: Page, server: Server) -> None:
    question = "Hold, then reload"
    ask(page, question)
    expect(text(page)).to_have_text(until_held(question))

    page.reload()
    expect(text(page)).to_have_text(until_held(question))
    expect(element(page)).to_have_attribute("data-state", "streaming")
    expect(turns(page)).to_have_count(2)

    server.release()
    expect(element(page)).to_have_attribute("data-state", "done")
    expect(text(page)).to_have_text(whole(question), use_inner_text=True)
    page.reload()
    expect(turns(page)).to_have_count(2)
    assert server.times_asked(question) == 1


def test_a_second_device_shows_the_same_and_stop_in_one_stops_both(
    browser: Browser, server: Server
) -> None:
    question = "Hold on two devices"
    with (
        browser.new_context(base_url=server.url) as first,
        browser.new_context(base_url=server.url) as second,
    ):
        pages = [first.new_page(), second.new_page()]
        complaints = [watched(page) for page in pages]
        name = enter(pages[0])
        ask(pages[0], question)
        expect(text(pages[0])).to_have_text(until_held(question))
        enter(pages[1], name)
        expect(text(pages[1])).to_have_text(until_held(question))

        button(pages[1], "Stop").click()
        for page in pages:
            expect(element(page)).to_have_attribute("data-state", re.compile("stopped|done"))
            expect(text(page)).to_have_text(until_held(question))
        wait_for(lambda: "client left" in server.log(question))
        assert complaints == [[], []]
    assert server.times_asked(question) == 1


def test_an_answer_that_is_cut_off_is_shown_so_far_and_says_so(page: Page) -> None:
    ask(page, "cut")

    expect(status(page)).to_contain_text("cut off")
    expect(element(page)).to_have_attribute("data-state", "failed")
    expect(text(page)).to_have_text(first_half("cut"), use_inner_text=True)

    page.reload()
    expect(answer(page).locator("[data-chat=note]")).to_contain_text("cut off")
    expect(text(page)).to_have_text(first_half("cut"), use_inner_text=True)


def test_retry_puts_a_new_answer_in_the_place_of_the_one_that_failed(
    page: Page, server: Server
) -> None:
    ask(page, "An error, please")
    expect(status(page)).to_contain_text("overloaded")
    button(page, "Retry").click()

    wait_for(lambda: server.times_asked("An error, please") == 2)
    expect(button(page, "Retry")).to_be_visible()
    expect(turns(page)).to_have_count(2)
    page.reload()
    expect(turns(page)).to_have_count(2)


def test_after_a_rate_limit_retry_counts_down_and_then_asks_again(page: Page) -> None:
    retry = page.locator("[data-stream=retry]")
    retry.evaluate(
        """retry => {
            globalThis.waits = [];
            const seen = () => retry.hidden || waits.push([retry.dataset.wait, retry.disabled]);
            new MutationObserver(seen).observe(retry, { attributes: true });
        }"""
    )
    ask(page, "rate limit")
    expect(status(page)).to_contain_text("limit of requests")
    expect(retry).to_be_visible()
    # Its words are where they can be mended.
    expect(page.get_by_label("Your question")).to_have_value("rate limit")
    expect(turns(page)).to_have_count(0)

    expect(retry).to_be_enabled()
    *locked, last = page.evaluate("waits")
    # A busy machine may skip a second: tests/browser/test_element_retry.py counts them all.
    waits = [wait for wait, _ in locked if wait]
    assert all(is_locked for _, is_locked in locked)
    assert waits
    assert {*waits} <= {"3 s", "2 s", "1 s"}
    assert waits == sorted(waits, reverse=True)
    assert last == [None, False]
    retry.click()
    expect(text(page)).to_have_text(LET_THROUGH, use_inner_text=True)
    expect(element(page)).to_have_attribute("data-state", "done")
    expect(turns(page)).to_have_count(2)

    page.reload()
    expect(turns(page)).to_have_count(2)


def test_a_slow_start_shows_that_something_is_on_its_way(page: Page) -> None:
    element(page).evaluate(
        """element => {
            globalThis.seen = [];
            const status = element.querySelector("[data-stream=status]");
            new MutationObserver(() => {
                seen.push([element.dataset.state, status.textContent]);
            }).observe(element, { attributes: true, attributeFilter: ["data-state"] });
        }"""
    )
    button(page, "A slow start").click()

    expect(text(page)).to_contain_text("That was a slow start")
    expect(element(page)).to_have_attribute("data-state", "done")
    assert page.evaluate("seen") == [
        ["connecting", "Generating…"],
        ["waiting", "Generating…"],
        ["streaming", "Generating…"],
        ["done", "Complete"],
    ]


def test_markdown_is_shown_while_it_is_written_and_the_same_after_a_reload(page: Page) -> None:
    button(page, "A long answer in Markdown").click()
    expect(element(page)).to_have_attribute("data-state", "done")

    shown = text(page)
    expect(shown.get_by_role("heading")).to_have_count(5)
    expect(shown.locator("ol > li > ul > li")).to_have_count(2)
    expect(shown.get_by_role("link", name="the standard")).to_have_attribute(
        "href", re.compile("^https://html.spec.whatwg.org/")
    )
    expect(shown.locator("pre code")).to_contain_text("@stream.response\ndef chat():")
    expect(shown.get_by_role("row")).to_have_count(3)
    expect(shown.get_by_role("checkbox")).to_have_count(3)
    expect(shown.locator("blockquote")).to_contain_text('<b onclick="alert(1)">')
    expect(shown.locator("b")).to_have_count(0)

    live = shown.inner_html()
    page.reload()
    expect(answer(page)).to_have_attribute("role", "article")
    assert text(page).inner_html() == live


def test_a_long_answer_begins_in_view_and_a_saved_one_is_opened_at_its_end(page: Page) -> None:
    ask_to_the_end(page, "A long answer")
    expect(text(page)).to_have_text("\n\n".join(LONG_PARTS), use_inner_text=True)
    expect(questions(page)).to_be_in_viewport()

    page.reload()
    expect(answer(page).locator("[data-chat=actions]")).to_be_in_viewport()
    expect(page.get_by_label("Your question")).to_be_in_viewport()


# -- asked again ------------------------------------------------------------------------


def test_another_answer_and_other_words_take_the_place_of_the_first(
    page: Page, server: Server
) -> None:
    for question in ("A haiku, first", "A haiku, second"):
        ask_to_the_end(page, question)
    page.get_by_role("button", name="Answer again").first.click()
    wait_for(lambda: server.times_asked("A haiku, first") == 2)
    expect(turns(page)).to_have_count(2)
    expect(element(page)).to_have_attribute("data-state", "done")

    turns(page).first.hover()
    button(page, "Edit").click()
    editor = page.locator("[data-chat=editor] textarea")
    editor.fill("Why, in other words?")
    editor.press("Enter")
    expect(text(page)).to_have_text(WHY_STREAM, use_inner_text=True)
    expect(element(page)).to_have_attribute("data-state", "done")
    page.reload()
    expect(turns(page)).to_have_count(2)
    expect(questions(page)).to_have_text("Why, in other words?")
    expect(page).to_have_title("Why, in other words?")


def test_thumbs_are_stored(page: Page) -> None:
    ask_to_the_end(page, "A haiku, please")
    with page.expect_response("**/rate") as rated:
        button(page, "Good answer").click()
    assert rated.value.status == 204

    page.reload()
    expect(button(page, "Good answer")).to_have_attribute("aria-pressed", "true")
    expect(button(page, "Bad answer")).to_have_attribute("aria-pressed", "false")


# -- typing -----------------------------------------------------------------------------


@pytest.mark.parametrize("characters", [8001, 300_000])
def test_a_question_that_is_too_long_is_refused_in_words(page: Page, characters: int) -> None:
    ask(page, "?" * characters)

    expect(status(page)).to_have_text(TOO_LONG)
    expect(status(page)).to_be_visible()
    page.reload()
    expect(turns(page)).to_have_count(0)


def test_a_question_may_have_lines(page: Page) -> None:
    field = page.get_by_label("Your question")
    field.fill("A haiku,")
    field.press("Shift+Enter")
    field.press_sequentially("please")
    field.press("Enter")
    expect(questions(page)).to_have_text("A haiku,\nplease", use_inner_text=True)
    expect(element(page)).to_have_attribute("data-state", "done")
    page.reload()
    expect(questions(page)).to_have_text("A haiku,\nplease", use_inner_text=True)
