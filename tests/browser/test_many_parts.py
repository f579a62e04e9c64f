"""Answers of thousands of parts: the page stays the reader's, and the work grows as they do.

What is asserted on is counted: the parts that come between two turns of the page, and how often
positions are read, which makes a browser lay the page out.
"""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.client_server import Exchange, Site, frame
from tests.browser.on_page import element, expect_state
from tests.browser.on_site import HOLD, STYLE, begin, parts, stop_button, texts
from tests.own_time import part_of

pytestmark = pytest.mark.browser

# Counts the nodes that are added between two turns of the page, and how often positions are read.
COUNT = """() => {
  window.counts = { reads: 0, most: 0 };
  const read = Element.prototype.getBoundingClientRect;
  Element.prototype.getBoundingClientRect = function () {
    counts.reads++;
    return read.call(this);
  };
  let added = 0;
  new MutationObserver((records) => {
    for (const { addedNodes } of records) {
      for (const { dataset } of addedNodes) if (dataset?.part || dataset?.turn === "") added++;
    }
    counts.most = Math.max(counts.most, added);
  }).observe(document, { subtree: true, childList: true });
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    added = 0;
    port2.postMessage(0);
  };
  port2.postMessage(0);
}"""

KINDS = {
    "tools": ("", [("tool_call_start", {"id": "{n}", "name": "weather"})]),
    "tools with results": (
        "",
        [("tool_call", {"id": "{n}", "name": "map"}), ("tool_result", {"id": "{n}"})],
    ),
    "thoughts and words": ("", [("reasoning", {"text": "Hm."}), ("text", {"text": "So."})]),
    "thoughts and Markdown": (
        "render=markdown",
        [("reasoning", {"text": "Hm."}), ("text", {"text": "*So*."})],
    ),
    "thoughts and smooth words": (
        "smooth",
        [("reasoning", {"text": "Hm."}), ("text", {"text": "So."})],
    ),
}


def burst(events: list[tuple[str, dict[str, str]]], count: int) -> bytes:
    """So many times the same events, at once."""
    return b"".join(
        frame(name, **{key: value.format(n=n) for key, value in data.items()})
        for n in range(count)
        for name, data in events
    )


def ask(page: Page, site: Site, attributes: str = "") -> Exchange:
    body = f"<flask-stream {attributes}></flask-stream>"
    page.goto(site.page(body, head=STYLE))
    page.evaluate(COUNT)
    element(page).evaluate("element => { window.run = element.start('/answer') }")
    return begin(site)


@pytest.fixture
def page(strict_page: Page) -> Page:
    return strict_page


@pytest.mark.parametrize(
    "kind", part_of(KINDS, kept=["tools with results", "thoughts and Markdown"])
)
def test_the_work_for_many_parts_is_linear_and_none_of_the_pages_turns_is_long(
    page: Page, site: Site, kind: str
) -> None:
    attributes, events = KINDS[kind]
    words = sum(len(data.get("text", "")) for name, data in events if name == "text")
    reads = []
    for count in (600, 1200):
        answer = ask(page, site, attributes).write(burst(events, count))
        answer.send("done", stop_reason="stop", text_length=words * count).end()
        expect_state(page, "done")
        counts: dict[str, int] = page.evaluate("counts")
        shown = page.locator("[data-part]").count()
        assert shown == count * (2 if words else 1)
        assert counts["most"] < 400
        assert counts["reads"] < count / 2
        reads.append(counts["reads"])
        # Who was at the end is still there.
        assert page.evaluate("document.documentElement.scrollHeight - innerHeight - scrollY") <= 2
    assert reads[1] < 2.5 * reads[0]


def test_many_sources_are_listed_some_at_a_time(page: Page, site: Site) -> None:
    events = [("source", {"url": "https://example.org/{n}", "title": "{n}"})]
    answer = ask(page, site)
    page.evaluate(
        """() => {
          window.listed = [];
          const count = () => {
            listed.push(document.querySelectorAll("[data-part=sources] li").length);
            requestAnimationFrame(count);
          };
          count();
          document.addEventListener("stream:done", () => {
            window.atDone = document.querySelectorAll("[data-part=sources] li").length;
          });
        }"""
    )
    answer.write(burst(events, 3000)).finish("")
    expect_state(page, "done")
    assert page.evaluate("atDone") == 3000
    assert len(set(page.evaluate("listed"))) > 5
    assert texts(page, "[data-part=sources] li") == [str(n) for n in range(3000)]
    assert page.locator("[data-part=sources]").count() == 1
    assert page.evaluate("counts.reads") < 1000


@pytest.mark.parametrize("end", ["stop", "done"])
def test_stop_works_while_many_parts_are_painted_and_what_came_is_kept(
    page: Page, site: Site, end: str
) -> None:
    answer = ask(page, site)
    page.evaluate(
        """end => {
          const parts = () => document.querySelectorAll("[data-part=tool]").length;
          const observer = new MutationObserver(() => {
            if (!parts()) return;
            observer.disconnect();
            setTimeout(() => document.querySelector("[data-stream=stop]").click());
          });
          observer.observe(document.body, { subtree: true, childList: true });
          document.addEventListener(`stream:${end}`, ({ target }) => {
            const { length } = seen.filter(({ detail }) => detail?.type === "tool_call_start");
            window.atEnd = [parts(), target.dataset.state, length];
          });
        }""",
        end,
    )
    if end == "done":  # all of it has come when it is stopped
        page.evaluate(f"({HOLD})(run)")
    answer.write(burst(KINDS["tools"][1], 3000))
    if end == "done":
        answer.finish("")
    page.wait_for_function("() => window.atEnd")
    shown, state, arrived = page.evaluate("atEnd")
    assert 0 < shown < 1000
    assert state == ("done" if end == "done" else "stopped")
    if end == "stop":
        answer.wait_until_client_left()
    expect(page.locator(f"[data-part=tool][data-state={state}]")).to_have_count(arrived)
    expect(page.locator("[data-part=tool]")).to_have_count(arrived)
    expect(stop_button(page)).to_be_hidden()


def test_many_parts_stand_in_the_order_of_their_arrival(page: Page, site: Site) -> None:
    answer = ask(page, site)
    events: list[tuple[str, dict[str, Any]]] = []
    wanted = []
    text = ""
    for n in range(300):
        events += [("text", {"text": f"a{n} "}), ("text", {"text": "b"})]
        events += [("tool_call", {"id": f"{n}", "name": f"t{n}"}), ("reasoning", {"text": f"r{n}"})]
        if n % 2:
            events.append(("tool_result", {"id": f"{n - 1}"}))
        wanted += [("text", f"a{n} b"), ("tool", f"Used t{n}"), ("reasoning", f"Reasoningr{n}")]
        text += f"a{n} b"
    answer.write(b"".join(frame(name, **data) for name, data in events)).finish(text)
    expect_state(page, "done")
    assert parts(page) == wanted


def test_of_many_tools_that_run_none_moves(page: Page, site: Site) -> None:
    """A browser computes each animation's style at each frame."""
    answer = ask(page, site)
    animated = "document.getAnimations().length"
    answer.write(burst(KINDS["tools"][1], 50))
    expect(page.locator("[data-part=tool]")).to_have_count(50)
    assert page.evaluate(animated) >= 50
    answer.write(burst(KINDS["tools"][1], 1000))
    expect(page.locator("[data-part=tool]")).to_have_count(1000)
    assert page.evaluate(animated) < 50
    expect(page.locator("[data-part=tool]").last).to_have_text("Using weather…")
    answer.cut()


def test_a_page_that_is_hidden_reads_no_positions(page: Page, site: Site) -> None:
    answer = ask(page, site)
    page.evaluate(
        """() => {
          Object.defineProperty(document, "hidden", { value: true });
          counts.reads = 0;
          window.requestAnimationFrame = () => 1; // no frames
        }"""
    )
    answer.write(burst(KINDS["tools with results"][1], 1000)).finish("")
    expect_state(page, "done")
    assert page.locator("[data-part=tool][data-state=done]").count() == 1000
    assert page.evaluate("counts.reads") == 0
