"""Which files of the client a page loads, when, and what is shown where one cannot be loaded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.client_server import Exchange, Site
from tests.browser.on_page import expect_state, output, retry_button, seen, status, text_of
from tests.browser.on_site import (
    CORE,
    MARKDOWN,
    MORE,
    SRC,
    Asked,
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


EXTRAS: list[tuple[str, str, dict[str, Any]]] = [
    ("", "reasoning", {"text": "hm"}),
    ("", "tool_call", {"id": "1", "name": "t", "arguments": {}}),
    ("", "source", {"url": "https://example.org/"}),
    ("smooth", "text", {"text": "Hi"}),
]


@pytest.mark.parametrize(("attributes", "name", "data"), EXTRAS)
def test_what_few_answers_have_is_loaded_with_the_first_of_it(
    page: Page, site: Site, asked: Asked, attributes: str, name: str, data: dict[str, Any]
) -> None:
    page.goto(site.page(ask_form(attributes)))
    page.click("text=Ask")
    answer = begin(site, "/chat")
    expect_state(page, "waiting")
    assert asked.files() == {CORE}
    answer.send(name, **data).send("text", text="!")
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


def test_an_answer_whose_other_parts_cannot_be_shown_is_still_read(
    lacking: Page, reported: list[str], site: Site
) -> None:
    lacking.goto(site.page(SRC))
    answer = begin(site).send("reasoning", text="hm").send("text", text="One ")
    answer.send("tool_call", id="1", name="t", arguments={}).send("text", text="two ")
    answer.send("tool_result", id="1").send("source", url="https://example.org/")
    finish(lacking, answer.send("text", text="three"), "One two three")
    assert text_of(lacking) == "One two three"
    expect(status(lacking)).to_have_text("Complete")
    assert [REPORTED in error for error in reported] == [True]  # once


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


@pytest.mark.parametrize("attributes", ["", "transport=eventsource"])
def test_a_run_that_cannot_go_on_offers_a_retry_that_can(
    lacking: Page, site: Site, attributes: str
) -> None:
    page = lacking
    page.goto(site.page(f"<flask-stream {attributes}></flask-stream>"))
    page.locator("flask-stream").evaluate("element => element.setAttribute('src', '/answer')")
    if not attributes:
        site.request("/answer").begin(500, "application/json").write(b"{}").end()
    expect_state(page, "failed")
    expect(status(page)).to_have_text("The server could not be reached.")
    assert [(error["code"], error["retryable"]) for error in seen(page, "error")] == [
        ("network", True)
    ]
    page.unroute_all()
    retry_button(page).click()
    request = site.request("/answer")
    if attributes:
        request.answer("Hi")
        expect_state(page, "done")
    else:
        request.begin(503, "application/json").write(b'{"message": "Full."}').end()
        expect(status(page)).to_have_text("Full.")
        assert seen(page, "error")[1]["status"] == 503


def test_an_end_that_comes_while_a_file_is_being_loaded_loses_nothing(
    page: Page, site: Site
) -> None:
    held: list[Route] = []
    page.route(f"**{MORE}", lambda route: held.append(route))
    page.goto(site.page(SRC))
    answer = begin(site).send("reasoning", text="hm").send("text", text="One")
    answer.send("source", url="https://example.org/", title="A page").finish("One")
    page.wait_for_function("() => seen.some(({ detail }) => detail?.type === 'reasoning')")
    assert seen(page, "done") == []
    [route] = held
    route.continue_()
    expect_state(page, "done")
    assert parts(page) == [("reasoning", "Reasoninghm"), ("text", "One"), ("sources", "A page")]


def test_a_stop_while_a_file_is_being_loaded_keeps_what_has_arrived(page: Page, site: Site) -> None:
    held: list[Route] = []
    page.route(f"**{MORE}", lambda route: held.append(route))
    page.goto(site.page(SRC))
    answer = begin(site).send("text", text="One ").send("reasoning", text="hm")
    answer.send("text", text="two")
    page.wait_for_function("() => seen.some(({ detail }) => detail?.type === 'reasoning')")
    page.keyboard.press("Escape")
    answer.wait_until_client_left()
    expect_state(page, "stopped")
    [route] = held
    route.continue_()
    expect(page.locator("[data-part]")).to_have_count(3)
    assert parts(page) == [("text", "One "), ("reasoning", "Reasoninghm"), ("text", "two")]
