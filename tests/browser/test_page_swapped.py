"""`<flask-stream>` in a page that scripts swap, as htmx does, in front of a real gunicorn.

A prompt costs money: in each test the server counts how often it was asked.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.on_page import (
    Way,
    begin,
    each_way,
    element,
    expect_asked,
    expect_state,
    form,
    output,
    retry_button,
    seen,
    src,
    status,
    text_of,
)
from tests.browser.real_server import RealServer

pytestmark = pytest.mark.browser


@pytest.fixture
def page(timed_page: Page) -> Page:
    return timed_page


# Swapped, as htmx and its like do it

PUT = """html => {
  const place = document.querySelector("#place");
  place.innerHTML = html;
}"""


def place(page: Page, real: RealServer, html: str = "") -> None:
    """Open a page whose `#place` can be swapped."""
    page.goto(real.url + real.page(f"<main id=place>{html}</main><div id=other></div>", "swapped"))


srcs = pytest.mark.parametrize("attributes", ["", "transport=eventsource"], ids=["fetch", "es"])


@srcs
def test_an_element_that_is_swapped_in_runs_and_the_one_swapped_out_stops(
    page: Page, real: RealServer, prompt: str, attributes: str
) -> None:
    new = f"{prompt}-new"
    place(page, real)
    page.evaluate(PUT, src(prompt, attributes=attributes))
    old = real.talk.to(prompt).say("one ")
    expect(output(page)).to_have_text("one ")
    page.evaluate(PUT, src(new, attributes=attributes))
    old.wait_until_app_left()
    real.talk.to(new).say("new").finish()
    expect_state(page, "done")
    assert text_of(page) == "new"
    expect_asked(page, real, prompt, "GET")
    expect_asked(page, real, new, "GET")


@each_way
@pytest.mark.parametrize(
    "move",
    [
        "(element) => document.querySelector('#other').append(element)",
        "(element) => document.querySelector('#other').replaceChildren(element)",
        "(element) => { for (let n = 0; n < 9; n++) document.body.prepend(element) }",
        "(element) => document.querySelector('#other').moveBefore(element, null)",
    ],
    ids=["append", "replaceChildren", "often", "moveBefore"],
)
def test_an_element_that_is_moved_goes_on(
    page: Page, real: RealServer, prompt: str, way: Way, move: str
) -> None:
    place(page, real, way.page(prompt))
    way.ask(page)
    answer = real.talk.to(prompt).say("one ")
    expect(output(page)).to_have_text("one ")
    element(page).evaluate(move)
    answer.say("two").finish()
    expect_state(page, "done")
    element(page).evaluate(move)
    assert text_of(page) == "one two"
    expect_state(page, "done")
    expect_asked(page, real, prompt, way.method)


@each_way
def test_an_element_that_was_out_of_the_page_is_not_run_again(
    page: Page, real: RealServer, prompt: str, way: Way
) -> None:
    answer = begin(page, real, prompt, way)
    element(page).evaluate("element => { window.kept = element; element.remove() }")
    answer.wait_until_app_left()
    page.evaluate("document.body.append(kept)")
    expect_state(page, "stopped")
    assert text_of(page) == "one "
    expect_asked(page, real, prompt, way.method)


def snapshot(page: Page) -> str:
    html: str = page.evaluate("document.querySelector('#place').innerHTML")
    return html


def restore(page: Page, html: str) -> None:
    page.evaluate(PUT, "")
    page.evaluate(PUT, html)


def clone(page: Page, html: str) -> None:
    page.evaluate(
        """() => {
             const element = document.querySelector("flask-stream");
             element.replaceWith(element.cloneNode(true));
           }"""
    )


@srcs
@pytest.mark.parametrize("how", [restore, clone])
def test_a_finished_answer_from_a_snapshot_is_not_run_again(
    page: Page,
    real: RealServer,
    prompt: str,
    attributes: str,
    how: Callable[[Page, str], None],
) -> None:
    place(page, real, src(prompt, attributes=attributes))
    real.talk.to(prompt).say("one\n\ntwo").finish()
    expect_state(page, "done")
    how(page, snapshot(page))
    expect_state(page, "done")
    assert text_of(page) == "one\n\ntwo"
    expect(status(page)).to_have_text("Complete")
    assert page.locator("flask-stream > *").count() == 4  # nothing was made twice
    expect_asked(page, real, prompt, "GET")


@srcs
@pytest.mark.parametrize("how", [restore, clone])
@pytest.mark.parametrize("said", ["", "one "], ids=["waiting", "streaming"])
def test_a_snapshot_of_a_run_shows_it_as_stopped(
    page: Page,
    real: RealServer,
    prompt: str,
    attributes: str,
    how: Callable[[Page, str], None],
    said: str,
) -> None:
    place(page, real, src(prompt, attributes=attributes))
    answer = real.talk.to(prompt).begin()
    expect_state(page, "waiting")
    if said:
        answer.say(said)
        expect(output(page)).to_have_text(said)
    how(page, snapshot(page))
    answer.wait_until_app_left()
    expect_state(page, "stopped")
    expect(status(page)).to_have_text("Stopped")
    expect(page.locator("[data-stream=stop]")).to_be_hidden()
    assert output(page).get_attribute("aria-busy") == "false"
    assert text_of(page) == said
    expect_asked(page, real, prompt, "GET")


def test_a_snapshot_of_a_failure_offers_no_retry_of_what_it_does_not_know(
    page: Page, real: RealServer, prompt: str
) -> None:
    place(page, real, src(prompt, "/chat/refused/503"))
    expect_state(page, "failed")
    expect(retry_button(page)).to_be_visible()
    restore(page, snapshot(page))
    expect_state(page, "failed")
    expect(status(page)).to_have_text("Not now: 503.")
    expect(retry_button(page)).to_be_hidden()
    expect_asked(page, real, prompt, "GET")


def test_a_form_from_a_snapshot_asks_again(page: Page, real: RealServer, prompt: str) -> None:
    place(page, real, form(prompt))
    page.click("text=Ask")
    real.talk.to(prompt).say("one").finish()
    expect_state(page, "done")
    restore(page, snapshot(page))
    expect_state(page, "done")
    assert text_of(page) == "one"
    expect_asked(page, real, prompt, "POST")
    page.click("text=Ask")
    real.talk.to(prompt).say("two").finish()
    expect(output(page)).to_have_text("two")
    expect_state(page, "done")
    expect_asked(page, real, prompt, "POST", "POST")


@srcs
@pytest.mark.parametrize("when", ["streaming", "done"])
def test_the_same_src_set_again_is_not_run_again(
    page: Page, real: RealServer, prompt: str, attributes: str, when: str
) -> None:
    """Libraries that morph a page set attributes to what they are."""
    place(page, real, src(prompt, attributes=attributes))
    answer = real.talk.to(prompt).say("one ")
    expect(output(page)).to_have_text("one ")
    if when == "done":
        answer.finish()
        expect_state(page, "done")
    element(page).evaluate("element => element.setAttribute('src', element.getAttribute('src'))")
    if when == "streaming":
        answer.finish()
    expect_state(page, "done")
    assert text_of(page) == "one "
    expect_asked(page, real, prompt, "GET")


# Several, and inside forms


def test_several_elements_do_not_hear_each_other(page: Page, real: RealServer, prompt: str) -> None:
    prompts = [f"{prompt}-{number}" for number in range(4)]
    body = form(prompts[0], name="a") + form(prompts[1], name="b")
    body += src(prompts[2]) + src(prompts[3], attributes="transport=eventsource")
    page.goto(real.url + real.page(body))
    for button in page.locator("form button").all():
        button.click()
    answers = [real.talk.to(each).say(f"{each} ") for each in prompts]
    for number, each in enumerate(prompts):
        expect(output(element(page).nth(number))).to_have_text(f"{each} ")
    element(page).nth(0).locator("[data-stream=stop]").click()
    answers[0].wait_until_app_left()
    expect(element(page).nth(0)).to_have_attribute("data-state", "stopped")
    element(page).nth(2).evaluate("element => element.remove()")
    answers[2].wait_until_app_left()
    for number in (1, 3):
        answers[number].say("end").finish()
    states = element(page).evaluate_all("all => all.map(({ dataset }) => dataset.state)")
    expect(element(page).nth(2)).to_have_attribute("data-state", "done")
    expect(element(page).nth(1)).to_have_attribute("data-state", "done")
    assert states[0] == "stopped"
    texts = [text_of(element(page).nth(number)) for number in range(3)]
    assert texts == [f"{prompts[0]} ", f"{prompts[1]} end", f"{prompts[3]} end"]
    for number, each in enumerate(prompts):
        expect_asked(page, real, each, "POST" if number < 2 else "GET")


def test_an_element_inside_its_own_form_submits_it_only_when_asked(
    page: Page, real: RealServer, prompt: str
) -> None:
    inside = form(prompt).replace("</form>", "", 1) + "</form>"
    page.goto(real.url + real.page(inside))
    assert page.locator("form flask-stream").count() == 1
    page.locator("[name=q]").press("Enter")
    answer = real.talk.to(prompt).say("one ")
    expect(output(page)).to_have_text("one ")
    page.locator("[data-stream=stop]").focus()
    page.keyboard.press("Enter")
    answer.wait_until_app_left()
    expect_state(page, "stopped")
    page.locator("[name=q]").press("Enter")
    real.talk.to(prompt).refuse(429)
    expect_state(page, "failed")
    page.clock.run_for(60_000)  # our server's own Retry-After
    expect(retry_button(page)).to_be_enabled()
    retry_button(page).focus()
    page.keyboard.press("Enter")
    real.talk.to(prompt).say("two").finish()
    expect_state(page, "done")
    assert text_of(page) == "two"
    assert page.url.endswith(".html")
    assert seen(page, "retry") == [{"attempt": 2}]
    expect_asked(page, real, prompt, "POST", "POST", "POST")
