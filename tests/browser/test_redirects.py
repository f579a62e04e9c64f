"""A redirect takes neither the page's CSRF token nor the question along, wherever it leads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page, expect

from tests.browser.client_server import Site, frame
from tests.browser.on_page import element, expect_state, seen, status, text_of
from tests.browser.on_site import ask_form

pytestmark = pytest.mark.browser

TOKEN = '<meta name="csrf-token" content="the-token">'
QUESTION = '<input name=secret value="the-question" aria-label=Secret>'


class Thief:
    """Another origin, which lets every page ask it anything, and keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        thief = self

        class Handler(BaseHTTPRequestHandler):
            def _take(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                thief.told.append(f"{self.command} {self.path}\n{self.headers}{body.decode()}")
                self.send_response(200)
                self.send_header("Access-Control-Allow-Origin", self.headers.get("Origin", "*"))
                self.send_header("Access-Control-Allow-Credentials", "true")
                self.send_header(
                    "Access-Control-Allow-Headers", "x-csrftoken, x-api-key, content-type"
                )
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                answer = frame("start", id="run") + frame("text", text="thanks")
                self.wfile.write(answer + frame("done", stop_reason="stop", text_length=6))

            do_GET = do_POST = do_OPTIONS = _take

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        # Another host too than that of the pages, which are 127.0.0.1's.
        self.url = f"http://localhost:{self._server.server_port}/take"
        threading.Thread(target=self._server.serve_forever, args=[0.02], daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def thief() -> Iterator[Thief]:
    thief = Thief()
    yield thief
    thief.close()


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_another_origin_gets_neither_the_token_nor_the_question(
    page: Page, site: Site, thief: Thief, code: int
) -> None:
    page.goto(site.page(ask_form(fields=QUESTION), head=TOKEN, csp="default-src 'self' *"))
    page.click("text=Ask")
    asked = site.request("/chat")
    assert asked.headers["X-CSRFToken"] == "the-token"
    assert asked.form["secret"] == ["the-question"]
    asked.begin(code, Location=thief.url).end()
    expect_state(page, "failed")
    expect(status(page)).to_contain_text("answered with a redirect. Sign in, then ask again")
    [error] = seen(page, "error")
    assert (error["code"], error["status"], error["retryable"]) == ("auth", None, False)
    assert thief.told == []


def test_a_post_is_not_asked_again_elsewhere_on_its_own_site_either(page: Page, site: Site) -> None:
    """Where a redirect leads no page is told, so one rule holds for all."""
    page.goto(site.page(ask_form()))
    page.click("text=Ask")
    site.request("/chat").begin(307, Location="/elsewhere").end()
    expect_state(page, "failed")
    assert seen(page, "error")[0]["code"] == "auth"
    assert site.requests["/elsewhere"].empty()


def test_a_page_may_have_the_redirects_of_its_posts_followed(page: Page, site: Site) -> None:
    page.goto(site.page(ask_form(fields=QUESTION), head=TOKEN))
    element(page).evaluate("element => { element.options = { redirect: 'follow' }; }")
    page.click("text=Ask")
    site.request("/chat").begin(307, Location="/elsewhere").end()
    followed = site.request("/elsewhere")
    assert (followed.method, followed.form["secret"]) == ("POST", ["the-question"])
    followed.answer("over here")
    expect_state(page, "done")
    assert text_of(page) == "over here"


def test_a_get_follows_a_redirect_to_another_origin_without_a_token(
    page: Page, site: Site, thief: Thief
) -> None:
    src = '<flask-stream src="/answer" csrf="the-token"></flask-stream>'
    page.goto(site.page(src, head=TOKEN, csp="default-src 'self' *"))
    site.request("/answer").begin(302, Location=thief.url, Access_Control_Allow_Origin="*").end()
    expect_state(page, "done")
    assert text_of(page) == "thanks"
    [told] = thief.told
    assert told.startswith("GET /take\n")
    assert "the-token" not in told


def test_a_get_with_a_key_in_its_headers_takes_it_nowhere_else(
    page: Page, site: Site, thief: Thief
) -> None:
    page.goto(site.page("<flask-stream></flask-stream>", csp="default-src 'self' *"))
    element(page).evaluate("e => { e.start('/answer', { headers: { 'X-Api-Key': 'the-key' } }); }")
    asked = site.request("/answer")
    assert asked.headers["X-Api-Key"] == "the-key"
    asked.begin(307, Location=thief.url, Access_Control_Allow_Origin="*").end()
    expect_state(page, "failed")
    [error] = seen(page, "error")
    assert (error["code"], error["status"], error["retryable"]) == ("auth", None, False)
    assert thief.told == []
