"""The chat in a real Chromium, served by a real gunicorn."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from example_app.canned_answers import HAIKU, LET_THROUGH, LONG_PARTS, WHY_STREAM
from example_app.canned_wire import pieces
from example_app.question import TOO_LONG
from tests.example.browsing import answer, ask, element, note
from tests.example.said import first_half, until_held, whole
from tests.example.server import Server
from tests.example.waiting import wait_for

pytestmark = pytest.mark.browser

# What the page shows of two spaces at the end of a line.
HAIKU_SHOWN = HAIKU.replace("  \n", "\n")


def test_the_first_words_are_read_while_the_provider_still_writes(
    page: Page, server: Server
) -> None:
    page.goto("/")
    ask(page, "Please hold")

    # The provider goes on only when told to, so what is on the page now was there before.
    wait_for(lambda: "held" in server.log("Please hold"))
    expect(answer(page)).to_have_text(until_held("Please hold"))
    expect(element(page)).to_have_attribute("data-state", "streaming")
    assert server.log("Please hold")[-1] == "held"

    server.release()
    expect(element(page)).to_have_attribute("data-state", "done")
    expect(answer(page)).to_have_text(whole("Please hold"), use_inner_text=True)


def test_an_answer_has_its_time_and_its_tokens_below_and_survives_a_reload(page: Page) -> None:
    page.goto("/")
    ask(page, "A haiku, please")
    tokens = rf"\d+ input tokens · {len(pieces(HAIKU))} output tokens"
    noted = re.compile(rf"^first word after \d+\.\d s · {tokens}$")
    expect(note(page)).to_have_text(noted)

    page.reload()
    expect(page.locator(".question")).to_have_text("A haiku, please")
    expect(answer(page).locator("br")).to_have_count(2)
    assert answer(page).inner_text() == HAIKU_SHOWN
    expect(note(page)).to_have_text(noted)


def test_stop_ends_the_answer_and_closes_the_providers_connection(
    page: Page, server: Server
) -> None:
    question = "Hold a long answer"
    page.goto("/")
    ask(page, question)
    wait_for(lambda: "held" in server.log(question))
    expect(answer(page)).to_have_text(until_held(question))
    page.get_by_role("button", name="Stop").click()

    expect(element(page)).to_have_attribute("data-state", "stopped")
    # The provider is still silent: it is held until its client has left.
    wait_for(lambda: "client left" in server.log(question))
    assert "complete" not in server.log(question)
    expect(answer(page)).to_have_text(until_held(question))
    expect(note(page)).to_have_text(re.compile("stopped$"))
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    expect(page.get_by_label("Your question")).to_be_focused()

    wait_for(lambda: page.reload() and note(page).inner_text().endswith("stopped"))
    expect(answer(page)).to_contain_text(until_held(question))


def test_a_reload_in_mid_answer_goes_on(page: Page, server: Server) -> None:
    question = "Hold, then reload"
    page.goto("/")
    ask(page, question)
    expect(answer(page)).to_have_text(until_held(question))

    page.reload()
    expect(answer(page)).to_have_text(until_held(question))
    expect(element(page)).to_have_attribute("data-state", "streaming")
    expect(page.locator(".question")).to_have_text(question)
    expect(page.locator(".note")).to_have_count(0)

    server.release()
    expect(element(page)).to_have_attribute("data-state", "done")
    expect(answer(page)).to_have_text(whole(question), use_inner_text=True)
    expect(note(page)).to_contain_text("output tokens")
    page.reload()
    expect(page.locator(".question, [data-turn], .note")).to_have_count(3)
    assert server.times_asked(question) == 1


def test_a_second_tab_shows_the_same_and_stop_in_one_stops_both(page: Page, server: Server) -> None:
    question = "Hold in two tabs"
    page.goto("/")
    ask(page, question)
    expect(answer(page)).to_have_text(until_held(question))
    second = page.context.new_page()
    second.goto("/")
    expect(answer(second)).to_have_text(until_held(question))

    second.get_by_role("button", name="Stop").click()
    for tab in (page, second):
        expect(element(tab)).to_have_attribute("data-state", "stopped")
        expect(note(tab)).to_have_text(re.compile("stopped$"))
        expect(answer(tab)).to_have_text(until_held(question))
    wait_for(lambda: "client left" in server.log(question))
    assert server.times_asked(question) == 1


def test_an_answer_that_is_cut_off_is_shown_so_far_and_says_so(page: Page) -> None:
    page.goto("/")
    ask(page, "cut")

    expect(note(page)).to_contain_text("cut off")
    expect(element(page)).to_have_attribute("data-state", "failed")
    expect(answer(page)).to_have_text(first_half("cut"), use_inner_text=True)

    page.reload()
    expect(note(page)).to_contain_text("cut off")
    expect(answer(page)).to_have_text(first_half("cut"), use_inner_text=True)


def test_retry_puts_a_new_answer_in_the_place_of_the_one_that_was_cut_off(
    page: Page, server: Server
) -> None:
    page.goto("/")
    ask(page, "An error, please")
    expect(note(page)).to_contain_text("overloaded")
    page.get_by_role("button", name="Retry").click()

    wait_for(lambda: server.times_asked("An error, please") == 2)
    expect(page.get_by_role("button", name="Retry")).to_be_visible()
    for part in (".question", "[data-turn]", ".note"):
        expect(page.locator(part)).to_have_count(1)
    page.reload()
    expect(page.locator(".question")).to_have_count(1)


def test_after_a_rate_limit_retry_counts_down_and_then_asks_again(page: Page) -> None:
    page.goto("/")
    retry = page.locator("[data-stream=retry]")
    retry.evaluate(
        """retry => {
            globalThis.waits = [];
            const seen = () => retry.hidden || waits.push([retry.dataset.wait, retry.disabled]);
            new MutationObserver(seen).observe(retry, { attributes: true });
        }"""
    )
    ask(page, "rate limit")
    expect(note(page)).to_contain_text("limit of requests")
    expect(retry).to_be_visible()

    expect(retry).to_be_enabled()
    *locked, last = page.evaluate("waits")
    # A busy machine may skip a second: tests/browser/test_element_retry.py counts them all.
    waits = [wait for wait, _ in locked if wait]
    assert all(is_locked for _, is_locked in locked)
    assert waits
    assert {*waits} <= {"3", "2", "1"}
    assert waits == sorted(waits, reverse=True)
    assert last == [None, False]
    retry.click()
    expect(answer(page)).to_have_text(LET_THROUGH, use_inner_text=True)
    expect(note(page)).to_contain_text("output tokens")
    expect(page.locator(".question, .note")).to_have_count(2)

    page.reload()
    expect(page.locator(".question, .note")).to_have_count(2)


def test_a_question_that_was_refused_and_is_typed_again_is_there_once(page: Page) -> None:
    page.goto("/")
    for _ in range(2):
        ask(page, "My rate limit")
        expect(note(page)).to_contain_text("limit of requests")
        expect(page.locator(".question")).to_have_count(1)


def test_a_slow_start_shows_that_something_is_on_its_way(page: Page) -> None:
    page.goto("/")
    element(page).evaluate(
        """element => {
            globalThis.seen = [];
            const output = element.querySelector("[data-stream=output]");
            const status = element.querySelector("[data-stream=status]");
            new MutationObserver(() => {
                const dots = getComputedStyle(output, "::after").animationName;
                seen.push([element.dataset.state, status.textContent, dots !== "none"]);
            }).observe(element, { attributes: true, attributeFilter: ["data-state"] });
        }"""
    )
    page.get_by_role("button", name="A slow start").click()

    expect(answer(page)).to_contain_text("That was a slow start")
    expect(element(page)).to_have_attribute("data-state", "done")
    assert page.evaluate("seen") == [
        ["connecting", "Generating…", True],
        ["waiting", "Generating…", True],
        ["streaming", "Generating…", False],
        ["done", "Complete", False],
    ]


def test_markdown_is_shown_while_it_is_written_and_the_same_after_a_reload(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="A long answer in Markdown").click()
    expect(element(page)).to_have_attribute("data-state", "done")

    shown = answer(page)
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
    expect(page.locator("[data-saved]")).to_have_count(0)
    assert answer(page).inner_html() == live


def test_without_javascript_the_chat_works_and_shows_what_was_written(
    browser: Browser, server: Server
) -> None:
    with browser.new_context(base_url=server.url, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto("/")
        page.get_by_label("Your question").fill("A haiku, please")
        page.get_by_role("button", name="Send").click()
        expect(page.locator(".question")).to_have_text("A haiku, please")
        wait_for(lambda: answer(page).inner_text() == HAIKU)  # its lines, once there are styles

        page.get_by_text("Questions to try").click()
        page.get_by_role("button", name="A slow start").click()
        expect(page.locator(".question")).to_have_count(2)
        expect(answer(page)).to_contain_text("That was a slow start")


def test_an_empty_question_is_refused_in_words(page: Page) -> None:
    page.goto("/")
    ask(page, " ")

    expect(page.get_by_role("status")).to_have_text("Type a question first.")
    expect(page.get_by_role("status")).to_be_visible()
    expect(page.locator(".question")).to_have_count(0)


@pytest.mark.parametrize("characters", [8001, 3_000_000])
def test_a_question_that_is_too_long_is_refused_in_words(page: Page, characters: int) -> None:
    page.goto("/")
    page.get_by_label("Your question").evaluate("field => field.removeAttribute('maxlength')")
    ask(page, "?" * characters)

    expect(page.get_by_role("status")).to_have_text(TOO_LONG)
    expect(page.get_by_role("status")).to_be_visible()
    page.reload()
    expect(page.locator(".question")).to_have_count(0)


def test_a_question_may_have_lines_and_a_suggestion_is_one_click(page: Page) -> None:
    page.goto("/")
    field = page.get_by_label("Your question")
    field.fill("A haiku,")
    field.press("Shift+Enter")
    field.press_sequentially("please")
    field.press("Enter")
    expect(page.locator(".question")).to_have_text("A haiku,\nplease", use_inner_text=True)
    expect(element(page)).to_have_attribute("data-state", "done")

    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".question")).to_have_count(0)
    page.get_by_role("button", name="Why stream an answer at all?").click()
    expect(answer(page)).to_have_text(WHY_STREAM, use_inner_text=True)


def test_a_suggestion_is_reached_and_asked_by_keyboard(page: Page) -> None:
    page.goto("/")
    ask(page, "A haiku, please")
    expect(note(page)).to_contain_text("output tokens")
    expect(page.get_by_label("Your question")).to_be_focused()
    for key in ("Tab", "Tab", "Enter", "Tab", "Enter"):  # Send, Questions to try, the first one
        page.keyboard.press(key)

    expect(page.locator(".question").last).to_have_text("Why stream an answer at all?")
    expect(page.get_by_role("button", name="A slow start")).to_be_hidden()


def test_a_long_answer_is_followed_to_its_end(page: Page) -> None:
    page.goto("/")
    ask(page, "A long answer")

    expect(element(page)).to_have_attribute("data-state", "done")
    expect(answer(page)).to_have_text("\n\n".join(LONG_PARTS), use_inner_text=True)
    expect(note(page)).to_be_in_viewport()
