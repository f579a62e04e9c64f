"""What a page's scripts write on `<flask-stream>` changes its looks, and never what it does.

`data-state`, `disabled`, `hidden` and `data-wait` are for CSS and for the reader: the element
knows by itself what its run does, and when Retry may be used.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.client_server import Site
from tests.browser.on_page import element, expect_state, output, retry_button, seen, status
from tests.browser.on_site import (
    MORE,
    SRC,
    Asked,
    Held,
    ask_form,
    begin,
    fail,
    stop_button,
    streaming,
)

pytestmark = pytest.mark.browser


@pytest.fixture
def page(strict_page: Page) -> Page:
    """A page whose timers the test can put forward."""
    strict_page.clock.install()
    return strict_page


@pytest.fixture
def asked(page: Page) -> Asked:
    return Asked(page)


def write_state(page: Page, state: str | None) -> None:
    """As a page's script might; None takes it away."""
    element(page).evaluate(
        """(element, state) => {
             if (state === null) element.removeAttribute("data-state");
             else element.dataset.state = state;
           }""",
        state,
    )


def refuse(site: Site, **headers: str) -> None:
    site.request("/chat").begin(503, "application/json", **headers).write(b"{}").end()


# The state

RESTING = ["idle", "done", "stopped", "failed", "no state at all", None]


@pytest.mark.parametrize("written", RESTING, ids=str)
def test_a_run_is_one_whatever_the_page_writes_as_its_state(
    page: Page, site: Site, asked: Asked, written: str | None
) -> None:
    page.goto(site.page(ask_form()))
    page.click("text=Ask")
    answer = streaming(site, "/chat")
    expect(output(page)).to_have_text("Hello ")
    write_state(page, written)
    page.click("text=Ask")
    element(page).evaluate("element => element.retry()")
    asked.expect("POST /chat")
    page.keyboard.press("Escape")
    answer.wait_until_client_left()
    expect_state(page, "stopped")
    expect(output(page)).to_have_text("Hello ")
    asked.expect("POST /chat")


@pytest.mark.parametrize("written", ["connecting", "waiting", "streaming", "something"])
@pytest.mark.parametrize("before", ["idle", "done", "failed"])
def test_where_nothing_runs_nothing_does_whatever_the_page_writes(
    page: Page, site: Site, before: str, written: str
) -> None:
    page.goto(site.page(ask_form()))
    if before != "idle":
        page.click("text=Ask")
    if before == "done":
        site.request("/chat").answer("Before")
    elif before == "failed":
        refuse(site)
    expect_state(page, before)
    write_state(page, written)
    page.evaluate(
        "addEventListener('keydown', (event) => (window.isTaken = event.defaultPrevented))"
    )
    page.keyboard.press("Escape")
    assert page.evaluate("isTaken") is False
    if before == "failed":
        retry_button(page).click()
    else:
        page.click("text=Ask")
    site.request("/chat").answer("Fine")
    expect_state(page, "done")
    expect(output(page)).to_have_text("Fine")


def test_an_end_is_shown_as_it_is_whatever_the_page_has_written(page: Page, site: Site) -> None:
    page.goto(site.page(ask_form()))
    page.click("text=Ask")
    answer = streaming(site, "/chat")
    expect(output(page)).to_have_text("Hello ")
    write_state(page, "failed")
    answer.finish("Hello ")
    expect_state(page, "done")
    expect(status(page)).to_have_text("Complete")
    expect(stop_button(page)).to_be_hidden()


@pytest.mark.parametrize("written", ["streaming", "done", "failed"])
def test_a_state_in_the_markup_counts_once_and_none_that_the_page_writes_later(
    page: Page, site: Site, written: str
) -> None:
    page.goto(site.page("<flask-stream></flask-stream>"))
    expect_state(page, "idle")
    write_state(page, written)
    element(page).evaluate(
        """element => {
             element.remove();
             element.setAttribute("src", "/answer");
             document.body.append(element);
           }"""
    )
    site.request("/answer").answer("Fine")
    expect_state(page, "done")
    expect(output(page)).to_have_text("Fine")


@pytest.mark.parametrize("written", ["", "something"])
def test_a_state_in_the_markup_that_there_is_none_of_is_that_of_a_run_that_is_over(
    page: Page, site: Site, asked: Asked, written: str
) -> None:
    page.goto(site.page(SRC.replace(" src", f' data-state="{written}" src')))
    expect_state(page, "stopped")
    asked.expect()


def test_a_tools_line_says_how_it_ended_whatever_the_page_has_written_on_it(
    page: Page, site: Site
) -> None:
    page.goto(site.page(SRC))
    answer = begin(site).send("tool_call", id="1", name="lookup", arguments={})
    line = page.locator("[data-part=tool]")
    expect(line).to_have_text("Using lookup…")
    line.evaluate("line => { line.dataset.state = 'done' }")
    answer.send("tool_result", id="1", name="lookup", result="42")
    expect(line).to_have_text("Used lookup")
    answer.finish("")
    expect_state(page, "done")


# Retry

MEDDLING = {
    "enabled": "retry.disabled = false",
    "unmarked": "retry.disabled = false; delete retry.dataset.wait",
    "disabled and enabled": "retry.disabled = true; retry.disabled = false",
}


@pytest.mark.parametrize("meddle", MEDDLING.values(), ids=MEDDLING)
@pytest.mark.parametrize("when", ["before its countdown", "in its countdown"])
def test_retry_is_not_early_whatever_the_page_makes_of_its_button(
    page: Page, site: Site, asked: Asked, meddle: str, when: str
) -> None:
    more = Held(page, f"**{MORE}") if when == "before its countdown" else None
    page.goto(site.page(ask_form()))
    page.clock.pause_at(page.evaluate("Date.now()") + 1000)
    page.click("text=Ask")
    refuse(site, Retry_After="3")
    button = retry_button(page)
    expect(button).to_be_disabled()
    if not more:
        expect(button).to_have_attribute("data-wait", "3 s")
    button.evaluate(f"retry => {{ {meddle} }}")
    button.click()
    if more:
        more.let_go()
        expect(button).to_have_attribute("data-wait", "3 s")
    page.clock.run_for(1000)
    expect(button).to_have_attribute("data-wait", "2 s")
    expect(button).to_be_disabled()
    assert seen(page, "retry") == []
    page.clock.run_for(2000)
    expect(button).to_be_enabled()
    button.click()
    site.request("/chat").answer("Fine")
    expect_state(page, "done")
    asked.expect("POST /chat", "POST /chat")


def test_a_wait_is_counted_from_the_refusal_however_late_its_file_comes(
    page: Page, site: Site
) -> None:
    more = Held(page, f"**{MORE}")
    page.goto(site.page(ask_form()))
    page.clock.pause_at(page.evaluate("Date.now()") + 1000)
    page.click("text=Ask")
    refuse(site, Retry_After="5")
    more.wait()
    expect(retry_button(page)).to_be_disabled()
    page.clock.run_for(4000)
    more.let_go()
    expect(retry_button(page)).to_have_attribute("data-wait", "1 s")
    page.clock.run_for(1000)
    expect(retry_button(page)).to_be_enabled()


def test_retry_that_the_page_hides_for_a_while_is_not_early_either(page: Page, site: Site) -> None:
    page.goto(site.page(ask_form()))
    page.clock.pause_at(page.evaluate("Date.now()") + 1000)
    page.click("text=Ask")
    refuse(site, Retry_After="5")
    button = retry_button(page)
    expect(button).to_have_attribute("data-wait", "5 s")
    button.evaluate("retry => { retry.hidden = true }")
    page.clock.run_for(2000)
    button.evaluate("retry => { retry.hidden = false }")
    expect(button).to_have_attribute("data-wait", "3 s")
    expect(button).to_be_disabled()
    button.dispatch_event("click")
    assert seen(page, "retry") == []
    page.clock.run_for(3000)
    button.click()
    site.request("/chat").answer("Fine")
    expect_state(page, "done")


def test_a_wait_that_the_page_writes_stops_no_button_from_working(page: Page, site: Site) -> None:
    page.goto(site.page(ask_form()))
    page.click("text=Ask")
    refuse(site)
    expect(retry_button(page)).to_be_visible()
    for button in (retry_button(page), stop_button(page)):
        button.evaluate("button => { button.dataset.wait = 'a moment' }")
    retry_button(page).click()
    answer = streaming(site, "/chat")
    expect(output(page)).to_have_text("Hello ")
    stop_button(page).click()
    answer.wait_until_client_left()
    expect_state(page, "stopped")


def test_a_wait_that_is_over_does_not_come_back_when_the_page_disables_retry(
    page: Page, site: Site
) -> None:
    more = Held(page, f"**{MORE}")
    page.goto(site.page(ask_form()))
    page.click("text=Ask")
    refuse(site, Retry_After="3600")
    more.wait()
    expect(retry_button(page)).to_be_disabled()
    page.click("text=Ask")
    fail(streaming(site, "/chat"))
    button = retry_button(page)
    expect(button).to_be_enabled()
    button.evaluate("retry => { retry.disabled = true }")
    with page.expect_response(f"**{MORE}"):
        more.let_go()
    page.wait_for_load_state("networkidle")
    assert button.get_attribute("data-wait") is None
    button.evaluate("retry => { retry.disabled = false }")
    button.click()
    site.request("/chat").answer("Fine")
    expect_state(page, "done")


def test_a_wait_goes_on_while_the_element_is_out_of_the_page(page: Page, site: Site) -> None:
    page.goto(site.page(ask_form()))
    page.clock.pause_at(page.evaluate("Date.now()") + 1000)
    page.click("text=Ask")
    refuse(site, Retry_After="5")
    expect(retry_button(page)).to_have_attribute("data-wait", "5 s")
    page.evaluate("window.out = document.querySelector('flask-stream'); out.remove()")
    page.clock.run_for(2000)
    page.evaluate("document.body.append(out)")
    page.clock.run_for(3000)
    expect(retry_button(page)).to_be_enabled()
    retry_button(page).click()
    site.request("/chat").answer("Fine")
    expect_state(page, "done")
