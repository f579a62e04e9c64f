"""How a page tells the element what it wants: attributes, options, keys, and markup."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.client_server import CLIENT, Exchange, Site
from tests.browser.on_page import element, expect_state, output, status, text_of
from tests.browser.on_site import Held

pytestmark = pytest.mark.browser

ASK = '<form id=ask method=post action="/chat"><input name=q value=hi><button>Ask</button></form>'


def streaming(site: Site, path: str = "/answer") -> Exchange:
    return site.request(path).begin().send("start", id="run").send("text", text="Hello ")


def test_the_token_may_be_an_attribute(page: Page, site: Site) -> None:
    meta = '<meta name="csrf-token" content="of-the-page">'
    page.goto(site.page(f'{ASK}<flask-stream form="ask" csrf="mine"></flask-stream>', head=meta))
    page.click("text=Ask")
    request = site.request("/chat")
    assert request.headers["X-CSRFToken"] == "mine"
    request.answer("Hi")


@pytest.fixture
def elsewhere() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


@pytest.mark.parametrize("transport", ["", "transport=eventsource"])
@pytest.mark.parametrize("credentials", ["", "with-credentials"])
def test_another_origin_gets_cookies_only_with_credentials(
    page: Page, site: Site, elsewhere: Site, credentials: str, transport: str
) -> None:
    # Cookies know no ports: another one of the same host is another origin on the same site.
    csp = "default-src 'self' http://127.0.0.1:*"
    page.context.add_cookies([{"name": "who", "value": "me", "url": elsewhere.url}])
    markup = f'<flask-stream src="{elsewhere.url}/answer" {credentials} {transport}></flask-stream>'
    page.goto(site.page(markup, csp=csp))
    request = elsewhere.request("/answer")
    allowed = {"Access_Control_Allow_Origin": site.url, "Access_Control_Allow_Credentials": "true"}
    request.begin(**{name.replace("_", "-"): value for name, value in allowed.items()})
    request.send("start", id="run").send("text", text="Hi").finish("Hi")
    expect_state(page, "done")
    assert request.headers["Cookie"] == ("who=me" if credentials else None)


def test_what_a_page_sets_before_the_client_is_loaded_counts(page: Page, site: Site) -> None:
    markup = f'{ASK}<flask-stream form="ask"></flask-stream>'
    client = Held(page, "**/flask-stream.js")
    page.goto(site.page(markup), wait_until="commit")
    page.wait_for_selector("flask-stream", state="attached")
    page.evaluate(
        """() => {
             let asked = 0;
             const headers = () => ({ "X-Asked": String(++asked) });
             document.querySelector("flask-stream").options = { headers };
           }"""
    )
    client.let_go()
    expect_state(page, "idle")
    for number in "12":
        page.click("text=Ask")
        request = site.request("/chat")
        assert request.headers["X-Asked"] == number
        request.answer("Hi")
        expect_state(page, "done")


def test_a_renderer_of_the_pages_own(page: Page, site: Site) -> None:
    page.goto(site.page("<flask-stream></flask-stream>"))
    page.evaluate(
        """() => {
             const element = document.querySelector("flask-stream");
             element.options = {
               renderer: (part) => ({
                 write: (text) => part.append(text.toUpperCase()),
                 end: () => part.append("!"),
               }),
             };
             element.start("/answer");
           }"""
    )
    streaming(site).finish("Hello ")
    expect_state(page, "done")
    assert text_of(page) == "HELLO !"


@pytest.mark.parametrize("method", ["write", "end"])
def test_a_renderer_that_fails_is_told_and_the_run_comes_to_its_end(
    page: Page, site: Site, method: str
) -> None:
    page.add_init_script("window.reportError = (error) => (window.told = error.message)")
    page.goto(site.page("<flask-stream></flask-stream>"))
    page.evaluate(
        """(method) => {
             const renderer = () => ({
               write() {}, end() {}, [method]() { throw new Error("mine") },
             });
             document.querySelector("flask-stream").start("/answer", { renderer });
           }""",
        method,
    )
    streaming(site).finish("Hello ")
    expect_state(page, "done")
    assert page.evaluate("told") == "mine"


def test_what_is_no_way_to_render_is_text(page: Page, site: Site) -> None:
    page.goto(site.page('<flask-stream src="/answer" render="latex"></flask-stream>'))
    streaming(site).send("text", text="**w**").finish("Hello **w**")
    expect_state(page, "done")
    assert text_of(page) == "Hello **w**"


# Escape


PLACES = {
    "in the element": ("[data-stream=stop]", True),
    "in its form": ("[name=q]", True),
    "nowhere": ("", True),
    "elsewhere": ("#other", False),
}


@pytest.mark.parametrize("place", PLACES)
def test_escape_stops_where_it_is_meant(page: Page, site: Site, place: str) -> None:
    page.goto(site.page(f'<input id=other>{ASK}<flask-stream form="ask"></flask-stream>'))
    page.click("text=Ask")
    answer = streaming(site, "/chat")
    expect_state(page, "streaming")
    where, stops = PLACES[place]
    if where:
        page.focus(where)
    else:
        page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Escape")
    if stops:
        answer.wait_until_client_left()
        expect_state(page, "stopped")
    else:
        answer.finish("Hello ")
        expect_state(page, "done")


def test_an_escape_that_the_page_or_an_input_method_needs_is_left_to_it(
    page: Page, site: Site
) -> None:
    page.goto(site.page('<flask-stream src="/answer"></flask-stream>'))
    answer = streaming(site)
    expect_state(page, "streaming")
    page.evaluate(
        """() => {
             const press = (init) => {
               const event = new KeyboardEvent("keydown", {
                 key: "Escape", bubbles: true, cancelable: true, ...init,
               });
               document.body.dispatchEvent(event);
             };
             press({ isComposing: true });
             addEventListener("keydown", (event) => event.preventDefault(), { capture: true });
             press({});
           }"""
    )
    answer.finish("Hello ")
    expect_state(page, "done")


def test_escape_in_a_dialog_stops_first_and_closes_it_then(page: Page, site: Site) -> None:
    page.goto(site.page(f'<dialog>{ASK}<flask-stream form="ask"></flask-stream></dialog>'))
    page.evaluate("document.querySelector('dialog').showModal()")
    page.click("text=Ask")
    streaming(site, "/chat")
    expect_state(page, "streaming")
    page.keyboard.press("Escape")
    expect_state(page, "stopped")
    dialog = page.locator("dialog")
    expect(dialog).to_have_attribute("open", "")
    page.keyboard.press("Escape")
    expect(dialog).not_to_have_attribute("open", "")


# Where it is


@pytest.mark.parametrize("state", ["done", "stopped", "failed", "streaming"])
def test_an_element_that_comes_with_a_state_has_had_its_run(
    page: Page, site: Site, state: str
) -> None:
    saved = f"""<flask-stream src="/answer" data-state="{state}"><div data-stream=output
      aria-busy=true><div data-turn>Said before</div></div><p data-stream=status>Words</p>
      <button data-stream=stop>Stop</button></flask-stream>"""
    page.goto(site.page(saved))
    running = state == "streaming"
    expect_state(page, "stopped" if running else state)
    expect(status(page)).to_have_text("Stopped" if running else "Words")
    expect(output(page)).to_have_attribute("aria-busy", "false")
    expect(output(page)).to_have_text("Said before")
    expect(page.locator("[data-stream=stop]")).to_be_hidden()
    assert site.requests["/answer"].empty()
    # Another one than it had is a new one.
    element(page).evaluate("element => element.setAttribute('src', '/other')")
    site.request("/other").answer("New")
    expect(output(page)).to_have_text("New")


def test_the_element_works_inside_a_shadow_root(page: Page, site: Site) -> None:
    page.goto(site.page("<main></main>"))
    page.evaluate(
        """form => {
             const root = document.querySelector("main").attachShadow({ mode: "open" });
             const parsed = document.createElement("div");
             root.append(parsed);
             const ask = document.createElement("form");
             Object.assign(ask, { id: "ask", method: "post", action: "/chat" });
             const button = document.createElement("button");
             button.textContent = "Ask";
             ask.append(button);
             const element = document.createElement("flask-stream");
             element.setAttribute("form", "ask");
             parsed.append(ask, element);
           }""",
        ASK,
    )
    page.click("text=Ask")
    site.request("/chat").answer("Hello")
    expect_state(page, "done")
    assert text_of(page) == "Hello"


def test_a_second_client_leaves_the_first_one_alone(page: Page, site: Site) -> None:
    second = CLIENT.replace("flask-stream.js", "flask-stream.js?second")
    page.goto(site.page(f'<flask-stream src="/answer"></flask-stream>{second}'))
    streaming(site).finish("Hello ")
    expect_state(page, "done")
    assert site.requests["/answer"].empty()


# What screen readers are told


def test_the_status_is_said_and_changed_once_a_state(page: Page, site: Site) -> None:
    page.goto(site.page(f'{ASK}<flask-stream form="ask"></flask-stream>'))
    expect(status(page)).to_have_attribute("role", "status")
    page.evaluate(
        """() => {
             window.said = [];
             const status = document.querySelector("[data-stream=status]");
             new MutationObserver(() => said.push(status.textContent))
               .observe(status, { childList: true, characterData: true, subtree: true });
           }"""
    )
    page.click("text=Ask")
    answer = streaming(site, "/chat")
    for _ in range(20):
        answer.send("text", text="word ")
    answer.finish("Hello " + "word " * 20)
    expect_state(page, "done")
    assert page.evaluate("said") == ["Generating…", "Complete"]
    assert output(page).get_attribute("aria-live") is None


@pytest.mark.parametrize(
    ("announce", "role", "live"), [("off", None, None), ("answer", "status", "polite")]
)
def test_announce_says_less_or_more(
    page: Page, site: Site, announce: str, role: str | None, live: str | None
) -> None:
    page.goto(site.page(f'<flask-stream src="/answer" announce="{announce}"></flask-stream>'))
    answer = streaming(site)
    expect(output(page)).to_have_attribute("aria-busy", "true")
    answer.finish("Hello ")
    expect_state(page, "done")
    assert status(page).get_attribute("role") == role
    assert output(page).get_attribute("aria-live") == live


@pytest.mark.parametrize(("level", "name"), [("3", "h3"), ("", "h1"), ("7", "h1"), ("h3", "h1")])
def test_headings_begin_where_the_page_says(page: Page, site: Site, level: str, name: str) -> None:
    attributes = f'render=markdown heading-level="{level}"'
    page.goto(
        site.page(f'<h2>Answers</h2><flask-stream src="/answer" {attributes}></flask-stream>')
    )
    site.request("/answer").answer("# Title\n\nwords")
    expect_state(page, "done")
    expect(output(page).locator(name)).to_have_text("Title")
    expect(output(page).locator("h1, h2, h3, h4, h5, h6")).to_have_count(1)
