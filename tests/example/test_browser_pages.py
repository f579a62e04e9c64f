"""The race and plain EventSource in a real Chromium, served by a real gunicorn."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.example.browsing import answer, ask_on_its_line
from tests.example.said import first_half, until_held, whole
from tests.example.server import Server
from tests.example.waiting import wait_for

pytestmark = pytest.mark.browser

# -- the race ---------------------------------------------------------------------------


def test_the_race_shows_the_words_on_one_side_and_two_clocks_on_each(
    page: Page, server: Server
) -> None:
    question = "Hold the race"
    page.goto("/race")
    ask_on_its_line(page, question)

    streamed, waited = page.locator("#streamed"), page.locator("#waited")
    stopped = page.locator("[data-stopped]")
    expect(answer(page)).to_have_text(until_held(question))
    expect(streamed.locator("[data-clock=first][data-stopped]")).to_have_count(1)
    expect(waited.locator("[data-answer]")).to_have_text("")
    expect(stopped).to_have_count(1)

    server.release_until(lambda: stopped.count() == 4)
    expect(answer(page)).to_have_text(whole(question))
    expect(waited.locator("[data-answer]")).to_have_text(whole(question))
    expect(page.locator("#verdict")).to_contain_text("earlier")
    for clock in stopped.all():
        assert re.fullmatch(r"\d+\.\d s", clock.inner_text())


def test_a_race_that_fails_says_so_on_both_sides(page: Page) -> None:
    page.goto("/race")
    page.get_by_label("Question").fill("A rate limit for the race")
    page.get_by_role("button", name="Start the race").click()

    expect(page.locator("#streamed")).to_contain_text("limit of requests")
    expect(page.locator("#waited")).to_contain_text("limit of requests")
    expect(page.get_by_role("button", name="Start the race")).to_be_enabled()
    expect(page.get_by_role("button", name="Start the race")).to_be_focused()


def test_a_race_that_is_cut_off_has_no_winner(page: Page) -> None:
    page.goto("/race")
    ask_on_its_line(page, "cut")

    expect(page.get_by_role("button", name="Start the race")).to_be_enabled()
    expect(page.locator("[data-answer]")).to_have_text(first_half("cut"))
    expect(page.locator("#waited .problem")).to_contain_text("cut off")
    expect(page.locator("#streamed")).to_contain_text("cut off")
    expect(page.locator("#verdict")).to_have_text("")


@pytest.mark.parametrize("way", ["the button", "the Escape key"])
def test_a_race_that_is_stopped_stops_on_both_sides(page: Page, server: Server, way: str) -> None:
    question = f"Hold a race that {way} stops"
    page.goto("/race")
    ask_on_its_line(page, question)
    expect(answer(page)).to_have_text(until_held(question))
    if way == "the button":
        page.get_by_role("button", name="Stop both").click()
    else:
        page.keyboard.press("Escape")

    expect(page.locator("#streamed")).to_contain_text("Stopped")
    expect(page.locator("#waited")).to_contain_text("Stopped")
    expect(page.get_by_role("button", name="Stop both")).to_be_hidden()
    expect(page.get_by_role("button", name="Start the race")).to_be_enabled()
    expect(page.locator("[data-clock=end][data-stopped]")).to_have_count(2)
    wait_for(lambda: "client left" in server.log(question))


# -- plain EventSource ------------------------------------------------------------------


@pytest.fixture
def plain(page: Page) -> Page:
    """The plain page, with its EventSources in `sources`."""
    page.add_init_script(
        """globalThis.sources = [];
        globalThis.EventSource = class extends EventSource {
            constructor(...given) {
                super(...given);
                sources.push(this);
            }
        };"""
    )
    page.goto("/plain")
    return page


def plain_answer(page: Page) -> Locator:
    return page.locator("#answer")


def test_the_plain_page_shows_the_words_as_they_come_and_asks_once(
    plain: Page, server: Server
) -> None:
    question = "How do the words get here? Please hold"
    ask_on_its_line(plain, question)

    wait_for(lambda: "held" in server.log(question))
    expect(plain_answer(plain)).to_have_text(until_held(question))
    server.release_until(lambda: "complete" in server.log(question))
    expect(plain.get_by_role("status")).to_have_text("Complete")
    assert plain_answer(plain).text_content() == whole(question)
    assert asked_only_once(plain, server, question)


def test_the_plain_page_says_how_a_run_failed_and_does_not_ask_again(
    plain: Page, server: Server
) -> None:
    question = "Why is this cut?"
    ask_on_its_line(plain, question)

    expect(plain.get_by_role("status")).to_have_text("The answer was cut off before its end.")
    assert plain_answer(plain).text_content() == first_half(question)
    assert asked_only_once(plain, server, question)


def test_the_plain_page_says_that_a_request_was_refused_and_does_not_ask_again(
    plain: Page, server: Server
) -> None:
    question = "A rate limit for EventSource"
    ask_on_its_line(plain, question)

    expect(plain.get_by_role("status")).to_contain_text("There was no answer")
    assert asked_only_once(plain, server, question)


def asked_only_once(page: Page, server: Server, question: str) -> bool:
    """Whether its EventSource is closed: one that would ask again is not."""
    assert page.evaluate("sources.map(({ readyState }) => readyState)") == [2]
    return server.times_asked(question) == 1


def test_without_javascript_the_other_pages_answer_with_a_page(
    browser: Browser, server: Server
) -> None:
    with browser.new_context(base_url=server.url, java_script_enabled=False) as context:
        page = context.new_page()
        for url, button, words in (
            ("/plain", "Ask", "Your question went to a Flask view."),
            ("/race", "Start the race", "Because waiting feels longer"),
        ):
            page.goto(url)
            page.get_by_role("button", name=button).click()
            expect(page.locator("body")).to_contain_text(words)
