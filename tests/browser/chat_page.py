"""A page with `<flask-chat>` in its states: nothing but HTML and CSS, alone or beside the style
sheets of others.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Locator, Page, Route

from tests.browser.chat_states import ENGLISH, RESTYLE, Words
from tests.browser.client_server import STRICT_CSP, Site
from tests.browser.small_png import small_png
from tests.conftest import ROOT

FOR_THE_DOCS = bool(os.environ.get("FLASK_STREAM_PICTURES"))
IN_THE_DOCS = ROOT / "docs" / "pictures"
PICTURES = ROOT / "tests" / "output" / "chat"
LARGEST = 100_000  # bytes, of one that is in the repository

MODULES = ROOT / "js" / "node_modules"
AXE = MODULES / "axe-core" / "axe.min.js"
DOC = (ROOT / "docs" / "chat-looks.md").read_text(encoding="utf-8")
SNIPPETS = {
    heading.strip(): re.findall(r"^```css\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    for heading, text in re.findall(r"^##+ (.*)\n((?:(?!##).*\n)*)", DOC, re.MULTILINE)
}

OWN = ["/static/flask-stream.css", "/static/flask-chat.css"]
# What a page has that has nothing else.
HEADING = "h1 { position: absolute; clip-path: inset(50%); margin: 0; font-size: 1rem }"
PLAIN = """:root { color-scheme: light dark; scrollbar-width: none }
body { margin: 0 auto; padding: 0 8px; max-width: 60rem;
  background: Canvas; font: 1rem/1.5 system-ui, sans-serif }
section { padding: 8px 0 24px; border-bottom: 1px solid #8884 }
section > h2 { margin: 4px 0; font: 600 12px monospace }"""
FRAME = """body { padding: 0 8px; max-width: 60rem; margin: 0 auto }
section { padding: 8px 0 24px } section > h2 { font-size: 1rem }"""
# As its build has it; the utilities are those that a page would use here.
TAILWIND = """@layer theme, base, components, utilities;
@layer base {{ {preflight} }}
@layer utilities {{ .h-96 {{ height: 24rem }} .mt-8 {{ margin-top: 2rem }} }}"""


# Where no background is set, axe takes the page for white.
SCHEME = ":root { color-scheme: light dark } body { background: Canvas }"


def bootstrap() -> str:
    return (MODULES / "bootstrap/dist/css/bootstrap.css").read_text(encoding="utf-8") + FRAME


def pico() -> str:
    return (MODULES / "@picocss/pico/css/pico.css").read_text(encoding="utf-8") + FRAME


def tailwind() -> str:
    preflight = (MODULES / "tailwindcss/preflight.css").read_text(encoding="utf-8")
    return TAILWIND.format(preflight=preflight) + f"{SCHEME} {FRAME}"


FRAMEWORKS: dict[str, Callable[[], str]] = {
    "plain": lambda: PLAIN,
    "bootstrap": bootstrap,
    "pico": pico,
    "tailwind": tailwind,
}


def open_chat(
    page: Page,
    site: Site,
    body: str,
    *,
    beside: str = "plain",
    first: bool = False,
    words: Words = ENGLISH,
    css: str = "",
    html: str = "",
) -> None:
    """A page that is nothing but HTML and CSS, under a policy that allows no style of its own."""
    if beside != "plain" and not MODULES.exists():
        pytest.skip("no frameworks in js/node_modules: run «npm ci» in js/")
    sheets = {"/framework.css": FRAMEWORKS[beside](), "/page.css": HEADING + css}

    def serve(route: Route) -> None:
        path = "/" + route.request.url.rpartition("/")[2]
        route.fulfill(body=sheets[path], content_type="text/css")

    for path in sheets:
        page.route(f"**{path}", serve)
    links = [*OWN, "/framework.css"] if first else ["/framework.css", *OWN]
    head = "".join(f'<link rel=stylesheet href="{path}">' for path in [*links, "/page.css"])
    site.pages["/"] = (
        f"<!doctype html><html lang={words.language} dir={words.direction} {html}>"
        "<meta charset=utf-8>"
        '<title>Chat</title><meta name=viewport content="width=device-width">'
        f'<script src="/recorder.js"></script>{head}<body><main><h1>Chat</h1>{body}</main>',
        STRICT_CSP,
    )
    page.goto(site.url + "/")
    page.evaluate(RESTYLE)


def show_all(page: Page) -> None:
    """Make the window as high as the page: what sticks to its lower edge is in its place then."""
    width = page.viewport_size["width"] if page.viewport_size else 0
    for _ in range(3):
        # What is far away has the height that was guessed, until it is drawn.
        height = page.evaluate("Math.ceil(document.body.getBoundingClientRect().bottom) + 8")
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(50)


# Where all is in view, no button leads to the end.
NO_END = "document.querySelector('[data-chat=end]').hidden = true"
OVERFLOWING = """() => [...document.querySelectorAll("main *")]
  .filter((element) => !element.matches("[data-stream=status], h1"))
  .filter((element) => !element.parentElement.closest("pre, [data-scroll], button, summary"))
  .filter((element) => {
    const { left, right, width } = element.getBoundingClientRect();
    return width && (right > innerWidth || left < 0);
  })
  .map((element) => element.outerHTML.slice(0, 200))"""
# What axe-core finds, by rule, with what it says of contrast where that is too low.
FOUND = """async () => (await axe.run(document, { resultTypes: ["violations"] })).violations
  .map(({ id, nodes }) =>
    [id, nodes.map(({ html, any }) => [html.slice(0, 200), any[0]?.message])])"""


def check(page: Page) -> None:
    """Nothing overflows, nothing is too pale to be read, and nothing of ours breaks the policy."""
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert page.evaluate(OVERFLOWING) == []
    assert set(page.evaluate("window.violations")) <= {"img-src"}  # Pico's pictures are data: URLs
    if AXE.exists():
        page.evaluate(AXE.read_text(encoding="utf-8"))
        assert page.evaluate(FOUND) == []


def box(locator: Locator) -> dict[str, float]:
    found = locator.bounding_box()
    assert found
    return dict(found)


def save(browser: Browser, shot: bytes, name: str, *, documented: bool = False) -> None:
    folder = PICTURES
    if documented and FOR_THE_DOCS:
        folder = IN_THE_DOCS
        shot = small_png(browser, shot, colours=200)  # a few letters are red
        assert len(shot) < LARGEST
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.png").write_bytes(shot)
