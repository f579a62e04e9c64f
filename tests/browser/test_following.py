"""What is in view while an answer grows, in the layouts that pages have.

Each test looks at rectangles: are the last words between the upper edge of what the reader sees and
the lower one?
"""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.client_server import Exchange, Site
from tests.browser.on_page import expect_state, output
from tests.browser.on_site import STYLE, begin
from tests.own_time import in_turn, part_of

pytestmark = pytest.mark.browser

SIZES = {"phone": {"width": 360, "height": 640}, "desktop": {"width": 1200, "height": 800}}
LINES = 60  # of an answer, more than any of the sizes shows

FORM = (
    "<form id=ask method=post action=/chat>"
    "<input name=q value=hi aria-label=Q><button>Ask</button></form>"
)
ELEMENT = "<flask-stream form=ask append></flask-stream>"
LONG = "<div class=long>Other content</div>"
CSS = "<style>.long { height: 3000px } body { margin: 8px; font: 16px/24px sans-serif }"
BUBBLE = """document.addEventListener("submit", ({ target }) => {
  const bubble = document.createElement("p");
  bubble.textContent = "What I asked, ".repeat(40);
  document.querySelector("flask-stream [data-stream=output]").append(bubble);
});"""

# The page's own listener begins the answer, at once or when it is ready to.
OWN_START = """document.addEventListener("DOMContentLoaded", () => {
  document.querySelector("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const bubble = document.createElement("p");
    bubble.textContent = "What I asked, ".repeat(40);
    document.querySelector("flask-stream [data-stream=output]").append(bubble);
    LATER;
    document.querySelector("flask-stream").start("/chat", { method: "POST" });
  });
});"""
BUBBLES = {
    "beside ours": BUBBLE,
    "starting at once": OWN_START.replace("LATER", ""),
    "starting later": OWN_START.replace("LATER", "await new Promise((go) => setTimeout(go, 50))"),
}

# name: what is in the page, its CSS, and where the reader is before he asks.
LAYOUTS: dict[str, tuple[str, str, str]] = {
    "form below, page longer than the window": (LONG + ELEMENT + FORM, "", "end"),
    "form above": (FORM + ELEMENT, "", "top"),
    "form above, content behind": (FORM + ELEMENT + LONG, "", "top"),
    "short page that grows": (ELEMENT + FORM, "", "top"),
    "in the middle of a long page": (LONG + FORM + ELEMENT + LONG, "", "form"),
    "box that scrolls": (
        f"<div id=box>{LONG}{ELEMENT}</div>{FORM}",
        "#box { height: 300px; overflow-y: auto; border: 3px solid }",
        "box",
    ),
    "output that scrolls by itself": (
        "<flask-stream form=ask append><div id=box data-stream=output></div></flask-stream>" + FORM,
        "#box { height: 300px; overflow-y: auto; border: 3px solid }",
        "top",
    ),
    "composer that sticks to the lower edge": (
        LONG + ELEMENT + FORM,
        "form { position: sticky; bottom: 0; background: white; padding: 30px 0 }",
        "end",
    ),
    "composer that is fixed, content behind": (
        ELEMENT + LONG + FORM,
        "form { position: fixed; bottom: 0; background: white; height: 80px } "
        "html { scroll-padding-bottom: 100px }",
        "top",
    ),
    "answer far above the form": (ELEMENT + LONG + FORM, "", "end"),
}

GO = {
    "top": "() => scrollTo(0, 0)",
    "end": "() => scrollTo(0, document.documentElement.scrollHeight)",
    "form": "() => document.querySelector('form').scrollIntoView()",
    "box": "() => { box.scrollTop = box.scrollHeight }",
}

# Where the last word is, and between which edges the reader would see it.
LOOK = """() => {
  const parts = document.querySelectorAll("[data-part=text]");
  const range = document.createRange();
  range.selectNodeContents(parts[parts.length - 1]);
  const rects = range.getClientRects();
  const last = rects[rects.length - 1];
  let [top, bottom] = [0, innerHeight];
  const box = document.querySelector("#box");
  if (box) {
    const edges = box.getBoundingClientRect();
    [top, bottom] = [Math.max(top, edges.top), Math.min(bottom, edges.bottom)];
  }
  const form = document.querySelector("form");
  const covers = /sticky|fixed/.test(getComputedStyle(form).position);
  if (covers) bottom = form.getBoundingClientRect().top;
  const scrolled = scrollY + (box?.scrollTop ?? 0);
  return { top, bottom, from: last.top, to: last.bottom, scrolled };
}"""


@pytest.fixture
def page(strict_page: Page) -> Page:
    return strict_page


def open_page(page: Page, site: Site, layout: str, size: str, script: str = "") -> None:
    body, css, where = LAYOUTS[layout]
    page.set_viewport_size(SIZES[size])  # type: ignore[arg-type]
    policy = "default-src 'self' 'unsafe-inline'"
    head = f"{STYLE}{CSS}{css}</style><script>{script}</script>"
    page.goto(site.page(body, head=head, csp=policy))
    expect_state(page, "idle")
    page.evaluate(GO[where])


def ask(page: Page, site: Site) -> Exchange:
    # Not by a click, which would scroll the button into view.
    page.evaluate("document.querySelector('form').requestSubmit()")
    return begin(site, "/chat")


def say(page: Page, answer: Exchange, words: str) -> None:
    answer.send("text", text=words)
    expect(output(page)).to_contain_text(words.strip())
    page.evaluate(
        "() => new Promise((painted) => requestAnimationFrame(() => setTimeout(painted)))"
    )


def seen(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(LOOK)
    return found


def expect_last_words_in_view(page: Page) -> None:
    at = seen(page)
    assert at["top"] - 1 <= at["from"], at
    assert at["to"] <= at["bottom"] + 1, at


def grow(page: Page, answer: Exchange, name: str, lines: int = LINES) -> str:
    """Say many lines, and look at the last of them after each quarter."""
    whole = ""
    for quarter in range(4):
        words = "".join(f"{name} line {quarter}.{n}\n" for n in range(lines // 4))
        say(page, answer, words)
        whole += words
        expect_last_words_in_view(page)
    return whole


@pytest.mark.parametrize(
    ("layout", "size"),
    part_of(product(LAYOUTS, SIZES), kept=in_turn(LAYOUTS, SIZES)),
)
def test_who_asks_is_taken_to_the_answer_and_sees_its_end_grow(
    page: Page, site: Site, layout: str, size: str
) -> None:
    open_page(page, site, layout, size)
    for number in range(3):
        answer = ask(page, site)
        say(page, answer, f"First words of {number}.\n")
        expect_last_words_in_view(page)
        whole = f"First words of {number}.\n" + grow(page, answer, str(number))
        answer.finish(whole)
        expect_state(page, "done")
        expect_last_words_in_view(page)


@pytest.mark.parametrize(
    ("listener", "layout"),
    part_of(
        product(
            BUBBLES, ["form below, page longer than the window", "form above", "box that scrolls"]
        ),
        every=4,
    ),
)
def test_a_bubble_that_the_page_adds_does_not_count_as_leaving(
    page: Page, site: Site, layout: str, listener: str
) -> None:
    open_page(page, site, layout, "phone", BUBBLES[listener])
    for number in range(2):
        answer = ask(page, site)
        whole = grow(page, answer, str(number))
        answer.finish(whole)
        expect_state(page, "done")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_before_the_first_word_it_is_in_view_that_something_happens(
    page: Page, site: Site, layout: str
) -> None:
    open_page(page, site, layout, "phone")
    first = ask(page, site)
    whole = grow(page, first, "first")
    first.finish(whole)
    expect_state(page, "done")
    page.evaluate(GO[LAYOUTS[layout][2]])
    answer = ask(page, site)
    expect_state(page, "waiting")
    at = page.locator("[data-stream=stop]").bounding_box()
    assert at is not None
    assert 0 <= at["y"] <= SIZES["phone"]["height"] - at["height"]
    answer.cut()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_who_scrolls_up_is_left_alone_and_who_comes_back_is_followed(
    page: Page, site: Site, layout: str
) -> None:
    open_page(page, site, layout, "phone")
    answer = ask(page, site)
    grow(page, answer, "first")
    move = "by => { (document.querySelector('#box') ?? document.scrollingElement).scrollTop += by }"
    page.evaluate(move, -200)
    before = seen(page)["scrolled"]
    say(page, answer, "".join(f"unseen {n}\n" for n in range(20)))
    assert seen(page)["scrolled"] == before
    page.evaluate(
        "() => [...document.querySelectorAll('[data-part]')].at(-1).scrollIntoView(false)"
    )
    say(page, answer, "".join(f"seen again {n}\n" for n in range(20)))
    expect_last_words_in_view(page)
    answer.cut()


@pytest.mark.parametrize("layout", ["form above", "in the middle of a long page"])
def test_autoscroll_off_moves_nothing(page: Page, site: Site, layout: str) -> None:
    open_page(page, site, layout, "phone")
    page.evaluate("document.querySelector('flask-stream').setAttribute('autoscroll', 'off')")
    before = page.evaluate("scrollY")
    answer = ask(page, site)
    say(page, answer, "".join(f"line {n}\n" for n in range(LINES)))
    assert page.evaluate("scrollY") == before
    answer.cut()


def test_an_answer_that_nobody_asked_for_does_not_move_a_reader_who_is_elsewhere(
    page: Page, site: Site
) -> None:
    page.set_viewport_size(SIZES["phone"])  # type: ignore[arg-type]
    body = f"<flask-stream data-src=/answer></flask-stream>{LONG}"
    page.goto(
        site.page(body, head=f"{STYLE}{CSS}</style>", csp="default-src 'self' 'unsafe-inline'")
    )
    page.evaluate("document.querySelector('flask-stream').setAttribute('src', '/answer')")
    answer = begin(site)
    say(page, answer, "".join(f"line {n}\n" for n in range(LINES)))
    assert page.evaluate("scrollY") == 0
    answer.cut()
