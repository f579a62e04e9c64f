"""One answer of `<flask-stream>` after another: what is left of the old one, and told of it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.client_server import Site
from tests.browser.on_page import element, expect_state, output, retry_button, seen
from tests.browser.on_site import MARKDOWN, Asked, Held, ask_form, begin, stop_button, streaming

pytestmark = pytest.mark.browser

SLOT = "<details data-stream=reasoning><summary>Thoughts</summary></details>"


@pytest.fixture
def page(strict_page: Page) -> Page:
    return strict_page


def slot_words(page: Page) -> list[Any]:
    return page.locator("[data-stream=reasoning] > *").all_text_contents()


def test_the_reasoning_of_a_saved_page_goes_with_its_answer(page: Page, site: Site) -> None:
    page.goto(site.page(f"<main>{ask_form(children=SLOT)}</main>"))
    page.click("text=Ask")
    begin(site, "/chat").send("reasoning", text="Old.").send("text", text="One").finish("One")
    expect_state(page, "done")
    assert slot_words(page) == ["Thoughts", "Old."]
    # As htmx and Turbo do, when a reader goes back.
    main = page.locator("main")
    main.evaluate("main => main.replaceWith(main.cloneNode(true))")
    page.click("text=Ask")
    begin(site, "/chat").send("text", text="Two").finish("Two")
    expect(output(page)).to_have_text("Two")
    assert slot_words(page) == ["Thoughts"]


def test_what_an_old_answer_had_to_wait_with_is_neither_shown_nor_told(
    page: Page, site: Site
) -> None:
    markdown = Held(page, f"**{MARKDOWN}*")
    page.goto(site.page(f"<flask-stream render=markdown>{SLOT}</flask-stream>"))
    element(page).evaluate("element => void element.start('/one')")
    streaming(site, "/one", "One").send("reasoning", text="Old.").send("progress", step=1)
    expect_state(page, "streaming")
    element(page).evaluate("element => void element.start('/two')")
    second = streaming(site, "/two", "Two")
    expect_state(page, "streaming")
    markdown.let_go()
    expect(output(page)).to_have_text("Two")
    second.send("reasoning", text="New.").finish("Two")
    expect_state(page, "done")
    assert slot_words(page) == ["Thoughts", "New."]
    told = [(event["type"], event["data"].get("text")) for event in seen(page, "event")]
    after = told[told.index(("text", "Two")) :]
    assert [kind for kind, _ in after] == ["text", "reasoning", "done"]
    assert ("reasoning", "Old.") not in told


def test_a_question_waits_until_the_last_answer_is_shown(page: Page, site: Site) -> None:
    """A page that saves answers at `stream:done` misses none."""
    page.goto(site.page(ask_form("smooth append")))
    page.evaluate(
        """document.addEventListener('stream:event', ({ detail }) => {
             if (detail.type === 'done') document.querySelector('form').requestSubmit();
           })"""
    )
    page.click("text=Ask")
    answer, words = streaming(site, "/chat"), "word " * 2000
    expect(output(page)).to_have_text("Hello ")
    answer.send("text", text=words).finish("Hello " + words)
    expect_state(page, "done")
    assert len(seen(page, "open")) == len(seen(page, "done")) == 1


def test_stop_has_nothing_to_stop_once_the_answer_is_whole(page: Page, site: Site) -> None:
    page.goto(site.page(ask_form("smooth")))
    page.evaluate(
        """document.addEventListener('stream:event', ({ target, detail }) => {
             if (detail.type === 'done') target.stop();
           })"""
    )
    page.click("text=Ask")
    streaming(site, "/chat").finish("Hello ")
    expect_state(page, "done")
    assert (len(seen(page, "done")), seen(page, "stop")) == (1, [])


def test_a_page_may_start_something_else_at_retry(page: Page, site: Site) -> None:
    page.clock.install()
    asked = Asked(page)
    page.goto(site.page(ask_form()))
    page.evaluate(
        """document.addEventListener('stream:retry', ({ target }) =>
             target.start('/answer', { method: 'POST' }))"""
    )
    page.click("text=Ask")
    site.request("/chat").begin(503, "application/json").write(b"{}").end()
    retry_button(page).click()
    site.request("/answer").answer("Other")
    expect_state(page, "done")
    asked.expect("POST /chat", "POST /answer")


def test_retry_waits_by_the_clock_not_by_its_timers(page: Page, site: Site) -> None:
    """They stand still while a computer sleeps."""
    page.clock.install()
    page.goto(site.page(ask_form()))
    page.click("text=Ask")
    site.request("/chat").begin(429, "application/json", Retry_After="600").write(b"{}").end()
    expect(retry_button(page)).to_be_disabled()
    page.clock.fast_forward(601_000)  # each timer that is due comes once
    expect(retry_button(page)).to_be_enabled()


def test_nobody_counts_for_an_element_that_is_gone(page: Page, site: Site) -> None:
    page.clock.install()
    page.goto(site.page(ask_form()))
    page.click("text=Ask")
    site.request("/chat").begin(429, "application/json", Retry_After="600").write(b"{}").end()
    expect(retry_button(page)).to_have_attribute("data-wait", re.compile(r"\d"))
    page.evaluate(
        """{ const gone = document.querySelector('flask-stream');
             globalThis.changes = 0;
             gone.remove();
             new MutationObserver((all) => (changes += all.length))
               .observe(gone, { attributeFilter: ['data-wait'], subtree: true }); }"""
    )
    page.clock.run_for(60_000)
    assert page.evaluate("changes") <= 2  # the second that was running, and the minute


@pytest.mark.parametrize("reason", [{"toString": 1}, ["stop"], 3, None])
def test_a_stop_reason_that_is_no_word_is_passed_over(page: Page, site: Site, reason: Any) -> None:
    page.goto(site.page(ask_form()))
    page.click("text=Ask")
    streaming(site, "/chat").send("done", stop_reason=reason, text_length=6).end()
    expect_state(page, "done")
    assert element(page).get_attribute("data-stop-reason") is None


def test_escape_stops_in_a_component_whose_form_is_a_name(page: Page, site: Site) -> None:
    """Web components have `form` as the text of their attribute."""
    page.goto(site.page(ask_form(children="<b tabindex=0>here</b>")))
    page.evaluate("document.querySelector('b').form = 'ask'")
    page.click("text=Ask")
    answer = streaming(site, "/chat")
    expect(stop_button(page)).to_be_visible()
    page.focus("b")
    page.keyboard.press("Escape")
    answer.wait_until_client_left()
    expect_state(page, "stopped")
