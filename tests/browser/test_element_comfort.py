"""Reading while it is written: smooth, without jumps, and for everybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.client_server import Exchange, Site, frame
from tests.browser.on_page import element, expect_state, output, text_of

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "js" / "node_modules" / "axe-core" / "axe.min.js"
STYLE = '<link rel=stylesheet href="/static/flask-stream.css">'
# Notes, at each frame, how much of the answer is shown, and how much had arrived.
WATCH = """
  window.frames_ = [];
  window.arrivals = [];
  let total = 0;
  document.addEventListener("stream:event", ({ detail: { type, data } }) => {
    if (type === "text") arrivals.push({ total: (total += data.text.length) });
  });
  const look = () => {
    const { state } = document.querySelector("flask-stream").dataset;
    const shown = document.querySelector("[data-part=text]")?.textContent.length ?? 0;
    frames_.push({ shown, state });
    requestAnimationFrame(look);
  };
  look();
"""


def begun(site: Site) -> Exchange:
    return site.request("/answer").begin().send("start", id="run")


def test_a_burst_is_spread_and_never_far_behind(page: Page, site: Site) -> None:
    page.goto(site.page("<flask-stream smooth></flask-stream>"))
    page.evaluate(f"() => {{ {WATCH} }}")
    element(page).evaluate("element => { element.start('/answer') }")
    answer = begun(site)
    text = "".join(f"word{n} 😀 " for n in range(100))
    answer.send("text", text="Hello ").send("text", text=text)
    page.wait_for_function(
        "n => document.querySelector('[data-part=text]')?.textContent.length === n",
        arg=len(("Hello " + text).encode("utf-16-le")) // 2,
    )
    burst = frame("text", text=text) + frame("text", text=text)
    answer.write(burst).finish("Hello " + text * 3)
    expect_state(page, "done")
    assert text_of(page) == "Hello " + text * 3
    frames: list[dict[str, Any]] = page.evaluate("frames_")
    assert len({f["shown"] for f in frames}) > 6, "over several frames"
    total = page.evaluate("arrivals.at(-1).total")
    assert all(f["shown"] == total for f in frames if f["state"] == "done"), "done is done"


def test_no_character_is_cut_in_two(page: Page, site: Site) -> None:
    page.goto(site.page('<flask-stream src="/answer" smooth></flask-stream>'))
    page.evaluate(
        """() => {
             window.halves = 0;
             const lone = /\\p{Surrogate}/u; // with the flag, halves of a pair are none
             new MutationObserver(() => {
               const part = document.querySelector("[data-part=text]");
               if (lone.test(part?.textContent ?? "")) halves++;
             }).observe(document.body, { subtree: true, childList: true, characterData: true });
           }"""
    )
    text = "😀👩‍💻" * 200
    begun(site).send("text", text=text).finish(text)
    expect_state(page, "done")
    assert text_of(page) == text
    assert page.evaluate("halves") == 0


def test_stop_shows_at_once_what_has_arrived(page: Page, site: Site) -> None:
    page.goto(site.page('<flask-stream src="/answer" smooth></flask-stream>'))
    answer = begun(site).send("text", text="Hello ")
    expect(output(page)).to_have_text("Hello ")
    text = "more " * 200
    answer.send("text", text=text)
    page.wait_for_function("document.querySelector('[data-part=text]').textContent.length > 6")
    element(page).evaluate("element => element.stop()")
    answer.wait_until_client_left()
    expect_state(page, "stopped")
    assert text_of(page) == "Hello " + text


def test_a_smooth_text_on_a_hidden_page_needs_no_frames(page: Page, site: Site) -> None:
    page.add_init_script(
        """Object.defineProperty(document, "hidden", { value: true });
           window.requestAnimationFrame = () => 1;"""
    )
    page.goto(site.page('<flask-stream src="/answer" smooth></flask-stream>'))
    answer = begun(site).send("text", text="Hello ")
    expect(output(page)).to_have_text("Hello ")
    answer.finish("Hello ")
    expect_state(page, "done")


@pytest.mark.parametrize("autoscroll", ["", "autoscroll=off", "autoscroll=junk"])
def test_the_end_is_followed_unless_the_page_says_off(
    page: Page, site: Site, autoscroll: str
) -> None:
    page.goto(site.page(f'<flask-stream src="/answer" {autoscroll}></flask-stream>'))
    answer = begun(site)
    for n in range(5):
        text = f"line {n}\n" * 30
        answer.send("text", text=text)
        expect(output(page)).to_contain_text(f"line {n}")
    page.evaluate("new Promise(requestAnimationFrame)")
    assert (page.evaluate("scrollY") > 0) == (autoscroll != "autoscroll=off")


@pytest.mark.parametrize("render", ["text", "markdown"])
def test_nothing_moves_where_the_reader_is_reading(page: Page, site: Site, render: str) -> None:
    markup = f'<p id=before>Before</p><flask-stream src="/answer" render="{render}"></flask-stream>'
    page.goto(site.page(markup, head=STYLE))
    page.evaluate(
        """() => {
             window.shifts = [];
             new PerformanceObserver((list) => {
               for (const { value, sources } of list.getEntries()) {
                 const names = sources.map(({ node }) => node?.outerHTML ?? node?.data ?? "");
                 shifts.push([value, ...names]);
               }
             }).observe({ type: "layout-shift", buffered: true });
           }"""
    )
    answer = begun(site)
    paragraphs = "".join(f"Paragraph {n} of **some** words.\n\n" for n in range(40))
    answer.send("text", text=paragraphs)
    expect(output(page)).to_contain_text("Paragraph 39")
    page.evaluate("scrollTo({ top: 200, behavior: 'instant' })")
    place = (
        "document.querySelector('[data-part=text]').firstElementChild.getBoundingClientRect().top"
    )
    top = page.evaluate(place)
    rest = "- one\n- two\n\n```py\ncode()\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nlast"
    for character in rest:
        answer.send("text", text=character)
    answer.finish(paragraphs + rest)
    expect_state(page, "done")
    assert page.evaluate(place) == top
    assert page.evaluate("scrollY") == 200
    below = "<button data-stream"  # what stands behind the answer moves with its end
    shifted = [name for _, *names in page.evaluate("shifts") for name in names]
    assert [name for name in shifted if not name.startswith(below)] == []


@pytest.mark.parametrize("style", ["", STYLE], ids=["bare", "styled"])
@pytest.mark.parametrize("state", ["idle", "waiting", "streaming", "done", "stopped", "failed"])
def test_axe_finds_nothing(page: Page, site: Site, state: str, style: str) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not in js/node_modules: «make test» puts it there")
    form = "<form id=ask action=/answer><label>Q <input name=q></label><button>Ask</button></form>"
    markup = (
        f"<main><h1>Test</h1>{form}<flask-stream form=ask render=markdown></flask-stream></main>"
    )
    page.goto(site.page(markup, head=style))
    if state != "idle":
        page.click("text=Ask")
        answer = begun(site)
        expect_state(page, "waiting")
    if state not in ("idle", "waiting"):
        answer.send("reasoning", text="Hm.").send("tool_call_start", id="a", name="weather")
        answer.send("source", url="https://example.org/", title="Example")
        text = "Some `code`:\n\n```py\nprint(1)\n```\n\n| a | b |\n|:--|--:|\n| 1 | 2 |\n\n"
        text += "- [x] done\n\nEnd"
        answer.send("text", text=text)
        expect(output(page)).to_contain_text("End")
    if state == "done":
        answer.finish(text)
    elif state == "stopped":
        page.click("[data-stream=stop]")
    elif state == "failed":
        answer.cut()
    expect_state(page, state)
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run()")
    assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in found["violations"]] == []
