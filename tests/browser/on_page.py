"""What a test looks for on a page with one `<flask-stream>` or more."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.real_server import Answer, RealServer
from tests.servers.running import until

HOUR = 3_600_000
CUT_OFF = "The connection was lost: this answer was cut off."

Place = Page | Locator


def form(prompt: str, action: str = "/chat", name: str = "ask", attributes: str = "") -> str:
    """A form that asks the prompt, and the element that shows the answer."""
    return (
        f'<form id={name} method=post action="{action}"><input name=q value="{prompt}">'
        f"<button>Ask</button></form><flask-stream form={name} {attributes}></flask-stream>"
    )


def src(prompt: str, path: str = "/chat", attributes: str = "") -> str:
    """An element that asks the prompt as soon as it is in the page."""
    return f'<flask-stream src="{path}?q={prompt}" {attributes}></flask-stream>'


class Way:
    """How a page asks, once it is told to."""

    def __init__(self, method: str, attributes: str = "") -> None:
        self.method = method
        self._attributes = attributes

    def page(self, prompt: str, path: str = "/chat") -> str:
        """The body of a page that will ask."""
        if self.method == "POST":
            return form(prompt, path)
        return f"<flask-stream data-ask='{path}?q={prompt}' {self._attributes}></flask-stream>"

    def ask(self, page: Page) -> None:
        if self.method == "POST":
            page.click("text=Ask")
        else:
            element(page).evaluate("element => element.setAttribute('src', element.dataset.ask)")


WAYS = {
    "post": Way("POST"),
    "get": Way("GET"),
    "eventsource": Way("GET", "transport=eventsource"),
}
each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def element(page: Page) -> Locator:
    return page.locator("flask-stream")


def output(place: Place) -> Locator:
    return place.locator("[data-stream=output]")


def status(place: Place) -> Locator:
    return place.locator("[data-stream=status]")


def retry_button(place: Place) -> Locator:
    return place.locator("[data-stream=retry]")


def expect_state(page: Page, state: str) -> None:
    """Not by playwright's own waiting, which describes all of an element that is not yet as it
    should be: of thousands of parts that takes ten seconds.
    """

    def now() -> str | None:
        return element(page).get_attribute("data-state")

    until(lambda: now() == state, lambda: f"its state is {now()}, not {state}")


def text_of(place: Place) -> str:
    return output(place).evaluate("output => output.textContent") or ""


def seen(page: Page, name: str) -> list[Any]:
    events = page.evaluate("seen")
    return [event["detail"] for event in events if event["type"] == f"stream:{name}"]


def expect_asked(page: Page, server: RealServer, prompt: str, *methods: str) -> None:
    """These requests were made for the prompt, and no other comes, not even in an hour.

    The page's timers are put forward, if it has the test's clock; an EventSource that is closed
    never connects again.
    """
    if page.evaluate("'__pwClock' in globalThis"):
        page.clock.fast_forward(HOUR)
    states = page.evaluate("sources.map((source) => source.readyState)")
    assert set(states) <= {2}, "an EventSource is not closed"
    # What the page has sent before that is there by then.
    assert page.evaluate("fetch('/hello').then((response) => response.text())") == "hello"
    assert server.asked(prompt) == list(methods)


def begin(page: Page, real: RealServer, prompt: str, way: Way, base: str = "") -> Answer:
    """Ask, and wait until the first word is on the page."""
    page.goto((base or real.url) + real.page(way.page(prompt)))
    way.ask(page)
    answer = real.talk.to(prompt).say("one ")
    expect(output(page)).to_have_text("one ")
    return answer


def retry(page: Page, real: RealServer, prompt: str) -> None:
    """The reader asks again, and is answered."""
    retry_button(page).click()
    real.talk.to(prompt).say("again").finish()
    expect_state(page, "done")
    assert text_of(page) == "again"
