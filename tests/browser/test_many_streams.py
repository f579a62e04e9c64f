"""Many streams at once, and readers in a hurry.

A prompt costs money: in each test the server counts how often it was asked.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.on_page import (
    Way,
    each_way,
    element,
    expect_asked,
    expect_state,
    form,
    output,
    text_of,
)
from tests.browser.real_server import RealServer
from tests.servers.running import until

pytestmark = pytest.mark.browser


@pytest.fixture
def page(timed_page: Page) -> Page:
    return timed_page


# Many at once


def body_of(ways: list[tuple[Way, str]]) -> str:
    """A page with an element for each, all of which can be asked."""
    return "".join(
        form(prompt, name=prompt) if way.method == "POST" else way.page(prompt)
        for way, prompt in ways
    )


ASK_ALL = """() => {
  for (const form of document.forms) form.requestSubmit();
  for (const waiting of document.querySelectorAll("[data-ask]")) {
    waiting.setAttribute("src", waiting.dataset.ask);
  }
}"""


@each_way
def test_the_seventh_stream_waits_for_a_connection_and_then_comes(
    page: Page, real: RealServer, prompt: str, way: Way
) -> None:
    """On HTTP/1.1 a browser has six connections for a host."""
    prompts = [f"{prompt}-{number}" for number in range(7)]
    page.goto(real.url + real.page(body_of([(way, each) for each in prompts])))
    page.evaluate(ASK_ALL)
    until(lambda: sum(len(real.asked(each)) for each in prompts) == 6, "six are not asked")
    waiting = next(each for each in prompts if not real.asked(each))
    answers = {each: real.talk.to(each).say("one ") for each in prompts if each != waiting}
    elements = element(page)
    for each in answers:
        expect(output(elements.nth(prompts.index(each)))).to_have_text("one ")
    last = elements.nth(prompts.index(waiting))
    expect(last).to_have_attribute("data-state", "connecting")
    page.clock.fast_forward(2 * 60_000)  # however long it waits for its turn
    expect(last).to_have_attribute("data-state", "connecting")
    for each, answer in answers.items():
        answer.say(each).finish()
    real.talk.to(waiting).say("one ").say(waiting).finish()
    for number, each in enumerate(prompts):
        expect(elements.nth(number)).to_have_attribute("data-state", "done")
        assert text_of(elements.nth(number)) == f"one {each}"
    for each in prompts:
        expect_asked(page, real, each, way.method)


@each_way
def test_two_tabs_share_the_connections_and_lose_nothing(
    page: Page, real: RealServer, prompt: str, way: Way
) -> None:
    tabs = [page, page.context.new_page()]
    prompts = [[f"{prompt}-{tab}-{number}" for number in range(4)] for tab in range(2)]
    for tab, its_own in zip(tabs, prompts, strict=True):
        tab.goto(real.url + real.page(body_of([(way, each) for each in its_own])))
    for tab in tabs:
        tab.evaluate(ASK_ALL)
    unanswered = {each for its_own in prompts for each in its_own}
    while unanswered:  # in whatever order the browser asks
        each, answer = real.talk.to_any(unanswered)
        answer.say(each).finish()
        unanswered.remove(each)
    for tab, its_own in zip(tabs, prompts, strict=True):
        for number, each in enumerate(its_own):
            expect(element(tab).nth(number)).to_have_attribute("data-state", "done")
            assert text_of(element(tab).nth(number)) == each
    for tab, its_own in zip(tabs, prompts, strict=True):
        for each in its_own:
            expect_asked(tab, real, each, way.method)


@each_way
def test_two_tabs_that_ask_the_same_do_not_wait_for_each_other(
    page: Page, real: RealServer, prompt: str, way: Way
) -> None:
    """A browser's cache would let the second request for a URL wait for the first one's answer."""
    tabs = [page, page.context.new_page()]
    for tab in tabs:
        tab.goto(real.url + real.page(way.page(prompt)))
        way.ask(tab)
    answers = [real.talk.to(prompt).say("one ") for _ in tabs]
    for tab in tabs:
        expect(output(tab)).to_have_text("one ")
    for answer in answers:
        answer.say("two").finish()
    for tab in tabs:
        expect_state(tab, "done")
        expect_asked(tab, real, prompt, way.method, way.method)


# A reader in a hurry


@pytest.mark.parametrize("how", ["double click", "Enter", "script", "while it runs"])
def test_a_form_that_is_submitted_twice_fast_asks_once(
    page: Page, real: RealServer, prompt: str, how: str
) -> None:
    page.goto(real.url + real.page(form(prompt)))
    page.evaluate(
        "() => { window.read = 0; document.forms[0].addEventListener('formdata', () => read++); }"
    )
    if how == "double click":
        page.dblclick("text=Ask")
    elif how == "Enter":
        page.locator("[name=q]").press("Enter")
        page.locator("[name=q]").press("Enter")
    elif how == "script":
        page.evaluate(
            "() => [1, 2, 3].forEach(() => document.forms[0].requestSubmit())",
        )
    else:
        page.click("text=Ask")
        expect_state(page, "connecting")
        page.click("text=Ask")
    answer = real.talk.to(prompt).say("one ")
    expect(output(page)).to_have_text("one ")
    page.click("text=Ask")
    answer.finish()
    expect_state(page, "done")
    assert page.url.endswith(".html")
    expect_asked(page, real, prompt, "POST")
    assert page.evaluate("read") == 1  # what is not sent is not read either


@each_way
@pytest.mark.parametrize("how", ["stop", "remove", "leave", "close"])
def test_a_reader_who_goes_ends_the_providers_work(
    page: Page, real: RealServer, prompt: str, way: Way, how: str
) -> None:
    tab = page.context.new_page()
    tab.goto(real.url + real.page(way.page(prompt)))
    way.ask(tab)
    answer = real.talk.to(prompt).say("one ")
    expect(output(tab)).to_have_text("one ")
    if how == "stop":
        tab.click("[data-stream=stop]")
    elif how == "remove":
        element(tab).evaluate("element => element.remove()")
    elif how == "leave":
        tab.goto(f"{real.url}/hello")
    else:
        tab.close()
    answer.wait_until_app_left()
    page.goto(real.url + real.page(""))
    expect_asked(page, real, prompt, way.method)
