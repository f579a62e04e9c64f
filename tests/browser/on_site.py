"""Pages that ask the scripted server of client_server.py, and what a test does with them."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, Route

from tests.browser.client_server import DEADLINE, Exchange, Site
from tests.browser.on_page import HOUR

SRC = '<flask-stream src="/answer"></flask-stream>'
STYLE = '<link rel=stylesheet href="/static/flask-stream.css">'
CORE = "/static/flask-stream.js"
MORE = "/static/flask-stream-more.js"
MARKDOWN = "/static/flask-stream-markdown.js"


# Nothing is painted before a run has come to its end.
HOLD = """run => {
  const frame = requestAnimationFrame;
  window.requestAnimationFrame = (call) => frame(function wait(time) {
    if (run.state === "done") call(time);
    else frame(wait);
  });
}"""


def ask_form(attributes: str = "", children: str = "", fields: str = "") -> str:
    """A form with one question, and the element that shows the answer."""
    return (
        f'<form id=ask method=post action="/chat"><input name=q value=hi aria-label=Question>'
        f"{fields}<button>Ask</button></form>"
        f"<flask-stream form=ask {attributes}>{children}</flask-stream>"
    )


def begin(site: Site, path: str = "/answer") -> Exchange:
    """Answer the next request, without a word yet."""
    return site.request(path).begin().send("start", id="run")


def streaming(site: Site, path: str = "/answer", text: str = "Hello ") -> Exchange:
    """Answer the next request with a first word, and no end yet."""
    return begin(site, path).send("text", text=text)


def fail(answer: Exchange, message: str = "Try later.", retryable: bool = True) -> None:
    """End an answer with a failure that the server tells."""
    answer.send("failed", code="overloaded", message=message, retryable=retryable).end()


def stop_button(page: Page) -> Locator:
    return page.locator("[data-stream=stop]")


def texts(page: Page, selector: str) -> list[str]:
    """What is in all that a selector finds, to the last space."""
    found: list[str] = page.locator(selector).evaluate_all("all => all.map((e) => e.textContent)")
    return found


def parts(page: Page) -> list[tuple[str, str]]:
    """The kind and the words of each part, in their order."""
    found: list[list[str]] = page.locator("[data-turn] > *").evaluate_all(
        "all => all.map(({ dataset, textContent }) => [dataset.part, textContent])"
    )
    return [(kind, text) for kind, text in found]


class Asked:
    """What a page has asked its server for."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._asked: list[str] = []
        page.on("request", lambda r: self._asked.append(f"{r.method} {urlsplit(r.url).path}"))

    def files(self) -> set[str]:
        """The files of the client."""
        self._catch_up()
        return {line[4:] for line in self._asked if line.startswith("GET /static/")}

    def expect(self, *requests: str) -> None:
        """These were asked for, and no other is, not even in an hour of the test's clock."""
        if self._page.evaluate("'__pwClock' in globalThis"):
            self._page.clock.fast_forward(HOUR)
        self._catch_up()
        answers = [line for line in self._asked if line.endswith(("/answer", "/chat"))]
        assert answers == list(requests)

    def _catch_up(self) -> None:
        # What the page has asked for before that is told by then.
        self._page.evaluate("fetch('/recorder.js').then((response) => response.text())")


class Held:
    """A file that is held back from the page, until it is let go.

    `page.expect_request` may miss that the page asks for it: on a busy machine, the page has asked
    before Playwright knows that somebody waits for that.
    """

    def __init__(self, page: Page, url: str) -> None:
        self._page = page
        self._routes: list[Route] = []
        page.route(url, lambda route: self._routes.append(route))

    def wait(self) -> None:
        """Until the page has asked for it."""
        end = time.monotonic() + DEADLINE
        while not self._routes:
            assert time.monotonic() < end, "the page has asked for nothing"
            self._page.wait_for_timeout(10)  # in which Playwright calls the handler

    def let_go(self) -> None:
        """Once the page has asked for it, which it does once."""
        self.wait()
        [route] = self._routes
        route.continue_()
