"""Which files of the client a page loads, when, and what is shown where one cannot be loaded."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.client_server import Exchange, Site
from tests.browser.on_page import expect_state, output, retry_button, seen, status, text_of
from tests.browser.on_site import (
    CORE,
    MARKDOWN,
    MORE,
    SRC,
    Asked,
    Held,
    ask_form,
    begin,
    fail,
    parts,
    streaming,
    texts,
)

pytestmark = pytest.mark.browser


@pytest.fixture
def page(strict_page: Page) -> Page:
    return strict_page


@pytest.fixture
def asked(page: Page) -> Asked:
    return Asked(page)


def refuse(site: Site, status: int = 403, **headers: str) -> None:
    answer = site.request("/answer").begin(status, "application/json", **headers)
    answer.write(b'{"message": "No more today."}').end()


def finish(page: Page, answer: Exchange, text: str = "") -> None:
    answer.finish(text)
    expect_state(page, "done")


# What is loaded, and when


def test_a_plain_run_loads_the_core_alone(page: Page, site: Site, asked: Asked) -> None:
    page.goto(site.page(ask_form("append")))
    for end in ("done", "failed", "stopped"):
        page.click("text=Ask")
        answer = begin(site, "/chat").send("meta", model="m").send("text", text=end)
        expect(page.locator("[data-turn]").last).to_have_text(end)
        if end == "done":
            answer.send("usage", input_tokens=1).send("progress", done=1).finish(end)
        elif end == "failed":
            fail(answer)
        else:
            page.keyboard.press("Escape")
            answer.wait_until_client_left()
        expect_state(page, end)
    assert asked.files() == {CORE}


def test_reasoning_tools_and_sources_need_no_other_file(
    page: Page, site: Site, asked: Asked
) -> None:
    page.goto(site.page(SRC))
    answer = begin(site).send("reasoning", text="hm").send("text", text="One")
    answer.send("tool_call", id="1", name="t", arguments={})
    finish(page, answer.send("source", url="https://example.org/", title="A page"), "One")
    assert [kind for kind, _ in parts(page)] == ["reasoning", "text", "tool", "sources"]
    assert asked.files() == {CORE}


def test_a_refusal_needs_no_other_file(page: Page, site: Site, asked: Asked) -> None:
    page.goto(site.page(SRC))
    refuse(site)
    expect(status(page)).to_have_text("No more today.")
    assert asked.files() == {CORE}


def test_what_spreads_bursts_is_loaded_with_the_first_words(
    page: Page, site: Site, asked: Asked
) -> None:
    page.goto(site.page(ask_form("smooth")))
    page.click("text=Ask")
    answer = begin(site, "/chat")
    expect_state(page, "waiting")
    assert asked.files() == {CORE}
    answer.send("text", text="Hi!")
    expect(output(page)).to_contain_text("!")
    assert asked.files() == {CORE, MORE}
    answer.cut()
    expect_state(page, "failed")


def test_markdown_is_loaded_before_the_answer_begins(page: Page, site: Site, asked: Asked) -> None:
    page.goto(site.page(ask_form("render=markdown")))
    page.wait_for_load_state("networkidle")
    assert asked.files() == {CORE, MARKDOWN}
    page.click("text=Ask")
    site.request("/chat").answer("**b**")
    expect_state(page, "done")
    assert texts(page, "strong") == ["b"]
    assert asked.files() == {CORE, MARKDOWN}


# When it cannot be loaded


# What is missing is reported as the page's error, which the other tests do not allow.
REPORTED = "Failed to fetch dynamically imported module"


@pytest.fixture
def lacking(browser: Browser) -> Iterator[Page]:
    """A page for which the files that are loaded later are not to be found."""
    page = browser.new_page()
    page.route(re.compile(r"flask-stream-\w+\.js$"), lambda route: route.fulfill(status=404))
    yield page
    page.close()


@pytest.fixture
def reported(lacking: Page) -> list[str]:
    errors: list[str] = []
    lacking.on("pageerror", lambda error: errors.append(error.message))
    return errors


def test_a_refusal_has_its_words_although_no_other_file_can_be_loaded(
    lacking: Page, reported: list[str], site: Site
) -> None:
    lacking.goto(site.page(SRC))
    refuse(site)
    expect(status(lacking)).to_have_text("No more today.")
    assert reported == []


def test_retry_is_offered_without_its_countdown_where_that_cannot_be_loaded(
    lacking: Page, site: Site
) -> None:
    lacking.goto(site.page(SRC))
    with lacking.expect_event("pageerror") as told:
        refuse(site, 503, Retry_After="30")
    assert REPORTED in told.value.message
    expect(retry_button(lacking)).to_be_enabled()
    expect(status(lacking)).to_have_text("No more today.")


@pytest.mark.parametrize("attributes", ["smooth", "render=markdown", "smooth render=markdown"])
def test_text_that_cannot_be_shown_as_wanted_is_shown_plain(
    lacking: Page, reported: list[str], site: Site, attributes: str
) -> None:
    lacking.goto(site.page(f'<flask-stream src="/answer" {attributes}></flask-stream>'))
    answer = streaming(site, text="**One** ")
    expect(output(lacking)).to_have_text("**One** ")
    finish(lacking, answer.send("text", text="\n\ntwo"), "**One** \n\ntwo")
    assert text_of(lacking) == "**One** \n\ntwo"
    assert reported
    assert all(REPORTED in error for error in reported)


def test_eventsource_that_cannot_be_loaded_says_so_and_offers_a_retry_that_can(
    lacking: Page, site: Site
) -> None:
    page = lacking
    page.goto(site.page("<flask-stream transport=eventsource></flask-stream>"))
    page.locator("flask-stream").evaluate("element => element.setAttribute('src', '/answer')")
    expect_state(page, "failed")
    expect(status(page)).to_have_text(
        "A part of this page could not be loaded. Load the page again."
    )
    assert [(error["code"], error["retryable"]) for error in seen(page, "error")] == [
        ("network", True)
    ]
    page.unroute_all()
    retry_button(page).click()
    site.request("/answer").answer("Hi")
    expect_state(page, "done")


def test_an_end_that_comes_while_a_file_is_being_loaded_loses_nothing(
    page: Page, site: Site
) -> None:
    more = Held(page, f"**{MORE}")
    page.goto(site.page('<flask-stream src="/answer" smooth></flask-stream>'))
    answer = begin(site).send("reasoning", text="hm").send("text", text="One")
    answer.send("source", url="https://example.org/", title="A page").finish("One")
    page.wait_for_function("() => seen.some(({ detail }) => detail?.type === 'text')")
    assert seen(page, "done") == []
    more.let_go()
    expect_state(page, "done")
    assert parts(page) == [("reasoning", "Reasoninghm"), ("text", "One"), ("sources", "A page")]


def test_a_stop_while_a_file_is_being_loaded_keeps_what_has_arrived(page: Page, site: Site) -> None:
    more = Held(page, f"**{MORE}")
    page.goto(site.page('<flask-stream src="/answer" smooth></flask-stream>'))
    answer = begin(site).send("reasoning", text="hm").send("text", text="One ")
    answer.send("text", text="two")
    page.wait_for_function("() => seen.some(({ detail }) => detail?.type === 'text')")
    page.keyboard.press("Escape")
    answer.wait_until_client_left()
    expect_state(page, "stopped")
    more.let_go()
    expect(page.locator("[data-part=text]")).to_have_text("One two")
    assert parts(page) == [("reasoning", "Reasoninghm"), ("text", "One two")]


def unavailable(site: Site) -> None:
    request = site.request("/chat")
    request.begin(503, "application/json", Retry_After="60").write(b"{}").end()


def test_retry_is_locked_before_its_countdown_is_loaded(page: Page, site: Site) -> None:
    more = Held(page, f"**{MORE}")
    page.goto(site.page(ask_form()))
    page.click("text=Ask")
    unavailable(site)
    more.wait()
    expect(retry_button(page)).to_be_disabled()
    assert retry_button(page).get_attribute("data-wait") is None

    # The next failure asks for no wait, and gets none of the last one's.
    page.click("text=Ask")
    fail(streaming(site, "/chat"))
    expect(retry_button(page)).to_be_enabled()
    more.let_go()
    page.wait_for_load_state("networkidle")
    expect(retry_button(page)).to_be_enabled()
    assert retry_button(page).get_attribute("data-wait") is None


def test_retry_whose_countdown_cannot_be_loaded_is_not_locked_for_ever(
    lacking: Page, site: Site
) -> None:
    page = lacking
    page.goto(site.page(ask_form()))
    page.click("text=Ask")
    unavailable(site)
    expect(retry_button(page)).to_be_enabled()
