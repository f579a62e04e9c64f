"""`<flask-stream>` where its page puts it, and which keys, forms and options are its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.client_server import Site
from tests.browser.on_page import element, expect_state, output, seen, status, text_of
from tests.browser.on_site import SRC, Asked, ask_form, stop_button, streaming, texts

pytestmark = pytest.mark.browser


@pytest.fixture
def page(strict_page: Page) -> Page:
    return strict_page


@pytest.fixture
def asked(page: Page) -> Asked:
    return Asked(page)


def run_from_form(page: Page, site: Site) -> Any:
    """Ask, and wait for the first word."""
    page.click("text=Ask")
    answer = streaming(site, "/chat")
    expect(output(page)).to_have_text("Hello ")
    return answer


def form_with(fields: str) -> str:
    return ask_form(fields=fields)


# Escape

IN_ITS_FORM = {
    "a field": "<textarea id=here></textarea>",
    "a search field": "<input type=search id=here value=words>",
    "a link": "<a id=here href='#'>Help</a>",
    "an editor": "<div id=here contenteditable>words</div>",
    "a summary": "<details><summary id=here>More</summary></details>",
}


@pytest.mark.parametrize("inside", IN_ITS_FORM.values(), ids=IN_ITS_FORM)
def test_escape_stops_from_anywhere_in_the_form(page: Page, site: Site, inside: str) -> None:
    page.goto(site.page(form_with(inside)))
    answer = run_from_form(page, site)
    page.focus("#here")
    page.keyboard.press("Escape")
    answer.wait_until_client_left()
    expect_state(page, "stopped")
    if "words" in inside:
        page.evaluate("() => 0")  # the key has had its effect
        assert page.locator("#here").evaluate("e => e.value ?? e.textContent") == "words"


def test_a_field_outside_that_belongs_to_the_form_counts_as_in_it(page: Page, site: Site) -> None:
    page.goto(site.page(ask_form() + "<input id=here form=ask>"))
    answer = run_from_form(page, site)
    page.focus("#here")
    page.keyboard.press("Escape")
    answer.wait_until_client_left()
    expect_state(page, "stopped")


ELSEWHERE = {
    "no form": "<input id=here>",
    "another form": "<form id=other><input id=here></form>",
    "a form without an id": "<form><input id=here></form>",
    "a button": "<button id=here>Menu</button>",
}


@pytest.mark.parametrize("attributes", ["form=ask", ""], ids=["form", "src"])
@pytest.mark.parametrize("other", ELSEWHERE.values(), ids=ELSEWHERE)
def test_escape_elsewhere_is_left_to_the_page(
    page: Page, site: Site, other: str, attributes: str
) -> None:
    page.goto(site.page((ask_form() if attributes else SRC) + other))
    if attributes:
        answer = run_from_form(page, site)
    else:
        answer = streaming(site)
        expect(output(page)).to_have_text("Hello ")
    page.evaluate(
        """() => document.addEventListener("keydown", ({ defaultPrevented }) => {
             window.prevented = defaultPrevented;
           })"""
    )
    page.focus("#here")
    page.keyboard.press("Escape")
    assert page.evaluate("prevented") is False
    expect_state(page, "streaming")
    answer.finish("Hello ")
    expect_state(page, "done")


def test_escape_does_nothing_where_nothing_runs(page: Page, site: Site) -> None:
    dialog = f"<dialog>{ask_form()}</dialog>"
    page.goto(site.page(dialog))
    page.locator("dialog").evaluate("dialog => dialog.showModal()")
    site_answer = run_from_form(page, site)
    site_answer.finish("Hello ")
    expect_state(page, "done")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_be_hidden()
    expect_state(page, "done")


def test_escape_in_a_dialog_without_the_focus_on_anything_in_it(page: Page, site: Site) -> None:
    page.goto(site.page(f"<dialog>{SRC.replace('src', 'data-src')}</dialog>"))
    page.locator("dialog").evaluate("dialog => dialog.showModal()")
    element(page).evaluate("element => element.setAttribute('src', '/answer')")
    answer = streaming(site)
    expect(output(page)).to_have_text("Hello ")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Escape")
    answer.wait_until_client_left()
    expect_state(page, "stopped")
    expect(page.locator("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_be_hidden()


def test_escape_that_ends_an_input_methods_composition_is_left_to_it(
    page: Page, site: Site
) -> None:
    page.goto(site.page(ask_form()))
    answer = run_from_form(page, site)
    page.focus("[name=q]")
    session = page.context.new_cdp_session(page)
    session.send("Input.imeSetComposition", {"text": "に", "selectionStart": 1, "selectionEnd": 1})
    page.keyboard.press("Escape")
    expect_state(page, "streaming")
    answer.finish("Hello ")
    expect_state(page, "done")


def test_one_escape_stops_one_of_two(page: Page, site: Site) -> None:
    two = ask_form() + SRC
    page.goto(site.page(two))
    first, second = element(page).nth(0), element(page).nth(1)
    by_src = streaming(site)
    page.click("text=Ask")
    by_form = streaming(site, "/chat")
    for each in (first, second):
        expect(each).to_have_attribute("data-state", "streaming")
    page.focus("flask-stream:nth-of-type(2) [data-stream=stop]")
    page.keyboard.press("Escape")
    by_src.wait_until_client_left()
    expect(second).to_have_attribute("data-state", "stopped")
    expect(first).to_have_attribute("data-state", "streaming")
    element(page).nth(1).evaluate("element => element.retry()")
    again = streaming(site)
    expect(second).to_have_attribute("data-state", "streaming")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Escape")
    by_form.wait_until_client_left()
    expect(first).to_have_attribute("data-state", "stopped")
    expect(second).to_have_attribute("data-state", "streaming")
    page.keyboard.press("Escape")
    again.wait_until_client_left()
    expect(second).to_have_attribute("data-state", "stopped")


# Inside a shadow root


@pytest.fixture
def shadow(page: Page, site: Site) -> Page:
    page.goto(site.page(f"<template>{ask_form()}</template><main></main>"))
    page.evaluate(
        """() => {
             const root = document.querySelector("main").attachShadow({ mode: "open" });
             root.append(document.querySelector("template").content.cloneNode(true));
           }"""
    )
    return page


@pytest.mark.parametrize("focus", ["[name=q]", "[data-stream=stop]"])
def test_escape_stops_a_run_inside_a_shadow_root(shadow: Page, site: Site, focus: str) -> None:
    answer = run_from_form(shadow, site)
    shadow.focus(focus)
    shadow.keyboard.press("Escape")
    answer.wait_until_client_left()
    expect_state(shadow, "stopped")


def test_the_elements_events_stay_inside_its_shadow_root_and_its_buttons_work(
    shadow: Page, site: Site
) -> None:
    shadow.evaluate(
        """() => {
             window.inside = [];
             const root = document.querySelector("main").shadowRoot;
             for (const type of ["stream:open", "stream:stop"]) {
               root.addEventListener(type, () => inside.push(type));
             }
           }"""
    )
    answer = run_from_form(shadow, site)
    stop_button(shadow).click()
    answer.wait_until_client_left()
    expect_state(shadow, "stopped")
    assert shadow.evaluate("inside") == ["stream:open", "stream:stop"]
    assert shadow.evaluate("seen") == []


# Inserted


def test_an_element_made_by_script_runs_once_it_is_in_the_page(
    page: Page, site: Site, asked: Asked
) -> None:
    page.goto(site.page("<main></main>"))
    page.evaluate(
        """() => {
             window.made = document.createElement("flask-stream");
             made.setAttribute("src", "/answer");
             made.setAttribute("append", "");
             const box = document.createElement("div");
             box.append(made);
           }"""
    )
    asked.expect()
    page.evaluate("document.querySelector('main').append(made.parentNode)")
    site.request("/answer").answer("Hi")
    expect_state(page, "done")
    page.evaluate("document.querySelector('main').append(made)")
    asked.expect("GET /answer")
    assert text_of(page) == "Hi"


def test_an_element_that_is_in_and_out_at_once_asks_nothing_that_goes_on(
    page: Page, site: Site
) -> None:
    page.goto(site.page("<main></main>"))
    page.evaluate(
        """() => {
             window.made = document.createElement("flask-stream");
             made.setAttribute("src", "/answer");
             document.body.append(made);
             made.remove();
           }"""
    )
    page.wait_for_function("() => made.dataset.state === 'stopped'")


def test_two_elements_of_one_form_ask_once(page: Page, site: Site, asked: Asked) -> None:
    page.goto(site.page(ask_form() + "<flask-stream form=ask></flask-stream>"))
    page.click("text=Ask")
    site.request("/chat").answer("Hi")
    expect(element(page).first).to_have_attribute("data-state", "done")
    expect(element(page).last).to_have_attribute("data-state", "idle")
    asked.expect("POST /chat")


def test_a_src_and_a_form_take_turns(page: Page, site: Site) -> None:
    page.goto(site.page(ask_form("src=/answer")))
    site.request("/answer").answer("Welcome")
    expect_state(page, "done")
    page.click("text=Ask")
    site.request("/chat").answer("Hi")
    expect(output(page)).to_have_text("Hi")
    expect_state(page, "done")


# The token


def test_the_token_is_for_the_pages_own_origin_and_for_what_changes_something(
    page: Page, site: Site
) -> None:
    elsewhere = Site()
    csp = f"default-src 'self' {elsewhere.url}"
    page.goto(site.page("<flask-stream csrf=secret></flask-stream>", csp=csp))
    methods = [(site, "GET", None), (site, "POST", "secret"), (elsewhere, "POST", None)]
    for server, method, token in methods:
        arguments = [f"{server.url}/answer", method]
        page.evaluate(
            "([url, method]) => document.querySelector('flask-stream').start(url, { method })",
            arguments,
        )
        request = server.request("/answer")
        assert (request.method, request.headers["X-CSRFToken"]) == (method, token)
        request.begin(Access_Control_Allow_Origin="*").send("text", text="Hi").finish("Hi")
        expect_state(page, "done")
        page.evaluate("document.querySelector('flask-stream').removeAttribute('data-state')")
    elsewhere.close()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_origin_that_does_not_allow_it_is_unreachable(
    browser: Browser, site: Site, method: str
) -> None:
    elsewhere = Site()
    page = browser.new_page()
    csp = f"default-src 'self' {elsewhere.url}"
    page.goto(site.page(f"<flask-stream method={method}></flask-stream>", csp=csp))
    element(page).evaluate(
        "(element, url) => element.setAttribute('src', url)", f"{elsewhere.url}/answer"
    )
    elsewhere.request("/answer").begin().send("text", text="secret")
    expect_state(page, "failed")
    expect(status(page)).to_have_text("The server could not be reached.")
    assert text_of(page) == ""
    page.close()
    elsewhere.close()


# Options of the page's script


@pytest.fixture
def tolerant(browser: Browser) -> Iterator[tuple[Page, list[str]]]:
    """A page whose own code may fail, and what it was told."""
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(error.message))
    yield page, errors
    page.close()


def test_a_renderer_that_cannot_be_made_is_told_and_the_run_goes_on(
    tolerant: tuple[Page, list[str]], site: Site
) -> None:
    page, errors = tolerant
    page.goto(site.page(ask_form()))
    element(page).evaluate(
        """element => {
             element.options = { renderer() { throw new Error("no renderer") } };
           }"""
    )
    page.click("text=Ask")
    answer = streaming(site, "/chat")
    page.wait_for_function("() => seen.some(({ detail }) => detail?.type === 'text')")
    answer.send("text", text="world").finish("Hello world")
    expect_state(page, "done")
    assert errors == ["no renderer"]
    assert seen(page, "error") == []


@pytest.mark.parametrize("name", ["open", "event", "done", "retry", "error", "stop"])
def test_a_listener_that_fails_is_told_and_nothing_else_happens(
    tolerant: tuple[Page, list[str]], site: Site, name: str
) -> None:
    page, errors = tolerant
    page.goto(site.page(ask_form()))
    element(page).evaluate(
        """(element, name) => element.addEventListener(`stream:${name}`, () => {
             throw new Error("mine");
           })""",
        name,
    )
    page.click("text=Ask")
    streaming(site, "/chat").cut()
    expect_state(page, "failed")
    page.locator("[data-stream=retry]").click()
    streaming(site, "/chat").finish("Hello ")
    expect_state(page, "done")
    assert text_of(page) == "Hello "
    page.click("text=Ask")
    answer = streaming(site, "/chat")
    expect_state(page, "streaming")
    stop_button(page).click()
    answer.wait_until_client_left()
    expect_state(page, "stopped")
    assert set(errors) == {"mine"}


@pytest.mark.parametrize("options", ["null", "undefined", "{}"])
def test_options_that_are_empty_change_nothing(page: Page, site: Site, options: str) -> None:
    page.goto(site.page(ask_form()))
    element(page).evaluate(f"element => {{ element.options = {options} }}")
    page.click("text=Ask")
    site.request("/chat").answer("Hi")
    expect_state(page, "done")


def test_what_a_start_is_given_counts_before_what_the_element_has(page: Page, site: Site) -> None:
    page.goto(site.page("<flask-stream csrf=attribute></flask-stream>"))
    element(page).evaluate(
        """element => {
             const states = (window.states = []);
             element.options = {
               headers: { "X-From": "options", "X-More": "options" },
               csrf: "options",
               onState: (state) => states.push(state),
             };
             element.start("/answer", { method: "POST", headers: { "X-From": "start" } });
           }"""
    )
    request = site.request("/answer")
    sent = [request.headers[name] for name in ("X-From", "X-More", "X-CSRFToken")]
    assert sent == ["start", None, "options"]
    request.answer("Hi")
    expect_state(page, "done")
    assert page.evaluate("states") == ["waiting", "streaming", "done"]


def test_a_signal_stops_a_run(page: Page, site: Site) -> None:
    page.goto(site.page("<flask-stream></flask-stream>"))
    element(page).evaluate(
        """element => {
             window.controller = new AbortController();
             element.options = { signal: controller.signal };
             element.start("/answer");
           }"""
    )
    answer = streaming(site)
    expect(output(page)).to_have_text("Hello ")
    page.evaluate("controller.abort()")
    answer.wait_until_client_left()
    expect_state(page, "stopped")
    # Whoever retries is stopped at once, without a request.
    element(page).evaluate("element => element.retry()")
    expect_state(page, "stopped")
    expect(status(page)).to_have_text("Stopped")


def test_text_that_the_page_prevents_is_not_shown_and_still_counted(page: Page, site: Site) -> None:
    page.goto(site.page("<flask-stream></flask-stream><output></output>"))
    element(page).evaluate(
        """element => {
             window.cancelable = {};
             for (const name of ["open", "event", "done", "stop", "retry", "error"]) {
               element.addEventListener(`stream:${name}`, (event) => {
                 cancelable[name] = event.cancelable && event.bubbles;
                 event.preventDefault();
                 const { type, data } = event.detail ?? {};
                 if (type === "text") document.querySelector("output").append(data.text);
               });
             }
             window.run = element.start("/answer");
           }"""
    )
    streaming(site).send("text", text="world").finish("Hello world")
    expect_state(page, "done")
    assert (text_of(page), texts(page, "output")) == ("", ["Hello world"])
    assert page.evaluate("[run.text, cancelable]") == [
        "Hello world",
        {"open": False, "event": True, "done": False},
    ]
