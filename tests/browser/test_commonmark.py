"""What markdown comes to: marked's own HTML as a DOM, but for our rules.

Those of safety and looks are in markdown_page.js, those of reading in ON_PURPOSE.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.browser.client_server import Site
from tests.browser.markdown_site import PARSING_CSP, need_modules, open_page, run

pytestmark = pytest.mark.browser

GFM = [
    "| a | b |\n|---|---|\n| 1 | 2 |\n",
    "a | b | c\n:-- | :-: | --:\n1 | 2 | 3\n4\n5 | 6 | 7 | 8\n\nafter\n",
    "before\n| a |\n|---|\n| `x \\| y` | **b** |\n> quote\n",
    "| a | b |\n|---|\n| 1 | 2 |\n",
    "| [l](/x) | ![i](/y.png) |\n|:-|-:|\n| | &copy; |\n|\n",
    "> | a | b |\n> |---|---|\n> | 1 | 2 |\n",
    "- | a |\n  |---|\n  | 1 |\n- x\n",
    "- [ ] open\n- [x] done\n- [X] **done**\n- [y] neither\n- [ ]\n",
    "- [ ] loose\n\n- [x] too\n",
    "1. [ ] one\n   - [x] nested\n   - [ ] more\n\n     text\n",
    "- [ ] # heading\n- [x] ```\n  code\n  ```\n- [ ] > quote\n",
    "~~gone~~ ~~~not~~~ ~~not ~ a~~b~~c\n",
    "**~~both~~** ~~**both**~~ ~~`code`~~\n",
    "www.example.com https://example.com/a_b_c?d=1&e=2. (http://x.org/a(b)) me@example.com\n",
    "https://x.org/&copy; http://x.org/&copy <https://x.org/?a&amp;b> ftp://x.org/y\n",
    "mailto:a@b.org xmpp:a@b.org/c www.x.org/**bold** *www.x.org*\n",
    "a<br>b <b title='&amp;'>c</b> <!-- d --> <script>e</script> <a href=f>http://g.org</a>\n",
    "<div>\n*a*\n\n</div>\n\n<pre>\n\n&amp;\n</pre>\n\n<!-- c\n\nd -->\ne\n",
    "text <code>a &amp; *b*</code> and <kbd>&lt;</kbd>\n",
    "&amp; &lt;b&gt; &copy; &#169; &#xA9; &CounterClockwiseContourIntegral; &nope; &amp &#0;\n",
    "[a](/x&amp;y&quot;z \"t &copy; &quot;u&quot;\") ![a &amp; b](/p&auml; '&lt;')\n",
    "```p&ouml;y x\ncode\n```\n\n~~~ `a` ~~~ b\ncode\n~~~\n\n    indented\n\n    more\n",
    "3) three\n4) four\n\n0. zero\n\n- a\n* b\n+ c\n",
    "- a\n\n  b\n\n\n- c\n   - d\n\n         code\n",
    "a  \nb\\\nc\n# d #\ne\n===\nf\n---\n***\n",
    "[late] [late][] [x][late] ![p][late]\n\n> [late]: /late 'of &amp; all'\n",
    "[a]\n\n[a]: /x\n'title\nthat goes on'\n\n[b]: <>\n\n[b] [c]\n\n[c]:\n/y\n",
    "![a](/x.png) [![b](/y.png 'z')](/z) ![c](javascript:x) ![](/n.png) [![d](data:x)](/w)\n",
    "[a](javascript:b) [c](tel:1) [d](mailto:e) [f](ftp://g) [h](//i) <j:k> [l](data:,m)\n",
    "[a](java\nscript:b) [c](<java&Tab;script:d>) [e](&#x6a;avascript&colon;f)\n",
    "[a](\\javascript:b) [c](<\x01javascript:d>) [e]( javascript:f) [g](javascript\\:h)\n",
    "a\rb\r\nc\r\r> d\r\n",
    "a\u2028b\u00a0c\u200bd \ufeff e\n\n\ufeff# f\n",
    "😀 **é** _日本_ `😀` [😀](/😀)\n",
    "\t- a\n\n-\tb\n\n\tc\n1.\td\n",
    "*a **b *c* d** e* ***f*** **g*h** __i__j_k_ *l\n",
    "````\n```\na\n```\n````\n\n```\nopen\n\n\n",
    "- ```\n  a\n\n   b\n- c\n  ~~~\n  d\n",
]

# What we read otherwise than marked, and why; docs/client.md says so too.
ON_PURPOSE = [
    # GFM's one tilde: models write it for "about" and "up to".
    ("~gone~", "<p>~gone~</p>"),
    ("~5 or 1~3", "<p>~5 or 1~3</p>"),
    ("costs ~5, not ~6~", "<p>costs ~5, not ~6~</p>"),
    # GFM knows no punctuation but ASCII's behind an address, and no prose without spaces.
    ("http://a.org/b。c", "<p><LINK http://a.org/b>http://a.org/b</a>。c</p>"),
    ("http://a.org/bを", "<p><LINK http://a.org/b>http://a.org/b</a>を</p>"),
    ("“http://a.org”", "<p>“<LINK http://a.org>http://a.org</a>”</p>"),
    ("「www.a.org」", "<p>「<LINK http://www.a.org>www.a.org</a>」</p>"),
    # The CJK-friendly amendment to CommonMark.
    ("**「a」**で", "<p><strong>「a」</strong>で</p>"),
    ("字~~(a)~~字", "<p>字<del>(a)</del>字</p>"),
    # marked takes the second half of a character for a letter; CommonMark does not.
    ('\N{ROCKET}**"a"**', '<p>\N{ROCKET}<strong>"a"</strong></p>'),
    # Models break lines in cells so; all other HTML is text.
    ("| a<br>b |\n|-|", "<th>a<br>b</th>"),
]

COMPARE = """
const [texts] = args;
const { Marked } = await import("/test/marked.js");
const { commonmark } = await import("/test/commonmark.js");
const examples = texts ?? commonmark.map(({ markdown }) => markdown);
const wrong = [];
for (const text of examples) {
  const wanted = tools.expected(Marked, text);
  for (const pieces of [[text], tools.characters(text)]) {
    const got = tools.drawn(tools.draw(pieces));
    if (got !== wanted) wrong.push({ text, pieces: pieces.length, wanted, got });
  }
}
return { count: examples.length, wrong };
"""


@pytest.fixture
def parsing_page(page: Page) -> Iterator[Page]:
    need_modules()
    site = Site()
    open_page(page, site, PARSING_CSP)
    yield page
    site.close()


def test_each_example_of_the_specification_comes_out_as_of_marked(parsing_page: Page) -> None:
    result = run(parsing_page, COMPARE, None)
    assert result["count"] > 600
    assert result["wrong"] == []


def test_each_example_of_what_github_adds_comes_out_as_of_marked(parsing_page: Page) -> None:
    long = "".join(f"{i}\n\n" for i in range(96)) + "\n\n".join(GFM)  # in several groups
    assert run(parsing_page, COMPARE, [*GFM, long])["wrong"] == []


@pytest.mark.parametrize(("text", "html"), ON_PURPOSE)
def test_what_differs_from_marked_on_purpose(parsing_page: Page, text: str, html: str) -> None:
    script = """
    const [text] = args;
    const { Marked } = await import("/test/marked.js");
    const part = tools.draw([text]);
    return [part.innerHTML, tools.drawn(part) === tools.expected(Marked, text)];
    """
    drawn, same = run(parsing_page, script, text)
    link = r'<a href="\1" rel="noopener nofollow" style="unicode-bidi: isolate;">'
    assert re.sub("<LINK (.*?)>", link, html) in drawn
    assert not same, "marked has it so too: it is to leave this list"


def test_where_browsers_and_commonmark_differ_on_entities_commonmark_holds(
    parsing_page: Page,
) -> None:
    text = run(parsing_page, "return tools.draw(['&notit; &#128; &copy']).textContent")
    assert text == "&notit; \x80 &copy"


def test_pieces_of_examples_in_any_order_come_out_as_of_marked(parsing_page: Page) -> None:
    """Together they meet in ways that no example has; and however they are cut, nothing changes."""
    script = """
    const { Marked } = await import("/test/marked.js");
    const { commonmark } = await import("/test/commonmark.js");
    // A raw <a> that stays open would keep marked from linking addresses in all blocks after it.
    const examples = [...commonmark.map(({ markdown }) => markdown), ...args[0]];
    const pieces = examples.filter((text) => !/<a\\b/i.test(text));
    const next = tools.random(1);
    const pick = (list) => list[Math.floor(next() * list.length)];
    const wrong = [];
    for (let i = 0; i < 600; i++) {
      let text = "";
      for (let n = 1 + next() * 6; n > 0; n--) text += pick(pieces) + pick(["", "\\n", "\\n\\n"]);
      const wanted = tools.expected(Marked, text);
      const got = tools.drawn(tools.draw(tools.cut(text, next)));
      if (got !== wanted) wrong.push({ text, wanted, got });
    }
    return wrong;
    """
    assert run(parsing_page, script, GFM) == []
