"""`<flask-stream>` for those who do not see it, or who have a keyboard only."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.client_server import STRICT_CSP, Exchange, Site
from tests.browser.on_page import element, expect_state, output, retry_button, status
from tests.browser.on_site import STYLE, ask_form, begin, fail, stop_button, streaming
from tests.conftest import ROOT
from tests.own_time import part_of

pytestmark = pytest.mark.browser

AXE = ROOT / "js" / "node_modules" / "axe-core" / "axe.min.js"
# Where no background is set, axe takes the page for white.
SCHEMES = """<meta name=color-scheme content="light dark">
<style>body { background: Canvas }</style>"""
LONG = "a_name_that_is_as_long_as_a_line_" * 8
MARKDOWN = f"""## A title

Words with `code`, *stress* and [a link](https://example.org/).

```python
{LONG} = 1
```

| A header | {LONG} |
|---|--:|
| cell | 1 |

- [x] done
- [ ] to do

1. one
   - nested

> quoted

![A picture](https://example.org/x.png)

The last word"""


@pytest.fixture
def page(strict_page: Page) -> Page:
    return strict_page


# What axe-core finds


def look(page: Page, where: str) -> None:
    """Let axe look at the page as it is."""
    found = page.evaluate("() => axe.run()")
    wrong = [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]]
    assert wrong == [], where


# Each of these and of those, and no two of them together twice.
@pytest.mark.parametrize(
    ("looks", "attributes"),
    part_of(
        product(
            ["bare", "light", "dark"],
            ["", "render=markdown", "append announce=answer", "smooth"],
        ),
        every=3,
    ),
)
def test_axe_finds_nothing_in_any_state(
    browser: Browser, site: Site, attributes: str, looks: Any
) -> None:
    if not AXE.exists():
        pytest.skip("no axe-core in js/node_modules: run «npm ci» in js/")
    scheme = "light" if looks == "bare" else looks
    page = browser.new_page(color_scheme=scheme, viewport={"width": 360, "height": 640})
    body = f"<main><h1>Questions</h1>{ask_form(attributes)}</main>"
    csp = f"{STRICT_CSP}; style-src 'self' 'unsafe-inline'"
    page.goto(site.page(body, head="" if looks == "bare" else SCHEMES + STYLE, csp=csp))
    page.evaluate(AXE.read_text(encoding="utf-8"))
    look(page, "idle")

    page.click("text=Ask")
    look(page, "connecting")
    answer = begin(site, "/chat")
    expect_state(page, "waiting")
    look(page, "waiting")
    answer.send("reasoning", text="A thought.\n\nAnd another.")
    answer.send("tool_call", id="1", name="weather", arguments={}).send("tool_result", id="1")
    answer.send("tool_call", id="2", name="map", arguments={})
    answer.send("tool_result", id="2", is_error=True)
    answer.send("tool_call", id="3", name="calendar", arguments={})
    answer.send("text", text=MARKDOWN).send("source", url="https://example.org/", title="A page")
    expect(output(page)).to_contain_text("The last word")
    page.locator("summary").click()
    look(page, "streaming")
    answer.finish(MARKDOWN)
    expect_state(page, "done")
    look(page, "done")

    page.click("text=Ask")
    answer = streaming(site, "/chat")
    expect(output(page)).to_contain_text("Hello")
    stop_button(page).click()
    answer.wait_until_client_left()
    expect_state(page, "stopped")
    look(page, "stopped")

    page.click("text=Ask")
    streaming(site, "/chat").send("done", stop_reason="length", text_length=6).end()
    expect_state(page, "done")
    look(page, "cut short by its length limit")

    page.click("text=Ask")
    fail(streaming(site, "/chat"))
    expect_state(page, "failed")
    look(page, "failed")
    page.click("text=Ask")
    site.request("/chat").begin(429, "text/html", Retry_After="3000").end()
    expect(retry_button(page)).to_be_disabled()
    look(page, "failed, and Retry has to wait")
    page.close()


# What is said

# Each change of a live region, with its words.
LISTEN = """() => {
  window.said = [];
  const live = "[role=status], [role=alert], [role=log], [aria-live]";
  const observer = new MutationObserver((records) => {
    for (const { target } of records) {
      const node = target instanceof Element ? target : target.parentElement;
      const region = node?.closest(live);
      if (!region || region.ariaLive === "off") continue;
      said.push([region.dataset.stream, region.ariaBusy === "true", region.textContent]);
    }
  });
  observer.observe(document, { subtree: true, childList: true, characterData: true });
}"""


def said(page: Page) -> list[str]:
    """What a screen reader was given to read: changes, where nothing is busy."""
    heard: list[tuple[str, bool, str]] = page.evaluate("said")
    return [words for _, busy, words in heard if not busy]


def write(page: Page, answer: Exchange, tokens: int = 30) -> str:
    """Send words one by one, each painted by itself."""
    text = ""
    for number in range(tokens):
        answer.send("text", text=f"{number} ")
        text += f"{number} "
        expect(output(page)).to_contain_text(text.strip())
    return text


def stopped(page: Page, answer: Exchange, text: str) -> None:
    page.keyboard.press("Escape")
    answer.wait_until_client_left()


def too_long(page: Page, answer: Exchange, text: str) -> None:
    answer.send("done", stop_reason="length", text_length=len(text)).end()


SAYINGS: dict[str, tuple[Callable[[Page, Exchange, str], None], str, str]] = {
    "done": (lambda page, answer, text: answer.finish(text), "done", "Complete"),
    "stopped": (stopped, "stopped", "Stopped"),
    "length": (too_long, "done", "The answer reached its length limit"),
    "failed": (lambda page, answer, text: fail(answer, "Try later."), "failed", "Try later."),
    "cut": (
        lambda page, answer, text: answer.cut(),
        "failed",
        "The connection was lost: this answer was cut off.",
    ),
}


@pytest.mark.parametrize(("end", "state", "words"), SAYINGS.values(), ids=SAYINGS)
def test_the_beginning_and_the_end_are_said_once_each_and_no_word_between(
    page: Page,
    site: Site,
    end: Callable[[Page, Exchange, str], None],
    state: str,
    words: str,
) -> None:
    page.goto(site.page(ask_form(), head=STYLE))
    page.evaluate(LISTEN)
    page.click("text=Ask")
    answer = begin(site, "/chat").send("reasoning", text="hm")
    answer.send("tool_call", id="1", name="t", arguments={}).send("tool_result", id="1")
    end(page, answer, write(page, answer))
    expect_state(page, state)
    assert said(page) == ["Generating…", words]
    # For ears, where eyes see it otherwise: in the tree, whatever the style sheet does to it.
    assert f"status: {words}".replace(": The conn", ': "The conn') in element(page).aria_snapshot()


def test_a_retry_is_said_from_its_beginning(page: Page, site: Site) -> None:
    page.goto(site.page(ask_form()))
    page.evaluate(LISTEN)
    page.click("text=Ask")
    fail(streaming(site, "/chat"))
    expect_state(page, "failed")
    retry_button(page).click()
    streaming(site, "/chat").finish("Hello ")
    expect_state(page, "done")
    assert said(page) == ["Generating…", "Try later.", "Generating…", "Complete"]


def test_a_wait_is_counted_down_in_silence(page: Page, site: Site) -> None:
    page.clock.install()
    page.goto(site.page(ask_form(), head=STYLE))
    page.evaluate(LISTEN)
    page.click("text=Ask")
    site.request("/chat").begin(503, "application/json", Retry_After="30").write(b"{}").end()
    expect(retry_button(page)).to_be_disabled()
    page.clock.run_for(31_000)
    expect(retry_button(page)).to_be_enabled()
    assert said(page) == ["Generating…", "The server answered with an error (HTTP 503)."]


def test_an_answer_that_is_announced_is_read_when_it_is_whole(page: Page, site: Site) -> None:
    page.goto(site.page(ask_form("announce=answer")))
    expect(output(page)).to_have_attribute("aria-live", "polite")
    page.evaluate(LISTEN)
    page.click("text=Ask")
    answer = begin(site, "/chat")
    expect(output(page)).to_have_attribute("aria-busy", "true")
    answer.finish(write(page, answer))
    expect_state(page, "done")
    expect(output(page)).to_have_attribute("aria-busy", "false")
    heard = page.evaluate("said")
    assert sum(region == "output" for region, _, _ in heard) >= 30
    assert {busy for region, busy, _ in heard if region == "output"} == {True}
    assert said(page) == ["Generating…", "Complete"]


@pytest.mark.parametrize("attributes", ["announce=off", "announce=off append"])
def test_nothing_is_said_where_the_page_wants_that(page: Page, site: Site, attributes: str) -> None:
    page.goto(site.page(ask_form(attributes)))
    page.evaluate(LISTEN)
    page.click("text=Ask")
    answer = begin(site, "/chat")
    answer.finish(write(page, answer, 3))
    expect_state(page, "done")
    assert page.evaluate("said") == []


def test_the_pages_own_status_keeps_its_role(page: Page, site: Site) -> None:
    page.goto(site.page(ask_form(children="<p data-stream=status role=alert></p>")))
    page.evaluate(LISTEN)
    page.click("text=Ask")
    site.request("/chat").answer("Hi")
    expect_state(page, "done")
    expect(status(page)).to_have_attribute("role", "alert")
    assert said(page) == ["Generating…", "Complete"]


# Busy

NOTE_BUSY = """() => {
  const output = document.querySelector("[data-stream=output]");
  const { dataset } = document.querySelector("flask-stream");
  window.busy = [[dataset.state, output.ariaBusy]];
  const observer = new MutationObserver(() => busy.push([dataset.state, output.ariaBusy]));
  observer.observe(output, { attributes: true, attributeFilter: ["aria-busy"] });
}"""


def test_the_output_is_busy_from_the_request_to_the_end(page: Page, site: Site) -> None:
    page.goto(site.page(ask_form()))
    page.evaluate(NOTE_BUSY)
    page.click("text=Ask")
    answer = begin(site, "/chat")
    answer.finish(write(page, answer, 3))
    expect_state(page, "done")
    page.click("text=Ask")
    fail(streaming(site, "/chat"))
    expect_state(page, "failed")
    noted = [tuple(each) for each in page.evaluate("busy")]
    assert noted[0] == ("idle", "false")
    assert {value for state, value in noted if state.endswith("ing")} == {"true"}
    assert [pair for pair in noted[1:] if pair[1] == "false"] == [
        ("done", "false"),
        ("failed", "false"),
    ]


# With a keyboard only


def test_everything_can_be_done_with_the_keyboard(page: Page, site: Site) -> None:
    page.goto(site.page(ask_form("render=markdown"), head=STYLE))
    page.keyboard.press("Tab")
    expect(page.locator("[name=q]")).to_be_focused()
    page.keyboard.press("Enter")
    answer = streaming(site, "/chat")
    expect(output(page)).to_contain_text("Hello")
    for place in (page.get_by_role("button", name="Ask"), stop_button(page)):
        page.keyboard.press("Tab")
        expect(place).to_be_focused()
    page.keyboard.press("Enter")
    answer.wait_until_client_left()
    expect_state(page, "stopped")
    expect(output(page)).to_be_focused()

    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("button", name="Ask")).to_be_focused()
    page.keyboard.press("Enter")
    answer = begin(site, "/chat").send("reasoning", text="A thought.")
    fail(answer.send("text", text="A [link](https://example.org/)\n\n```\ncode\n```\n"))
    expect_state(page, "failed")
    places = ["summary", "[data-part=text] a", "[data-copy]", "pre", "[data-stream=retry]"]
    for selector in places:
        page.keyboard.press("Tab")
        expect(page.locator(selector)).to_be_focused()
    page.keyboard.press(" ")
    streaming(site, "/chat", "Fine").finish("Fine")
    expect_state(page, "done")
    expect(output(page)).to_be_focused()


@pytest.mark.parametrize("end", ["done", "stopped", "failed", "cut"])
@pytest.mark.parametrize("attributes", ["", "append", "render=markdown announce=answer"])
def test_the_focus_is_never_taken_from_the_reader(
    page: Page, site: Site, attributes: str, end: str
) -> None:
    page.goto(site.page(ask_form(attributes)))
    page.focus("[name=q]")
    page.evaluate(
        """() => {
             window.moved = [];
             const note = ({ type, target }) => moved.push([type, target.outerHTML]);
             for (const type of ["focusin", "focusout"]) document.addEventListener(type, note);
           }"""
    )
    for _ in range(2):
        page.keyboard.press("Enter")
        answer = begin(site, "/chat").send("reasoning", text="A thought.")
        text = write(page, answer, 3)
        page.keyboard.type("typed meanwhile")
        act, state, _ = SAYINGS[end]
        act(page, answer, text)
        expect_state(page, state)
    expect(page.locator("[name=q]")).to_be_focused()
    assert page.input_value("[name=q]") == "typed meanwhile" * 2 + "hi"
    assert page.evaluate("moved") == []


def test_a_focus_inside_the_answer_stays_while_it_grows_and_ends(page: Page, site: Site) -> None:
    page.goto(site.page(ask_form("render=markdown")))
    page.click("text=Ask")
    text = "A [link](https://example.org/) and more\n\n"
    answer = begin(site, "/chat").send("text", text=text)
    page.focus("[data-part=text] a")
    answer.finish(text + write(page, answer, 3))
    expect_state(page, "done")
    expect(page.locator("[data-part=text] a")).to_be_focused()


def test_the_output_keeps_a_tabindex_of_the_pages_own(page: Page, site: Site) -> None:
    page.goto(site.page(ask_form(children="<div data-stream=output tabindex=0></div>")))
    page.click("text=Ask")
    answer = streaming(site, "/chat")
    stop_button(page).focus()
    page.keyboard.press(" ")
    answer.wait_until_client_left()
    expect(output(page)).to_be_focused()
    expect(output(page)).to_have_attribute("tabindex", "0")


# Without motion


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_who_wants_no_motion_has_none(browser: Browser, site: Site, motion: Any) -> None:
    page = browser.new_page(reduced_motion=motion)
    page.goto(site.page(ask_form(), head=STYLE))
    page.click("text=Ask")
    moving = """() => document.getAnimations({ subtree: true })
      .map(({ animationName, effect }) => [animationName, effect.pseudoElement])"""
    pulse = [] if motion == "reduce" else [["flask-stream-pulse", "::after"]]
    answer = begin(site, "/chat")
    expect_state(page, "waiting")
    assert page.evaluate(moving) == pulse  # the dots
    answer.send("tool_call", id="1", name="t", arguments={})
    expect(page.locator("[data-part=tool]")).to_be_visible()
    before = [] if motion == "reduce" else [["flask-stream-pulse", "::before"]]
    assert sorted(page.evaluate(moving)) == pulse + before  # and the tool's
    answer.send("text", text="Hi")
    expect(page.locator("[data-part=text]")).to_have_text("Hi")
    assert sorted(page.evaluate(moving)) == pulse + before  # the caret
    answer.cut()
    expect_state(page, "failed")
    assert page.evaluate(moving) == []
    page.close()
