"""What markdown may show: links, pictures, code blocks, formulas, in a real Chromium."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.client_server import Site
from tests.browser.markdown_site import open_page, run

pytestmark = pytest.mark.browser


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


@pytest.fixture
def page(page: Page, site: Site) -> Iterator[Page]:
    """An empty page that must neither throw nor do what its policy forbids."""
    open_page(page, site)
    yield page
    assert page.evaluate("window.violations") == []


# What it may lead to


@pytest.mark.parametrize(
    ("link", "leads"),
    [
        ("[t](https://example.com/)", True),
        ("[t](http://example.com/)", True),
        ("[t](mailto:me@example.com)", True),
        ("[t](tel:+1)", True),
        ("[t](/path?q#h)", True),
        ("[t](//example.com)", True),
        ("[t](HTTPS://EXAMPLE.COM)", True),
        ("<https://example.com/>", True),
        ("https://example.com/", True),
        ("[t](javascript:alert)", False),
        ("[t](JaVaScRiPt:alert)", False),
        ("[t](javascript&colon;alert)", False),
        ("[t](&#106;avascript:alert)", False),
        ("[t](<java&Tab;script:alert>)", False),
        ("[t](<java&NewLine;script:alert>)", False),
        ("[t](javascript\\:alert)", False),
        ("[t](<\x01javascript:alert>)", True),  # percent-encoded, and so a path
        ("[t](data:text/html,x)", False),
        ("[t](vbscript:x)", False),
        ("[t](file:///etc/passwd)", False),
        ("[t](blob:https://example.com/x)", False),
        ("[t](https://[)", False),
        ("<javascript:alert>", False),
        ("[t][r]\n\n[r]: javascript:alert", False),
        ("![t](javascript:alert)", False),
        ("![t](data:image/png,x)", False),
        ("![t](mailto:me@example.com)", False),
    ],
)
def test_links_lead_only_where_they_may(page: Page, link: str, leads: bool) -> None:
    script = """
    const part = tools.draw(tools.characters(args[0]));
    const links = part.querySelectorAll("[href], [src]");
    return Array.from(links, (link) => [link.localName, link.getAttribute("rel")]);
    """
    assert run(page, script, link) == ([["a", "noopener nofollow"]] if leads else [])


def test_the_page_says_which_addresses_a_link_or_a_picture_may_lead_to(page: Page) -> None:
    script = """
    const asked = [];
    const links = (url) => asked.push(url.href) && url.host === "good.example";
    const part = tools.draw([args[0]], { options: { links } });
    const drawn = Array.from(part.querySelectorAll("a"), (a) => a.href);
    return [part.textContent, drawn, [...new Set(asked)]];
    """
    text = (
        "[a](https://good.example/1) [b](https://evil.example/?good.example) ![c](//evil.example/) "
        "[*d*][r] https://evil.example/2 [e](javascript:f)\n\n[r]: https://good.example@evil.example"
    )
    shown, links, asked = run(page, script, text)
    assert shown == "a b c d https://evil.example/2 e"
    assert links == ["https://good.example/1"]
    assert len(asked) == 5
    assert all(address.startswith("http") for address in asked)


def test_a_page_whose_answer_fails_shows_no_link(page: Page) -> None:
    script = """
    const told = [];
    addEventListener("error", (event) => { event.preventDefault(); told.push(event.message); });
    const links = () => { throw new Error("no list"); };
    const part = tools.draw(["a [b](https://c.example) d"], { options: { links } });
    return [part.textContent, part.querySelectorAll("a").length, told.length > 0, told[0]];
    """
    assert run(page, script) == ["a b d", 0, True, "Uncaught Error: no list"]


def test_a_links_words_turn_nothing_about_but_themselves(page: Page) -> None:
    script = """
    const part = tools.draw(["a [b\u202ec](https://d.example) e"]);
    document.body.append(part);
    return getComputedStyle(part.querySelector("a")).unicodeBidi;
    """
    assert run(page, script) == "isolate"


def test_what_stands_beside_arabic_words_stands_on_their_right(page: Page) -> None:
    """The markers of a list and the bar of a quotation, in a page that goes from left to right."""
    text = "- [x] قائمة\n  - ثانية\n\n1. one\n\n> اقتباس\n\ntext\n\n> quoted\n"
    script = """
    const part = tools.draw([text]);
    part.className = "flask-stream-markdown";
    document.body.append(part);
    return [...part.querySelectorAll("ul, ol, blockquote")].map((block) => {
      const { direction, paddingLeft, borderLeftWidth } = getComputedStyle(block);
      return [direction, parseFloat(paddingLeft) > 0, borderLeftWidth !== "0px"];
    });
    """
    page.add_style_tag(url="/static/flask-stream.css")
    right = ["rtl", False, False]
    assert run(page, f"const text = {json.dumps(text)};" + script) == [
        *(right, right),
        *(["ltr", True, False], right, ["ltr", True, True]),
    ]


def test_a_picture_is_a_link_and_nothing_is_fetched_unless_the_page_allows_it(page: Page) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    script = """
    const text = '![a *b*](/p.png "t") ![](/q.png) [![c](/r.png)](/s)';
    const part = tools.draw(tools.characters(text));
    const links = [...part.querySelectorAll("a")];
    return [part.querySelector("img"), ...links.map((a) => [a.textContent, a.title, a.pathname])];
    """
    assert run(page, script) == [
        None,
        ["a b", "t", "/p.png"],
        ["/q.png", "", "/q.png"],
        ["c", "", "/s"],
    ]
    assert not [url for url in requests if url.endswith(".png")]


def test_an_allowed_picture_is_fetched_without_a_referrer(page: Page, site: Site) -> None:
    script = """
    const renderer = tools.markdown({ images: true })(document.querySelector("#part"));
    const text = '![a *b*](/p.png "t") ![d](data:image/png,x) ![f](tel:1)';
    for (const piece of tools.characters(text)) renderer.write(piece);
    renderer.end();
    """
    run(page, script)
    picture = page.locator("img")
    expect(picture).to_have_count(1)
    for name, value in {
        "alt": "a b",
        "title": "t",
        "src": "/p.png",
        "referrerpolicy": "no-referrer",
        "loading": "lazy",
    }.items():
        expect(picture).to_have_attribute(name, value)
    request = site.request("/p.png")
    assert request.headers["Referer"] is None
    request.begin(404).end()


@pytest.mark.parametrize(
    ("cell", "html"),
    [
        ("a<br>b", "a<br>b"),
        ("a<br/>b<br />c<BR>d<bR />", "a<br>b<br>c<br>d<br>"),
        ("<br>", "<br>"),
        ("**a<br>*b<br>c***", "<strong>a<br><em>b<br>c</em></strong>"),
        ("`a<br>b`", "<code>a&lt;br&gt;b</code>"),
        ("a\\<br>b", "a&lt;br&gt;b"),
        ("a<br class=x>b</br>", "a&lt;br class=x&gt;b&lt;/br&gt;"),
        ("<b>a<br>b</b>", "&lt;b&gt;a<br>b&lt;/b&gt;"),
    ],
)
def test_a_line_break_in_a_cell_is_one_and_all_other_html_is_text(
    page: Page, cell: str, html: str
) -> None:
    script = """
    const [cell] = args;
    const html = (text, name) => {
      const parts = [[text], tools.characters(text)].map((pieces) => tools.draw(pieces));
      return parts.map((part) => part.querySelector(name).innerHTML);
    };
    const rows = `| ${cell} | x |\\n|---|---|\\n| ${cell} | x |\\n`;
    return [...html(rows, "th"), ...html(rows, "td"), ...html(`x ${cell}`, "p")];
    """
    *cells, whole, pieces = run(page, script, cell)
    assert cells == [html] * 4
    assert whole == pieces
    assert "<br>" not in whole


def test_raw_html_is_text(page: Page) -> None:
    text = "<b onclick=x>a</b> <!-- c -->\n\n<script>alert(1)</script>\n\n<img src=/x onerror=y>"
    script = """
    const part = tools.draw(tools.characters(args[0]));
    return [part.textContent, Array.from(part.querySelectorAll("*"), ({ localName }) => localName)];
    """
    assert run(page, script, text) == [text.replace("\n\n", ""), ["p", "p", "p"]]


def test_markdown_that_is_nested_too_deeply_is_shown_as_it_was_written(page: Page) -> None:
    script = """
    return args.map((text) => {
      const part = tools.draw([text]);
      let depth = 0;
      for (let node = part; node; node = node.lastElementChild) depth++;
      return [depth < 150, part.textContent.includes("x")];
    });
    """
    texts = [">" * 5000 + "x", "- " * 300 + "x", "*a " * 3000 + "x" + "*" * 3000, "[" * 5000 + "x"]
    assert run(page, script, *texts) == [[True, True]] * len(texts)


# Code blocks


def test_a_code_block_says_its_language_and_can_be_copied_by_keyboard(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    run(
        page,
        "tools.markdown()(document.querySelector('#part')).write(args[0])",
        "```py\n\n \nx = 1\n\ny\n```\n\nend",
    )
    block = page.locator("[data-code]")
    expect(block.locator("span")).to_have_text("py")
    button = block.get_by_role("button")
    expect(button).to_have_accessible_name("Copy")
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_text("Copied")
    # Without a line feed at either end, which a terminal would take for Enter.
    assert page.evaluate("navigator.clipboard.readText()") == "x = 1\n\ny"
    expect(button).to_have_text("Copy")
    page.keyboard.press("Tab")
    expect(block.locator("pre")).to_be_focused()  # to scroll it


def test_without_a_clipboard_the_code_is_selected(page: Page) -> None:
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    draw = "tools.markdown()(document.querySelector('#part')).write(args[0])"
    run(page, draw, "```\nx = 1\n\n\n```\n\nend")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button")).to_have_text("Copied")
    assert page.evaluate("String(getSelection())").strip() == "x = 1"
    page.evaluate("document.body.append(document.createElement('textarea'))")
    page.locator("textarea").focus()
    page.keyboard.press("Control+V")
    expect(page.locator("textarea")).to_have_value("x = 1")


HIDDEN = "a\u202eb\u2066c\x1b]0;d\x07e\x85"
VISIBLE = "a[U+202E]b[U+2066]c[U+001B]]0;d[U+0007]e[U+0085]"


@pytest.mark.parametrize("fence", ["```\n{}\n```\n\nend", "```\n{}", "    {}\n\nend", "a `{}` b"])
def test_what_turns_code_about_or_commands_a_terminal_is_seen_and_not_copied(
    page: Page, fence: str
) -> None:
    script = """
    const part = document.querySelector("#part");
    const renderer = tools.markdown()(part);
    for (const piece of tools.characters(args[0])) renderer.write(piece);
    const before = part.querySelector("code").textContent;
    renderer.end();
    return [before, part.querySelector("code").textContent].map((code) => code.trimEnd());
    """
    assert run(page, script, fence.format(HIDDEN)) == [VISIBLE, VISIBLE]
    if page.locator("[data-copy]").count():
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_role("button", name="Copy").click()
        expect(page.get_by_role("button")).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == VISIBLE


HIGHLIGHT = """
const [text, fails] = args;
const calls = [];
window.addEventListener("error", (event) => { event.preventDefault(); calls.push(event.message); });
const highlight = (code, language) => {
  calls.push([code, language]);
  if (fails) throw new Error("no colours");
  if (language === "plain") return;
  const node = document.createElement("i");
  node.textContent = code.toUpperCase();
  return node;
};
const part = tools.draw(tools.characters(text), { options: { highlight } });
return { calls, code: Array.from(part.querySelectorAll("code"), (code) => code.innerHTML) };
"""


def test_the_page_highlights_each_code_block_once_when_it_is_finished(page: Page) -> None:
    text = (
        "```js\na\n```\n\n- x\n\n  ```py\n  b\n\n  c\n  ```\n- y\n\n      d\n\n"
        "```plain\ne\n```\n\n~~~\nf"
    )
    assert run(page, HIGHLIGHT, text, False) == {
        "calls": [["a", "js"], ["b\n\nc", "py"], ["d", ""], ["e", "plain"], ["f", ""]],
        "code": ["<i>A</i>", "<i>B\n\nC</i>", "<i>D</i>", "e\n", "<i>F</i>"],
    }


def test_a_highlighter_that_fails_leaves_the_code_and_is_reported(page: Page) -> None:
    assert run(page, HIGHLIGHT, "```js\na\n```\n", True) == {
        "calls": [["a", "js"], "Uncaught Error: no colours"],
        "code": ["a\n"],
    }


# Formulas

MATH = """
const [text, fails] = args;
const calls = [];
const shown = [];
window.addEventListener("error", (event) => { event.preventDefault(); calls.push(event.message); });
const math = (tex, display) => {
  calls.push([tex, display]);
  if (fails) throw new Error("no formula");
  return document.createElement("var");
};
const part = tools.draw(tools.characters(text), {
  options: { math },
  each: (part) => shown.push(tools.shown(part)),
});
const marks = shown.filter((text) => /[$\\\\]/.test(text));
const formulas = part.querySelectorAll("[data-math] > var").length;
return { calls, formulas, text: part.textContent, marks };
"""


def test_the_page_makes_formulas_once_each_and_no_mark_of_them_is_seen(page: Page) -> None:
    text = (
        "a $x_1*y*z$ b \\(p^2\\) c\n\n$$\n- q\n= r\n\n+ s\n$$\n\n\\[\nt\n\\]\n\n"
        "- u $v$\n- *$w_a$ e*\n\n| $k$ |\n|---|\n| $l$ |\n"
    )
    tex = ["x_1*y*z", "p^2", "\n- q\n= r\n\n+ s\n", "\nt\n", "v", "w_a", "k", "l"]
    assert run(page, MATH, text, False) == {
        "calls": [[formula, formula.startswith("\n")] for formula in tex],
        "formulas": len(tex),
        "text": "a  b  cu  e",
        "marks": [],
    }


def test_stars_in_a_formula_are_no_emphasis(page: Page) -> None:
    result = run(page, MATH, "*a $b*c$ d*", False)
    assert (result["calls"], result["text"]) == ([["b*c", False]], "a  d")


def test_prices_are_no_formulas_and_without_the_page_nothing_is(page: Page) -> None:
    text = "From $5 to $10, `$a$` and \\$b$."
    result = run(page, MATH, text, False)
    assert (result["calls"], result["text"]) == ([], "From $5 to $10, $a$ and $b$.")
    assert run(page, "return tools.draw([args[0]]).textContent", "$a$ $$b$$") == "$a$ $$b$$"


def test_a_formula_that_fails_is_shown_as_it_was_written(page: Page) -> None:
    assert run(page, MATH, "a $x$ b", True) == {
        "calls": [["x", False], "Uncaught Error: no formula"],
        "formulas": 0,
        "text": "a $x$ b",
        "marks": ["a $x$", "a $x$", "a $x$ b"],
    }
