"""A long answer that comes at once is drawn in several turns: what holds until the last of them."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.client_server import Exchange, Site
from tests.browser.on_page import element, expect_state, retry_button, seen
from tests.browser.on_site import HOLD, STYLE, begin, stop_button

pytestmark = pytest.mark.browser

ITEMS = 4000
TEXT = "- an *item* of it\n" * ITEMS
DRAWN = "document.querySelectorAll('[data-turn] li em').length"
AT_END = "document.documentElement.scrollHeight - innerHeight - scrollY <= 2"

# Does something between the first two turns, and keeps what it gives.
MEANWHILE = """script => {
  const act = new Function(`return (${script})`);
  const observer = new MutationObserver(() => {
    if (!document.querySelector("[data-turn] li")) return;
    observer.disconnect();
    setTimeout(() => (window.meanwhile = act()));
  });
  observer.observe(document.body, { subtree: true, childList: true });
}"""


@pytest.fixture
def page(strict_page: Page) -> Page:
    return strict_page


def ask(page: Page, site: Site, attributes: str = "", meanwhile: str = "0") -> Exchange:
    body = f"<flask-stream render=markdown {attributes}></flask-stream>"
    page.goto(site.page(body, head=STYLE))
    page.evaluate(MEANWHILE, meanwhile)
    page.evaluate(
        f"""() => document.addEventListener("stream:done", ({{ target }}) => {{
          window.atDone = [{DRAWN}, target.dataset.state, {AT_END},
            target.querySelector("[aria-busy]").getAttribute("aria-busy")];
        }})"""
    )
    element(page).evaluate("element => { window.run = element.start('/answer') }")
    return begin(site)


@pytest.mark.parametrize("attributes", ["", "smooth", "announce=answer"])
def test_it_is_done_when_all_of_it_is_there_and_its_reader_is_at_its_end(
    page: Page, site: Site, attributes: str
) -> None:
    seen = f"[{DRAWN}, document.querySelector('flask-stream').dataset.state, {AT_END}]"
    answer = ask(page, site, attributes, seen)
    answer.send("text", text=TEXT).finish(TEXT)
    page.wait_for_function("() => window.atDone")
    drawn, state, at_end = page.evaluate("meanwhile")
    assert (0 < drawn < ITEMS / 2, state, at_end) == (True, "streaming", True)
    assert page.evaluate("atDone") == [ITEMS, "done", True, "false"]


def test_another_part_behind_it_is_not_the_end_of_it(page: Page, site: Site) -> None:
    answer = ask(page, site).send("text", text=TEXT)
    answer.send("tool_call", id="1", name="t", arguments={}).send("text", text="End.")
    answer.finish(TEXT + "End.")
    page.wait_for_function("() => window.atDone")
    assert page.evaluate("atDone") == [ITEMS, "done", True, "false"]


def test_who_scrolls_up_meanwhile_is_left_alone(page: Page, site: Site) -> None:
    answer = ask(page, site, meanwhile="(scrollBy(0, -300), scrollY)")
    answer.send("text", text=TEXT).finish(TEXT)
    page.wait_for_function("() => window.atDone")
    assert page.evaluate("atDone.slice(0, 3)") == [ITEMS, "done", False]
    assert page.evaluate("scrollY === meanwhile && scrollY > 0")


def test_who_stops_it_when_all_has_come_waits_no_longer(page: Page, site: Site) -> None:
    click = "document.querySelector('[data-stream=stop]').click()"
    answer = ask(page, site, meanwhile=click)
    page.evaluate(f"({HOLD})(run)")
    answer.send("text", text=TEXT).finish(TEXT)
    page.wait_for_function("() => window.atDone")
    drawn, state, at_end, _ = page.evaluate("atDone")
    assert (0 < drawn < ITEMS / 2, state, at_end) == (True, "done", True)
    assert seen(page, "stop") == []
    expect(stop_button(page)).to_be_hidden()
    expect(page.locator("[data-turn] li em")).to_have_count(ITEMS)
    expect_state(page, "done")
    page.wait_for_function(f"() => {AT_END}")


def test_retry_does_not_wait_for_it_and_what_it_replaces_is_drawn_no_further(
    page: Page, site: Site
) -> None:
    answer = ask(page, site)
    # What is drawn in later turns waits until the next answer has taken its place.
    page.evaluate(
        """() => {
          const later = setTimeout;
          const waiting = [];
          let old;
          const drawn = () => old.querySelectorAll("li").length;
          window.setTimeout = (call, ...rest) =>
            document.querySelector("[data-turn] li") ? waiting.push(call) : later(call, ...rest);
          document.addEventListener("stream:error", ({ target }) => {
            old = target.querySelector("[data-turn]");
            window.atError = drawn();
            target.querySelector("[data-stream=retry]").click();
          });
          document.addEventListener("stream:open", () => {
            if (!old) return;
            window.setTimeout = later;
            const before = drawn();
            const count = waiting.length;
            for (const call of waiting) call();
            window.replaced = [count > 0, old.isConnected, drawn() - before];
          });
        }"""
    )
    answer.send("text", text=TEXT)
    answer.send("failed", code="overloaded", message="No.", retryable=True).end()
    site.request("/answer").answer("Again.")
    expect_state(page, "done")
    assert 0 < page.evaluate("atError") < ITEMS / 2
    assert page.evaluate("replaced") == [True, False, 0]
    assert page.locator("[data-turn]").all_text_contents() == ["Again."]
    expect(retry_button(page)).to_be_hidden()


def test_a_page_that_is_hidden_has_all_of_it_without_its_slow_timers(
    page: Page, site: Site
) -> None:
    answer = ask(page, site)
    page.evaluate(
        """() => {
          Object.defineProperty(document, "hidden", { value: true });
          window.setTimeout = () => 0;
          window.requestAnimationFrame = () => 1;
        }"""
    )
    answer.send("text", text=TEXT).finish(TEXT)
    expect_state(page, "done")
    assert page.evaluate("atDone.slice(0, 2)") == [ITEMS, "done"]


def test_a_renderer_of_the_pages_own_may_draw_later(page: Page, site: Site) -> None:
    """Its promise is waited for, and the reader followed where it says that the answer grows."""
    page.goto(site.page("<flask-stream></flask-stream>", head=STYLE))
    element(page).evaluate(
        """element => {
          const renderer = (part, around) => ({
            write() {},
            end: () => new Promise((resolve) => {
              window.draw = () => {
                around(() => part.append("line ".repeat(200)));
                resolve();
              };
            }),
          });
          element.start("/answer", { renderer });
          document.addEventListener("stream:done", () => {
            window.atDone = document.querySelector("[data-part]").textContent.length;
          });
        }"""
    )
    site.request("/answer").answer("words")
    page.wait_for_function("() => window.draw")
    expect_state(page, "streaming")
    page.evaluate("draw()")
    expect_state(page, "done")
    assert page.evaluate("atDone") == 1000


def test_a_renderer_whose_promise_fails_is_told_and_the_answer_is_done(
    page: Page, site: Site
) -> None:
    page.add_init_script("window.reportError = (error) => (window.told = error.message)")
    page.goto(site.page("<flask-stream></flask-stream>"))
    element(page).evaluate(
        """element => {
          const renderer = () => ({ write() {}, end: () => Promise.reject(new Error("no end")) });
          element.start("/answer", { renderer });
        }"""
    )
    site.request("/answer").answer("words")
    expect_state(page, "done")
    assert page.evaluate("told") == "no end"
