"""Markdown while it arrives, in a real Chromium under a strict policy."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.markdown_site import run

pytestmark = pytest.mark.browser

ANSWER = """# A **title**

Some *words*, `code`, and [a link](https://example.com/a_b "t") to https://example.org/c_d?e=f&g.

- one **bold** item
- two
  1. nested
  2. more

- [x] done
- [ ] not yet

| Name | Value |
|------|------:|
| a    | `1`   |
| b    | **2** |

```python
def f(x):
    return x * 2
```

> quoted *words*
> - in a list

Setext
------

Entities &amp; &copy; &rarr; and the end[^1] of ~~it~~ all.

[^1]: /not/a/footnote
"""

LINES = [
    "- a", "- **b**", "  more", "", "", "", "1. one", "2. two", "3) x", "   para", "   - nested",
    "     - deep", "| a | b |", "|---|---|", "| 1 | 2 |", "| 3", "text", "more *text*", "> q",
    "> - z", "```", "    code", "# h", "* star", "+ plus", "- [ ] t", "- [x] d", "---", "===",
    "[foo]: /u", "[foo]", "  [bar]: /v", "[bar] x", "<div>", "- ", "*", "\ttab", '[a]: /x "t', '"',
    "- ```", "  ```", "~~~", "$$", "x^2 $y$ \\(z\\)", "\\[ w", "\\]", "<b>**c**</b>", "a  ", "b\\",
]  # fmt: skip


# A definition in a list whose other items have been settled.
DEFINED_WITHIN = "- [foo]\n- a\n\n  [foo]: /u\n- b\n- c\n- [foo]\n- d\n\n[foo]\n\nend\n"


@pytest.fixture
def page(drawing_page: Page) -> Page:
    return drawing_page


# However it is cut


@pytest.mark.parametrize("hooks", [False, True], ids=["plain", "with hooks"])
def test_an_answer_comes_to_the_same_however_it_is_cut(page: Page, hooks: bool) -> None:
    script = """
    const [answer, defined, lines, hooks] = args;
    const options = hooks && {
      images: true,
      math: (tex, display) => new Text(`${display}:${tex}`),
      highlight: (code, language) => new Text(`${language}:${code}`),
    };
    const next = tools.random(7);
    const fence = "a\\n\\n```" + "[b](c) ".repeat(40) + "\\nd\\n";
    const texts = [answer, answer.repeat(8), answer.replaceAll("\\n", "\\r\\n"), defined];
    texts.push(fence, fence.replaceAll("`", "~"));
    for (let i = 0; i < 200; i++) {
      let text = "";
      for (let n = 2 + next() * 24; n > 0; n--) {
        text += lines[Math.floor(next() * lines.length)] + "\\n";
      }
      texts.push(text);
    }
    const wrong = [];
    for (const text of texts) {
      const wanted = tools.drawn(tools.draw([text], { options }));
      for (const longest of [1, 9, 60]) {
        const got = tools.drawn(tools.draw(tools.cut(text, next, longest), { options }));
        if (got !== wanted) wrong.push({ text, longest, wanted, got });
      }
    }
    return wrong;
    """
    assert run(page, script, ANSWER, DEFINED_WITHIN, LINES, hooks) == []


# What is seen before the end

UNFINISHED = [
    ("Some **bold** and *it* and ***both***, __b__ _i_ ~~gone~~ end.", "*_~"),
    ("**bold *nested* more** and *a **b** c* x", "*"),
    ("***a** b* and **a *b***", "*"),
    ("Use `code` and `more code` now", "`"),
    ("**`code`** and ``two``", "*`"),
    ('A [te *xt*](https://example.com/a_b "title") end', "[]()*"),
    ("[te](http://example.com/) and [more](<a b> (t)) end", "[]<>"),
    ("**[link](/x)** and [**b**](/y) end", "[]*"),
    ("![alt](/x.png) and [![in](/y.png)](/z) end", "![]()"),
    ("Hi <https://example.com/y> and <me@example.com> end", "<>"),
    ("# Head\n\ntext\n\n## Second ##\n\nmore\n### **Third**", "#*"),
    ("Title\n=====\n\ntext\n\nSub *title*\n---\n\nx", "=-*"),
    ("- one\n- two\n  - three\n    - *four*\n- five\n\n  six\n", "-*"),
    ("* one\n* two **b**\n\n+ x\n* *y*", "*+"),
    ("1. one\n2. two\n10. ten\n\n3) x", "1.2)03"),
    ("> quote\n> more\n> > deep\n> - x\n", ">-"),
    ("- [ ] to do\n- [x] done\n  - [X] **sub**\n", "[]*-"),
    ("| a | b |\n|---|:-:|\n| c | **d** |\n| e | `f` |\n\nafter", "|-:*`"),
    ("a | b\n--- | ---\nc | d\n\nafter", "|-"),
    ("text\n| a | b |\n|---|---|\n| c | [d](/e) |\n", "|-[]("),
    ("- x\n\n  | a |\n  |---|\n  | b |\n", "|-"),
    ("```py\nprint(1)\n```\n\nafter\n\n~~~js\nx\n~~~\n", "`~"),
    ("1. a\n\n   ```py\n   x = 1\n   ```\n2. b\n\n> ```\n> c\n> ```\n", "`>2."),
    ("a\n\n---\n\nb\n\n***\n\nc\n\n* * *\n", "-*"),
    ("A &copy; B &#169; C &rarr; D &hearts;", "&#;"),
    ("line one  \nline two\\\nline \\*three\\_", "\\"),
    ("**テスト。**テスト、**「注意」**です", "*"),
    ("字~~「a」~~字*(b)*字 𠮷**(c)**𠮷", "*~"),
    ("패키지는 **`npm publish`**를 **안녕(hello)**하세요", "*`"),
    ("| a<br>b |\n|---|\n| c<br/>**d<BR />e** |\n", "<>/|*-"),
    ("A note\n\n[ref]: http://example.com/ 'T'\n", "[]:/rf'T"),
]


@pytest.mark.parametrize(("text", "marks"), UNFINISHED)
def test_no_mark_is_seen_that_the_next_word_takes_away(page: Page, text: str, marks: str) -> None:
    script = """
    const [text, marks] = args;
    const seen = [];
    let prefix = "";
    tools.draw(tools.characters(text), {
      each(part, piece) {
        prefix += piece;
        const shown = tools.shown(part);
        if ([...marks].some((mark) => shown.includes(mark))) seen.push([prefix, shown]);
      },
    });
    return seen;
    """
    assert run(page, script, text, marks) == []


SHOWN_AT_ONCE = [
    ("**bo", "strong", "bo"),
    ("a *b **c", "em strong", "c"),
    ("x ~~de", "del", "de"),
    ("`co", "code", "co"),
    ("``a ` b", "code", "a ` b"),
    ("**a `b", "strong code", "b"),
    ("## Ti", "h2", "Ti"),
    ("- [x] do", "li input[disabled]:checked", ""),
    ("| a | b |\n|---|---|\n| c", "td", "c"),
    ("```py\nx =", "pre > code.language-py", "x ="),
    ("> - *q", "blockquote li em", "q"),
    ("[te](http://exa", "p:not(:has(a))", "te"),
    ("[te **xt", "p strong:not(a *)", "xt"),
    ("see https://exam", "p:not(:has(a))", "see https://exam"),
    ("a <b", "p", "a"),
    ("a <b>c", "p", "a <b>c"),
    ("2 * 3 and snake_case, arr[0", "p", "2 * 3 and snake_case, arr[0"),
    ("costs ~5, or 1~3", "p", "costs ~5, or 1~3"),
    ("**~5 dollars", "strong", "~5 dollars"),
    ("です**「注", "strong", "「注"),
    ("字~~(a", "del", "(a"),
    ("| a |\n|---|\n| b<br>c", "td:has(br)", "bc"),
]


@pytest.mark.parametrize(("text", "selector", "shown"), SHOWN_AT_ONCE)
def test_markdown_that_has_begun_is_shown_as_it_will_be(
    page: Page, text: str, selector: str, shown: str
) -> None:
    script = """
    const [text, selector] = args;
    const found = [];
    const look = (part) => (found[0] = part.querySelector(selector)?.textContent);
    tools.draw(tools.characters(text), { each: look });
    return found[0];
    """
    assert run(page, script, text, selector) == shown


def test_markdown_that_is_held_back_is_short_and_what_is_shown_is_not_taken_back(
    page: Page,
) -> None:
    script = """
    const written = tools.characters(args[0]);
    let [before, longest, taken] = ["", 0, []];
    const [plain, ends] = [tools.shown(tools.draw([args[0]])).replace(/\\s/g, ""), []];
    tools.draw(written, {
      each(part) {
        const shown = tools.shown(part).replace(/\\s/g, "");
        if (!shown.startsWith(before)) taken.push([before.slice(-30), shown.slice(-30)]);
        ends.push(shown.length);
        before = shown;
      },
    });
    // How many characters come in a row without any that is shown.
    let wait = 0;
    ends.forEach((end, i) => {
      wait = end > ends[i - 1] ? 0 : wait + 1;
      longest = Math.max(longest, wait);
    });
    return { taken, longest };
    """
    result = run(page, script, ANSWER.replace("[^1]", "").split("[^1]:")[0])
    assert result["taken"] == []
    assert result["longest"] < 50  # the head of the table with its delimiter row


def test_the_end_shows_what_there_is_exactly(page: Page) -> None:
    texts = [
        "**bo",
        "`co",
        "[te](http",
        "![al",
        "| a | b |",
        "#",
        "1.",
        "<b",
        "&am",
        "a\\",
        "``",
        "$",
    ]
    shown = run(page, "return args[0].map((text) => tools.shown(tools.draw([text])))", texts)
    wanted = list(texts)
    wanted[texts.index("#")] = wanted[texts.index("1.")] = ""  # an empty heading, an empty item
    assert shown == wanted


# What stays


def test_only_the_block_that_changes_is_touched(page: Page) -> None:
    script = """
    const part = document.querySelector("#part");
    const renderer = tools.markdown()(part);
    renderer.write(args[0] + "\\n\\nThe last *block* grows\\n");
    const before = [...part.querySelectorAll("*"), ...tools.texts(part)];
    const changes = tools.watch(part);
    const last = part.lastChild;
    const words = ["by **some", " more** words", " and `code", "` too", ". [Link", "](/x) end"];
    for (const word of words) renderer.write(word);
    return {
      gone: before.filter((node) => !node.isConnected).length,
      elsewhere: changes().filter(({ target }) => !last.contains(target)).length,
      text: last.textContent,
      same: last === part.lastChild,
    };
    """
    assert run(page, script, ANSWER) == {
        "gone": 0,
        "elsewhere": 0,
        "text": "The last block grows\nby some more words and code too. Link end",
        "same": True,
    }


def test_items_and_rows_that_are_there_stay_the_same_nodes(page: Page) -> None:
    script = """
    const gone = [];
    for (const text of args) {
      const kept = new Set();
      tools.draw(tools.characters(text), {
        each(part) {
          // The last one may still be a guess.
          for (const item of [...part.querySelectorAll("li, tr")].slice(0, -1)) kept.add(item);
          for (const item of kept) if (!part.contains(item)) gone.push(item.textContent);
        },
      });
    }
    return gone;
    """
    lists = "".join(f"- item **{i}**\n  - below\n" for i in range(12))
    table = "| a | b |\n|---|---|\n" + "".join(f"| {i} | *x* |\n" for i in range(12))
    loose = "".join(f"{i}. item\n\n   more\n\n" for i in range(1, 12))
    assert run(page, script, lists, table, loose) == []


def test_a_selection_survives_while_text_arrives_even_in_the_block_that_grows(page: Page) -> None:
    script = """
    const part = document.querySelector("#part");
    const renderer = tools.markdown()(part);
    const selected = [];
    for (const piece of tools.characters(args[0])) {
      renderer.write(piece);
      if (part.textContent.includes("select me") && !selected.length) {
        const text = tools.texts(part).find(({ data }) => data.includes("select me"));
        const start = text.data.indexOf("select me");
        getSelection().setBaseAndExtent(text, start, text, start + 9);
      }
      if (getSelection().rangeCount) selected.push(String(getSelection()));
    }
    renderer.end();
    selected.push(String(getSelection()));
    part.replaceChildren();
    getSelection().removeAllRanges();
    return [selected.length > 50, ...new Set(selected)];
    """
    rest = " while *more* and **more** `words` [arrive](/here), line\nby line\n\nand by\n\n# Block"
    for begin in ("Please select me", "- a\n- *b* select me", "| a |\n|---|\n| select me"):
        assert run(page, script, begin + rest) == [True, "select me"]


def test_a_long_open_code_block_grows_at_the_end_of_one_text_node(page: Page) -> None:
    script = """
    const part = document.querySelector("#part");
    const renderer = tools.markdown()(part);
    renderer.write("Code:\\n\\n```js\\nlet a;\\n");
    const changes = tools.watch(part);
    const text = part.querySelector("code").firstChild;
    const wanted = ["let a;\\n"];
    for (let i = 0; i < 500; i++) {
      wanted.push(`  line(${i}); // \\`\\`\\` **no**\\n`);
      for (const piece of wanted.at(-1).match(/.{1,7}|\\n/g)) renderer.write(piece);
    }
    const isText = ({ type, target }) => type === "characterData" && target === text;
    const others = changes().filter((change) => !isText(change));
    renderer.write("```\\n\\nend");
    renderer.end();
    return {
      others: others.length,
      right: text.isConnected && text.data === wanted.join(""),
    };
    """
    assert run(page, script) == {"others": 0, "right": True}


def test_the_end_of_a_long_answer_costs_no_more_than_its_beginning(page: Page) -> None:
    script = """
    const renderer = tools.markdown()(document.querySelector("#part"));
    const times = [];
    for (let i = 0; i < args[0].length; i += 100) {
      const begin = performance.now();
      renderer.write(args[0].slice(i, i + 100));
      times.push(performance.now() - begin);
    }
    renderer.end();
    const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];
    return [median(times.slice(0, 100)), median(times.slice(-100))];
    """
    row = "| an | **item** | `of` | a | table |\n"
    texts = {
        "prose": ANSWER * 300,
        "list": "- an **item** of a list\n" * 8000,
        "table": row + "|-|-|-|-|-|\n" + row * 6000,
        "code": "```\n" + "a line of code\n" * 14_000,
    }
    for kind, text in texts.items():
        first, last = run(page, script, text[:200_000])
        assert last < 10 * max(first, 0.2), kind
        page.reload()
