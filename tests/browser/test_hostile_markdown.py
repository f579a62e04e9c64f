"""Markdown that means harm, in a real Chromium: the page stays the reader's while it is drawn.

What is asserted on is counted (see js/test/counted.js): the clock that the renderer looks at stands
still, so that it never pauses.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.client_server import Site
from tests.browser.markdown_site import open_page, run
from tests.browser.on_page import expect_state, output, status
from tests.browser.on_site import begin

pytestmark = pytest.mark.browser

# Draws a text that comes in pieces of so many characters, and gives the work of each of the page's
# turns. It is not shown: the browser's own work with it is not what is counted, and takes as long.
TURNS = """
const { counted } = await import("/test/counted.js");
const turns = async (text, longest) => {
  const [later, now] = [window.setTimeout, performance.now];
  const work = [];
  window.setTimeout = (call) => later(() => work.push(counted(call)));
  performance.now = () => 0;
  const part = document.createElement("div");
  part.hidden = true;
  document.body.append(part);
  const renderer = tools.markdown()(part);
  for (let at = 0; at < text.length; at += longest) {
    work.push(counted(() => renderer.write(text.slice(at, at + longest))));
  }
  let end;
  work.push(counted(() => (end = renderer.end())));
  await end;
  [window.setTimeout, performance.now] = [later, now];
  part.remove();
  const sum = work.reduce((a, b) => a + b);
  return { sum, most: Math.max(...work), count: work.length, part };
};
const repeated = (unit, length) => unit.repeat(Math.ceil(length / unit.length)).slice(0, length);
"""

UNITS = [
    *["*a ", "1.*", "- *", "~~a", "***a** b ", "*", "_a ", "`a", "[", "![", "[a](b ", "<a "],
    *["&a1;", "http://a", "\\", "\\[", "> ", "- ", "- - a\n", "> a\nb\n", "> - a\nb\n"],
    *["a|b\n-|-|-\n", "|a|\n|-|\n", "- a\n", "- a\n\n", "b\n", "b\n\n", "[a]: b\n", "[a]\n\n"],
    *["# a\n", "```\n", "<b>\n"],
]


@pytest.fixture
def drawing(page: Page, site: Site) -> Iterator[Page]:
    """An empty page that must neither throw nor do what its policy forbids."""
    open_page(page, site)
    yield page
    assert page.evaluate("window.violations") == []


def test_a_saved_text_is_drawn_in_turns_none_of_which_grows_with_it(drawing: Page) -> None:
    script = f"""
    {TURNS}
    const wrong = [];
    for (const unit of args[0]) {{
      const once = await turns(repeated(unit, 50_000), Infinity);
      const twice = await turns(repeated(unit, 100_000), Infinity);
      const elements = twice.part.querySelectorAll("*").length;
      const isLinear = twice.sum < 2.5 * once.sum && twice.sum < 300 * 100_000;
      const isShort = twice.most < 1.5 * once.most + 1000 && twice.count > 5;
      if (!isLinear || !isShort || elements > 100_000) wrong.push([unit, once, twice, elements]);
    }}
    return wrong;
    """
    assert run(drawing, script, UNITS) == []


def test_a_block_that_grows_without_end_costs_what_its_length_does(drawing: Page) -> None:
    script = f"""
    {TURNS}
    const wrong = [];
    for (const unit of args[0]) {{
      const once = await turns(repeated(unit, 70_000), 500);
      const twice = await turns(repeated(unit, 140_000), 500);
      const isShort = twice.most < 1.2 * once.most + 1000;
      if (twice.sum > 2.5 * once.sum || !isShort) wrong.push([unit, once, twice]);
    }}
    return wrong;
    """
    units = ["some words of a line, ", "*a ", "> quoted words\n", "- a\n  b [c]: d\n", "<b> a\n"]
    assert run(drawing, script, units) == []


def test_an_open_code_block_is_not_read_again(drawing: Page) -> None:
    script = f"""
    {TURNS}
    const [once, twice] = [
      await turns("```\\n" + repeated(args[0], 100_000), 100),
      await turns("```\\n" + repeated(args[0], 200_000), 100),
    ];
    const shown = twice.part.querySelector("code").textContent;
    return [twice.sum / once.sum < 2.5, twice.sum < 40 * 200_000, shown.length];
    """
    for unit in ("a line of code\n", "x"):
        assert run(drawing, script, unit) == [True, True, 200_001], unit


def test_definitions_that_come_late_cost_little_more_than_those_that_come_early(
    drawing: Page,
) -> None:
    """Each changes all paragraphs, which are not drawn again for each."""
    script = f"""
    {TURNS}
    const labels = [...Array(100).keys()];
    const paragraphs = Array(40).fill(labels.map((i) => `[l${{i}}]`).join(" "));
    const definitions = labels.map((i) => `[l${{i}}]: /x${{i}}`);
    const text = (parts) => [...parts.flat(), "end"].join("\\n\\n");
    const early = await turns(text([definitions, paragraphs]), 20);
    const late = await turns(text([paragraphs, definitions]), 20);
    return [late.sum / early.sum, late.part.querySelectorAll("a").length];
    """
    ratio, links = run(drawing, script)
    assert ratio < 2
    assert links == 40 * 100


def test_a_long_text_comes_to_the_same_at_once_and_in_pieces(drawing: Page) -> None:
    block = (
        "# A\n\nSome *words*, [a link][l].\n\n- a\n- **b**\n\n```\nc\n```\n\n| a |\n|-|\n| b |\n\n"
    )
    script = """
    const [text] = args;
    const draw = async (pieces) => {
      const part = document.createElement("div");
      const renderer = tools.markdown()(part);
      for (const piece of pieces) renderer.write(piece);
      const sync = part.textContent.length;
      await renderer.end();
      return [tools.drawn(part), sync / part.textContent.length];
    };
    const [whole, sync] = await draw([text]);
    const [pieces] = await draw(tools.cut(text, tools.random(3), 400));
    return [whole === pieces, sync < 0.8, whole.split("a href").length - 1];
    """
    count = 600
    text = block * count + "[l]: /late\n"
    assert run(drawing, script, text) == [True, True, count]


def test_what_nobody_writes_is_shown_as_it_was_written(drawing: Page) -> None:
    script = """
    const columns = "a|".repeat(300);
    const wide = `|${columns}\\n|${"-|".repeat(300)}\\n${"a\\n".repeat(300)}`;
    const texts = ["*a* ".repeat(600).trim(), wide, `[a](http://x.org/${"a".repeat(3000)})`];
    return texts.map((text) => {
      const part = tools.draw([text]);
      return [part.textContent.length, part.querySelectorAll("em, td, a").length];
    });
    """
    stars, table, link = run(drawing, script)
    assert stars == [2399, 0]
    assert table[1] == 300 * 4
    assert table[0] > 590
    assert link == [1, 0]


def test_stop_works_while_a_burst_is_drawn_and_what_came_is_kept(page: Page, site: Site) -> None:
    page.goto(site.page('<flask-stream src="/answer" render=markdown></flask-stream>'))
    page.evaluate(
        """() => {
          const output = () => document.querySelector("[data-stream=output]");
          const observer = new MutationObserver(() => {
            if (!output()?.textContent) return;
            observer.disconnect();
            setTimeout(() => {
              document.querySelector("[data-stream=stop]").click();
              window.stopped = [output().textContent.length, output().parentNode.dataset.state];
            });
          });
          observer.observe(document.body, { subtree: true, childList: true });
        }"""
    )
    text = "- *a* b\n" * 20_000
    answer = begin(site).send("text", text=text)
    page.wait_for_function("() => window.stopped")
    shown, state = page.evaluate("stopped")
    assert state == "stopped"
    assert 0 < shown < 30_000
    answer.wait_until_client_left()
    expect_state(page, "stopped")
    expect(status(page)).to_have_text("Stopped")
    drawn = "() => document.querySelectorAll('[data-part] li em').length === 20_000"
    page.wait_for_function(drawn, polling=200)  # in milliseconds: each look at so many takes some
    assert output(page).locator("ul").count() > 0
