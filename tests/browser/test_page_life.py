"""`<flask-stream>` in a page that is hidden, frozen, and left, in front of a real gunicorn.

A prompt costs money: in each test the server counts how often it was asked.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.on_page import (
    CUT_OFF,
    WAYS,
    Way,
    begin,
    each_way,
    element,
    expect_asked,
    expect_state,
    output,
    retry_button,
    status,
    text_of,
)
from tests.browser.real_server import RealServer, Wire

pytestmark = pytest.mark.browser


def hide(page: Page) -> None:
    """Bring another tab to the front."""
    page.context.new_page().bring_to_front()
    page.wait_for_function("() => document.visibilityState === 'hidden'", polling=20)


# Hidden

COUNT_FRAMES = """() => {
  window.framed = 0;
  const count = () => {
    framed += 1;
    requestAnimationFrame(count);
  };
  count();
}"""
FRAMES_STAND_STILL = """() => {
  const still = window.framedBefore === framed;
  window.framedBefore = framed;
  return still;
}"""


def hide_from_frames(page: Page) -> int:
    """Hide the page, wait until it gets no frames any more, and give how many it has had."""
    page.evaluate(COUNT_FRAMES)
    hide(page)
    page.wait_for_function(FRAMES_STAND_STILL, polling=200)
    framed: int = page.evaluate("framed")
    return framed


def wait_for_text(page: Page, number: int, text: str) -> None:
    """Wait for the whole text of an element, without the help of frames."""
    script = """([number, text]) => {
      const output = document.querySelectorAll("[data-stream=output]")[number];
      return output.textContent.trim() === text;
    }"""
    page.wait_for_function(script, arg=[number, text], polling=20)


@each_way
@pytest.mark.parametrize("attributes", ["", "smooth", "render=markdown"])
def test_a_hidden_page_has_the_words_as_they_come(
    everyday_page: Page, real: RealServer, prompt: str, way: Way, attributes: str
) -> None:
    page = everyday_page
    page.goto(real.url + real.page(way.page(prompt)))
    if attributes:
        name, _, value = attributes.partition("=")
        element(page).evaluate("(element, a) => element.setAttribute(...a)", [name, value])
    way.ask(page)
    answer = real.talk.to(prompt).say("one")
    expect(output(page)).to_contain_text("one")
    framed = hide_from_frames(page)
    answer.say(" two")
    wait_for_text(page, 0, "one two")
    answer.say(" three")
    wait_for_text(page, 0, "one two three")
    answer.finish()
    page.wait_for_function(
        "() => document.querySelector('flask-stream').dataset.state === 'done'", polling=20
    )
    assert page.evaluate("[document.visibilityState, framed]") == ["hidden", framed]
    page.bring_to_front()
    page.wait_for_function("before => framed > before", arg=framed, polling=20)
    expect_state(page, "done")
    assert text_of(page).strip() == "one two three"
    expect_asked(page, real, prompt, way.method)


def test_who_comes_back_to_a_page_is_at_the_end_of_what_was_said_meanwhile(
    everyday_page: Page, real: RealServer, prompt: str
) -> None:
    page = everyday_page
    way = WAYS["post"]
    page.goto(real.url + real.page(way.page(prompt)))
    way.ask(page)
    answer = real.talk.to(prompt).say("one\n")
    expect(output(page)).to_contain_text("one")
    hide_from_frames(page)
    lines = "line\n" * 200
    answer.say(lines)
    wait_for_text(page, 0, f"one\n{lines}".strip())
    page.bring_to_front()
    page.wait_for_function("() => innerHeight + scrollY >= document.body.scrollHeight", polling=20)
    assert page.evaluate("scrollY") > 0
    answer.finish()
    expect_state(page, "done")


@pytest.mark.slow
def test_a_page_that_is_hidden_for_a_quarter_of_a_minute_loses_nothing(
    everyday_page: Page, real: RealServer, prompt: str
) -> None:
    """In real time: Chromium slows the timers of a page that was hidden for ten seconds, and no
    test's clock tells how.
    """
    page = everyday_page
    prompts = {name: f"{prompt}-{name}" for name in WAYS}
    page.goto(real.url + real.page("".join(WAYS[name].page(prompts[name]) for name in WAYS)))
    page.click("text=Ask")
    page.evaluate(
        """() => {
             for (const element of document.querySelectorAll("[data-ask]")) {
               element.setAttribute("src", element.dataset.ask);
             }
           }"""
    )
    answers = [real.talk.to(each).say("one") for each in prompts.values()]
    for number in range(3):
        expect(output(page).nth(number)).to_have_text("one")
    framed, text = hide_from_frames(page), "one"
    for word in ("two", "three", "four"):
        page.context.pages[0].wait_for_timeout(5_000)
        text += f" {word}"
        for number, answer in enumerate(answers):
            answer.say(f" {word}")
            wait_for_text(page, number, text)
    assert page.evaluate("[document.visibilityState, framed]") == ["hidden", framed]
    for answer in answers:
        answer.finish()
    page.bring_to_front()
    for number in range(3):
        expect(element(page).nth(number)).to_have_attribute("data-state", "done")
    for name, each in prompts.items():
        expect_asked(page, real, each, WAYS[name].method)


# Frozen


@each_way
def test_a_page_that_the_browser_froze_has_the_whole_answer_when_it_wakes(
    everyday_page: Page, beating: RealServer, prompt: str, way: Way
) -> None:
    """Frozen for longer than the silence that it allows: two heartbeats and five seconds."""
    page = everyday_page
    page.goto(beating.url + beating.page(way.page(prompt)))
    way.ask(page)
    answer = beating.talk.to(prompt).say("one ")
    expect(output(page)).to_have_text("one ")
    page.evaluate("() => { window.froze = []; }")
    page.evaluate(
        """() => {
             for (const type of ["freeze", "resume"]) {
               document.addEventListener(type, () => froze.push([type, Date.now()]));
             }
           }"""
    )
    hide(page)
    session = page.context.new_cdp_session(page)
    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    answer.say("two ").say("three").finish()
    page.context.pages[0].wait_for_timeout(7000)  # nothing tells how long a frozen page sleeps
    session.send("Page.setWebLifecycleState", {"state": "active"})
    page.bring_to_front()
    expect_state(page, "done")
    assert text_of(page) == "one two three"
    (_, froze), (_, woke) = page.evaluate("froze")
    assert woke - froze > 6000
    expect_asked(page, beating, prompt, way.method)


# The back/forward cache


def leave(page: Page, real: RealServer) -> None:
    """Go to another page of the site."""
    page.evaluate(
        "() => addEventListener('pageshow', ({ persisted }) => { window.restored = persisted })"
    )
    page.goto(real.url + "/hello")
    expect(page.locator("body")).to_have_text("hello")


def come_back(page: Page) -> None:
    page.evaluate("() => void setTimeout(() => history.back())")
    page.wait_for_function("() => window.restored === true")


@pytest.mark.parametrize("way", ["post", "get"])
@pytest.mark.parametrize("away", ["goes on", "ends"])
def test_an_answer_goes_on_while_its_page_is_in_the_back_forward_cache(
    everyday_page: Page, real: RealServer, prompt: str, way: str, away: str
) -> None:
    page, asking = everyday_page, WAYS[way]
    answer = begin(page, real, prompt, asking)
    leave(page, real)
    answer.say("two ")
    if away == "ends":
        answer.finish()
    come_back(page)
    expect(output(page)).to_have_text("one two ")
    if away == "goes on":
        expect_state(page, "streaming")
        answer.finish()
    expect_state(page, "done")
    assert text_of(page) == "one two "
    expect_asked(page, real, prompt, asking.method)


@each_way
def test_an_answer_that_was_cut_while_its_page_was_left_says_so(
    everyday_page: Page, real: RealServer, wire: Wire, prompt: str, way: Way
) -> None:
    page = everyday_page
    answer = begin(page, real, prompt, way, wire.url)
    leave(page, real)
    wire.cut()
    answer.wait_until_app_left()
    come_back(page)
    expect_state(page, "failed")
    expect(status(page)).to_have_text(CUT_OFF)
    assert text_of(page) == "one "
    expect_asked(page, real, prompt, way.method)
    retry_button(page).click()
    real.talk.to(prompt).say("again").finish()
    expect_state(page, "done")
    assert text_of(page) == "again"
    expect_asked(page, real, prompt, way.method, way.method)


def test_an_eventsource_is_closed_when_its_page_is_left(
    everyday_page: Page, real: RealServer, prompt: str
) -> None:
    page, way = everyday_page, WAYS["eventsource"]
    answer = begin(page, real, prompt, way)
    leave(page, real)
    answer.wait_until_app_left()
    come_back(page)
    expect_state(page, "failed")
    expect(status(page)).to_have_text(CUT_OFF)
    expect_asked(page, real, prompt, "GET")
    retry_button(page).click()
    real.talk.to(prompt).say("again").finish()
    expect_state(page, "done")
    expect_asked(page, real, prompt, "GET", "GET")


@each_way
def test_a_finished_answer_is_still_there_after_back(
    everyday_page: Page, real: RealServer, prompt: str, way: Way
) -> None:
    page = everyday_page
    begin(page, real, prompt, way).finish()
    expect_state(page, "done")
    leave(page, real)
    come_back(page)
    expect_state(page, "done")
    assert text_of(page) == "one "
    expect_asked(page, real, prompt, way.method)


def test_back_to_a_page_that_was_not_kept_posts_nothing(
    timed_page: Page, real: RealServer, prompt: str
) -> None:
    page = timed_page  # of a browser that keeps no page it has left
    answer = begin(page, real, prompt, WAYS["post"])
    page.goto(real.url + "/hello")
    answer.wait_until_app_left()
    page.go_back()
    expect_state(page, "idle")
    assert text_of(page) == ""
    expect_asked(page, real, prompt, "POST")
