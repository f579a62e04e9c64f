"""Reading while it is written: how far behind a smooth text is, and what moves under the reader."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.client_server import Exchange, Site, frame
from tests.browser.on_page import element, expect_state, output, status, text_of
from tests.browser.on_site import SRC, STYLE, begin, fail, stop_button, streaming

pytestmark = pytest.mark.browser

BEHIND = 400  # milliseconds that a smooth text may be behind what has arrived
SMOOTH = '<flask-stream src="/answer" smooth></flask-stream>'
BOX = f"<div id=box>{SRC}</div>"


@pytest.fixture
def page(strict_page: Page) -> Page:
    return strict_page


# Smooth

# In the test's own time: what has arrived, and what is painted, at each of 16 ms.
TALLY = """() => {
  window.tally = [];
  let arrived = 0;
  document.addEventListener("stream:event", ({ detail: { type, data } }) => {
    if (type === "text") arrived += data.text.length;
  });
  window.look = () => {
    const shown = document.querySelector("[data-part=text]")?.textContent.length ?? 0;
    tally.push({ time: performance.now(), arrived, shown });
  };
}"""


def tick(page: Page, times: int) -> list[dict[str, Any]]:
    """Let frames pass, as a screen of 60 Hz has them; gives what was seen at each."""
    for _ in range(times):
        page.clock.run_for(16)
        page.evaluate("look()")
    tally: list[dict[str, Any]] = page.evaluate("tally.splice(0)")
    return tally


@pytest.fixture
def smooth(page: Page, site: Site) -> Exchange:
    """A smooth answer whose time is the test's: all of its first word is shown."""
    page.clock.install()
    page.goto(site.page(SMOOTH.replace("src", "data-src")))
    page.evaluate(TALLY)
    element(page).evaluate("element => element.setAttribute('src', '/answer')")
    answer = streaming(site)
    expect(output(page)).to_have_text("Hello ")
    page.clock.pause_at(page.evaluate("Date.now()") + 1000)
    return answer


def arrive(page: Page, answer: Exchange, text: str) -> None:
    """Send words, and wait until the page has them, without any time that passes."""
    page.evaluate(
        """text => {
             window.awaited = new Promise((resolve) => {
               document.addEventListener("stream:event", function hear({ detail }) {
                 if (detail.data.text !== text) return;
                 document.removeEventListener("stream:event", hear);
                 resolve();
               });
             });
           }""",
        text,
    )
    answer.send("text", text=text)
    page.evaluate("() => awaited")


def test_a_burst_is_spread_over_frames_and_is_whole_within_400_ms(
    page: Page, smooth: Exchange
) -> None:
    arrive(page, smooth, "word " * 200)
    seen = tick(page, BEHIND // 16)
    shown = [each["shown"] for each in seen]
    assert shown == sorted(shown)
    assert len(set(shown)) > 8  # frames that showed something more
    # The first of them show most: it slows down, as a reader does not.
    assert shown[0] - 6 < 300 < shown[7]
    assert shown[-1] == seen[-1]["arrived"] == 1006
    smooth.cut()


def test_no_word_is_ever_shown_later_than_that(page: Page, smooth: Exchange) -> None:
    """Bursts on bursts, at a rate that the easing alone would let wait for ever."""
    seen: list[dict[str, Any]] = []
    for number in range(25):
        arrive(page, smooth, f"{number} " * 40)
        seen += tick(page, 3)
    seen += tick(page, BEHIND // 16)
    for each in seen:
        due = [past["arrived"] for past in seen if past["time"] <= each["time"] - BEHIND]
        assert each["shown"] >= max(due, default=0)
    assert seen[-1]["shown"] == seen[-1]["arrived"]
    smooth.cut()


def test_a_late_frame_catches_up(page: Page, smooth: Exchange) -> None:
    arrive(page, smooth, "word " * 200)
    tick(page, 2)
    page.clock.fast_forward(2000)  # a busy page: no frame for two seconds, then one
    (last,) = tick(page, 1)
    assert last["shown"] == last["arrived"]
    smooth.cut()


def test_done_is_said_only_when_everything_is_there(page: Page, smooth: Exchange) -> None:
    arrive(page, smooth, "word " * 200)
    page.evaluate(
        """() => {
             window.ended = new Promise((resolve) => {
               document.addEventListener("stream:event", ({ detail }) => {
                 if (detail.type === "done") setTimeout(resolve);
               });
             });
             document.addEventListener("stream:done", ({ target }) => {
               window.atDone = target.querySelector("[data-turn]").textContent.length;
             });
           }"""
    )
    smooth.finish("Hello " + "word " * 200)
    page.wait_for_function("() => seen.some(({ detail }) => detail?.type === 'done')", polling=20)
    expect_state(page, "streaming")
    assert len(text_of(page)) < 1006
    tick(page, BEHIND // 16 + 1)
    expect_state(page, "done")
    assert page.evaluate("atDone") == 1006


@pytest.mark.parametrize("end", ["failed", "stopped"])
def test_an_end_that_is_none_shows_at_once_what_there_is(
    page: Page, smooth: Exchange, end: str
) -> None:
    arrive(page, smooth, "word " * 200)
    if end == "failed":
        fail(smooth)
    else:
        element(page).evaluate("element => element.stop()")
        smooth.wait_until_client_left()
    expect_state(page, end)  # though the time stands still
    assert text_of(page) == "Hello " + "word " * 200


def test_another_part_does_not_wait_for_the_rest_of_the_text_before_it(
    page: Page, smooth: Exchange
) -> None:
    arrive(page, smooth, "word " * 200)
    smooth.send("tool_call", id="1", name="weather", arguments={})
    page.wait_for_function("() => seen.at(-1)?.detail.type === 'tool_call'", polling=20)
    tick(page, 1)
    expect(page.locator("[data-part=tool]")).to_have_text("Using weather…")
    assert text_of(page) == "Hello " + "word " * 200 + "Using weather…"
    smooth.cut()


def test_a_page_that_is_hidden_before_its_next_frame_has_it_all_when_more_comes(
    page: Page, smooth: Exchange
) -> None:
    arrive(page, smooth, "word " * 200)
    page.evaluate("() => Object.defineProperty(document, 'hidden', { value: true })")
    arrive(page, smooth, "more")
    assert text_of(page) == "Hello " + "word " * 200 + "more"
    page.clock.resume()
    smooth.finish("Hello " + "word " * 200 + "more")
    expect_state(page, "done")


@pytest.mark.parametrize("render", ["text", "markdown"])
def test_no_piece_that_is_painted_ends_inside_a_character(
    page: Page, site: Site, render: str
) -> None:
    page.goto(site.page("<flask-stream smooth></flask-stream>"))
    element(page).evaluate(
        """(element, render) => {
             window.pieces = [];
             const renderer = () => ({ write: (text) => pieces.push(text), end() {} });
             element.start("/answer", { renderer });
           }""",
        render,
    )
    text = "😀👩‍💻é" * 300
    begin(site).send("text", text=text[:451]).send("text", text=text[451:]).finish(text)
    expect_state(page, "done")
    pieces = page.evaluate("pieces.map((piece) => [piece, piece.isWellFormed()])")
    assert "".join(piece for piece, _ in pieces) == text
    assert len(pieces) > 1
    assert all(whole for _, whole in pieces)


# Painted once a frame


@pytest.mark.parametrize("attributes", ["", "render=markdown", "smooth", "append"])
def test_a_renderer_is_given_what_came_since_the_last_frame(
    page: Page, site: Site, attributes: str
) -> None:
    page.goto(site.page(f"<flask-stream {attributes}></flask-stream>"))
    element(page).evaluate(
        """element => {
             window.frames_ = 0;
             window.writes = [];
             const count = () => {
               frames_++;
               requestAnimationFrame(count);
             };
             count();
             const renderer = () => ({ write: () => writes.push(frames_), end() {} });
             element.start("/answer", { renderer });
           }"""
    )
    answer = begin(site)
    for _ in range(40):
        answer.write(frame("text", text="x") * 20)
    answer.finish("x" * 800)
    expect_state(page, "done")
    writes = page.evaluate("writes")
    # In a frame one callback comes before the count and one after: two, and one more at the end.
    assert max(writes.count(number) for number in writes) <= 3
    assert len(writes) < 400


# Where the reader is


def make_box(page: Page) -> None:
    page.locator("#box").evaluate(
        "box => { box.style.height = '100px'; box.style.overflow = 'auto' }"
    )


def below(page: Page) -> float:
    """How far the box is from its end."""
    distance: float = page.locator("#box").evaluate(
        "({ scrollTop, scrollHeight, clientHeight }) => scrollHeight - scrollTop - clientHeight"
    )
    return distance


@pytest.fixture(params=["", STYLE], ids=["bare", "styled"])
def box(page: Page, site: Site, request: pytest.FixtureRequest) -> Exchange:
    """An answer that is longer than its scrolling box, whose reader is at the end."""
    page.goto(site.page(BOX, head=request.param))
    make_box(page)
    answer = streaming(site, text="line\n" * 50)
    expect(output(page)).to_contain_text("line")
    page.locator("#box").evaluate("box => box.scrollTo(0, box.scrollHeight)")
    return answer


def test_a_tool_that_runs_is_followed(page: Page, box: Exchange) -> None:
    for number in range(3):
        box.send("tool_call", id=str(number), name=f"tool{number}", arguments={})
        expect(page.locator("[data-part=tool]").last).to_have_text(f"Using tool{number}…")
        assert below(page) <= 2
    box.cut()


def test_reasoning_is_followed_while_it_is_open(page: Page, box: Exchange) -> None:
    box.send("reasoning", text="one")
    expect(page.locator("summary")).to_have_count(1)
    assert below(page) <= 2
    page.locator("details").evaluate("details => { details.open = true }")
    page.locator("#box").evaluate("box => box.scrollTo(0, box.scrollHeight)")
    box.send("reasoning", text="\nline" * 20)
    expect(page.locator("details > div")).to_contain_text("line")
    assert below(page) <= 2
    box.cut()


def test_the_list_of_sources_is_followed(page: Page, box: Exchange) -> None:
    for number in range(10):
        box.send("source", url=f"https://example.org/{number}", title=f"Source {number}")
    box.finish("line\n" * 50)
    expect_state(page, "done")
    expect(page.locator("[data-part=sources] li")).to_have_count(10)
    assert below(page) <= 2


@pytest.mark.parametrize("end", ["cut", "failed", "stopped"])
def test_the_words_of_the_end_are_in_view(page: Page, box: Exchange, end: str) -> None:
    if end == "stopped":
        page.keyboard.press("Escape")
        box.wait_until_client_left()
    elif end == "failed":
        fail(box)
    else:
        box.cut()
    expect_state(page, "stopped" if end == "stopped" else "failed")
    ends = "e => e.getBoundingClientRect().bottom"
    assert status(page).evaluate(ends) <= page.locator("#box").evaluate(ends)


def test_a_reader_further_up_is_left_alone_by_every_part(page: Page, box: Exchange) -> None:
    page.locator("#box").evaluate("box => box.scrollTo(0, 40)")
    box.send("reasoning", text="hm").send("tool_call", id="1", name="t", arguments={})
    box.send("tool_result", id="1").send("source", url="https://example.org/")
    box.send("text", text="more\n" * 30).finish("line\n" * 50 + "more\n" * 30)
    expect_state(page, "done")
    assert page.locator("#box").evaluate("box => box.scrollTop") == 40


def test_with_append_the_turns_before_stay_where_they_are(page: Page, site: Site) -> None:
    page.goto(site.page("<p>Above</p><flask-stream append></flask-stream>", head=STYLE))
    long = "A line of an answer.\n\n" * 40
    element(page).evaluate("element => { element.start('/answer') }")
    site.request("/answer").answer(long)
    expect_state(page, "done")
    page.evaluate("scrollTo({ top: 150, behavior: 'instant' })")
    page.evaluate(
        """() => {
             window.shifts = [];
             new PerformanceObserver((list) => {
               for (const { sources } of list.getEntries()) {
                 for (const { node } of sources) shifts.push(node?.textContent ?? "");
               }
             }).observe({ type: "layout-shift", buffered: false });
             window.top_ = () => document.querySelector("[data-turn]").getBoundingClientRect().top;
             window.before = top_();
           }"""
    )
    element(page).evaluate("element => { element.start('/answer') }")
    answer = begin(site).send("reasoning", text="hm").send("text", text=long)
    expect(page.locator("[data-turn]").last).to_contain_text("A line")
    fail(answer)
    expect_state(page, "failed")
    element(page).evaluate("element => element.retry()")
    site.request("/answer").answer(long)
    expect_state(page, "done")
    page.evaluate("() => new Promise((next) => requestAnimationFrame(() => setTimeout(next)))")
    assert page.evaluate("[before === top_(), scrollY, shifts]") == [True, 150, []]


# The selection


@pytest.mark.parametrize("attributes", ["", "render=markdown", "smooth", "smooth render=markdown"])
def test_a_selection_stays_from_the_first_word_to_the_end(
    page: Page, site: Site, attributes: str
) -> None:
    page.goto(site.page(f'<flask-stream src="/answer" {attributes}></flask-stream>'))
    text = "Please select me now"
    answer = begin(site).send("text", text=text)
    expect(output(page)).to_contain_text("select me now")
    page.evaluate(
        """() => {
             const walker = document.createTreeWalker(
               document.querySelector("[data-part=text]"), NodeFilter.SHOW_TEXT);
             const node = walker.nextNode();
             const start = node.data.indexOf("select me");
             getSelection().setBaseAndExtent(node, start, node, start + 9);
             window.selected = new Set();
             const note = () => selected.add(String(getSelection()));
             document.addEventListener("selectionchange", note);
           }"""
    )
    rest = " while *more* words `come` and **go**\n\nand\n\n- a list\n- of two\n\nThe end"
    for word in rest.split(" "):
        answer.send("text", text=f" {word}")
    answer.send("tool_call", id="1", name="t", arguments={}).send("text", text="Last")
    expect(output(page)).to_contain_text("Last")
    whole = text + "".join(f" {word}" for word in rest.split(" ")) + "Last"
    answer.finish(whole)
    expect_state(page, "done")
    assert page.evaluate("String(getSelection())") == "select me"
    assert set(page.evaluate("[...selected]")) <= {"select me"}


def test_a_selection_outlives_a_stop(page: Page, site: Site) -> None:
    page.goto(site.page(SRC))
    answer = streaming(site, text="select me")
    expect(output(page)).to_have_text("select me")
    page.evaluate("getSelection().selectAllChildren(document.querySelector('[data-part=text]'))")
    stop_button(page).focus()
    page.keyboard.press("Enter")
    answer.wait_until_client_left()
    expect_state(page, "stopped")
    assert page.evaluate("String(getSelection())") == "select me"


@pytest.mark.parametrize("autoscroll", ["", "autoscroll=off", "autoscroll=junk"])
def test_the_end_is_followed_unless_the_page_says_off(
    page: Page, site: Site, autoscroll: str
) -> None:
    page.goto(site.page(f'<flask-stream src="/answer" {autoscroll}></flask-stream>'))
    answer = begin(site)
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
    answer = begin(site)
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
    below = "<button data-stream"  # what stands behind the answer moves with its end, as the caret
    shifted = [name for _, *names in page.evaluate("shifts") for name in names]
    assert [name for name in shifted if name and not name.startswith(below)] == []
