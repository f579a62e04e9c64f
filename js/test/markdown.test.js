import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { close, holdEnd, holdLine } from "../src/markdown/complete.js";
import { decode } from "../src/markdown/entities.js";
import { labelsIn, Lexed } from "../src/markdown/lex.js";
import { mathOptions } from "../src/markdown/math.js";
import { Settled } from "../src/markdown/settled.js";
import { address, isAllowed } from "../src/markdown/urls.js";

describe("a line that has begun", () => {
  const marks = String.raw`
    # ## - * + 1 12. 1) > --- === | |--| ${"`"} ${"``"} ${"```"} ${"```py"} ** __ ~~ ~~~x [a]: [a]:/x
  `;
  const held = [...marks.trim().split(/\s+/), "- ", "> - ", "> > ", "* * *", "| -", "- ```py", "> ~~~ x", "  "];
  for (const line of [...held, "[a]: http://x", '[a]: /x "t', "> [a]: /x"]) {
    test(`«${line}» is held back`, () => {
      assert.equal(holdLine(line, false), "");
      assert.equal(holdLine(`text\n${line}`, false), "text\n");
      assert.equal(holdLine(`${line}\n`, false), `${line}\n`, "a whole line is not");
    });
  }
  const clear = ["# a",
    "- a", "1. a", "1a", "> a", "a", "-a", "| a", "`a", "``` a `", "**a", "[a]", "[a] :", "<b>", "$$"];
  for (const line of clear) test(`«${line}» is not`, () => assert.equal(holdLine(line, false), line));

  test("nor is a line that is too long for marks", () => assert.equal(holdLine("-".repeat(500), false).length, 500));

  test("a formula that is a block is held back to its end, if it may be one", () => {
    for (const formula of ["$$", "$$\na\n", "\\[ a\n- b", "$$ a $"]) {
      assert.equal(holdLine(`a\n${formula}`, true), "a\n");
    }
    for (const text of ["$$\na\n$$ b", "\\[ a \\] b", "b $$", "\\( a"]) {
      assert.equal(holdLine(`a\n${text}`, true), `a\n${text}`);
    }
    assert.equal(holdLine(`$$ ${"a".repeat(5000)}`, true).length, 5003);
  });
});

describe("a text that has no end yet", () => {
  /** What is drawn of it. */
  const guess = (source, { header = true, math = false } = {}) => {
    const held = holdEnd(source, header);
    return close(held, new Lexed("", {}, math ? mathOptions : {}).inline(held), math);
  };

  // What has arrived → what is drawn of it; «same» for all of it.
  const CASES = String.raw`
    a → same
    a\nb → same
    **bo → **bo**
    **bo* → **bo**
    **bo** → same
    a ** → a
    a ** b → same
    *a **b → *a **b***
    ***a → ***a***
    ***a** b → ***a** b*
    *a* *b → *a* *b*
    *_~~a → *_~~a~~_*
    *a * → *a*
    _a → _a_
    a*b → a*b*
    2 * 3 → same
    a_b_c → same
    \*a → same
    ~~~a → same
    a ~b → same
    a ~b~ c~~d → a ~b~ c~~d~~
    **~5 → **~5**
    字**「a → 字**「a**
    𠮷**(a → 𠮷**(a**
    字~~(a → 字~~(a~~
    a**(b → same
    字_(a → same
    a <br → a
    a <br / → a
    'a → 'a'
    'a*b → 'a*b'
    ''a' → ''a''
    ''a ' b → ''a ' b''
    a ' → a
    'a' 'b → 'a' 'b'
    **a 'b → **a 'b'**
    a [b → a b
    a [b] → a b
    a [b]( → a b
    a [b](http://x → a b
    a [b](<x y> "t → a b
    a [b](c d → same
    a [b] c → same
    a [b][c → a b
    a [b][c] → same
    a [b](c) → same
    a [b *c](d → a b *c*
    a [b [c → a b c
    a[0 → same
    a[0] → same
    a [** → a
    **[a](b → **a**
    a ](b → same
    a ! → a
    a ![ → a
    a ![b → a
    a ![b](c → a
    a ![b](c) → same
    **a ![b → **a**
    [![a](b)](c → ![a](b)
    a < → a
    a <b → a
    a <b c → same
    a <b> → same
    <http://x.org/y → http://x.org/y
    a <me@x.o → a me@x.o
    a < b → same
    a & → a
    a &am → a
    a &#x2 → a
    a &amp; → same
    a & b → same
    a \ → a
    [ →
    [x →
    [ ] →
    [x] a → same
    [1]: →
    [1]: /x "a b →
    [1]: /x a → same
    | a →
    a\n| b | → a
    a | b → a
    a\nb | c → a\nb
    'a | b' c → same
    a \| b → same
    a | b\nc → same
  `;
  for (const line of CASES.trim().replaceAll("'", "`").replaceAll("\\n", "\f").split("\n")) {
    const [source, drawn] = line.replaceAll("\f", "\n").split("→").map((text) => text.trim());
    test(`«${source}» is drawn as «${drawn}»`, () => assert.equal(guess(source), drawn === "same" ? source : drawn));
  }

  test("spaces at the end are not drawn", () => {
    assert.deepEqual(["a ", "**a ", "`a ", "a ** "].map((text) => guess(text)), ["a", "**a**", "`a`", "a **"]);
  });

  test("a bar is one in a heading, and in a line too long for a table's head", () => {
    assert.equal(guess("a | b", { header: false }), "a | b");
    assert.equal(guess(`a | ${"b".repeat(200)}`).length, 204);
  });

  test("a formula is held back, a price is not", () => {
    for (const open of ["a $x", "a $$x", "a \\(x", "a \\[ x"]) assert.equal(guess(open, { math: true }), "a", open);
    for (const whole of ["a $x$ b", "a $5 b", "a $x$", "a \\(x\\) b", "a $ b"]) {
      assert.equal(guess(whole, { math: true }), whole);
    }
    assert.equal(guess("a $x"), "a $x");
  });

  test("only so much is taken to be open at once", () => {
    assert.ok(guess("*a ".repeat(1000)).length < 3100);
  });
});

describe("beside CJK characters", () => {
  const kinds = (source) => new Lexed("", {}).inline(source).map(({ type, raw }) => `${type} ${raw}`);
  test("marks open and close as in a word", () => {
    assert.deepEqual(kinds("字**「a」**字"), ["text 字", "strong **「a」**", "text 字"]);
    assert.deepEqual(kinds("a~~(b)~~字"), ["text a~~(b)~~字"]);
    assert.deepEqual(kinds("字~~(b)~~字"), ["text 字", "del ~~(b)~~", "text 字"]);
  });
  test("what holds within emphasis does not hold behind it", () => {
    assert.deepEqual(kinds("**字「**a**(b)**c"), ["strong **字「**", "text a**(b)**c"]);
  });
  test("an address ends", () => {
    assert.deepEqual(kinds("https://a.org/b。c"), ["link https://a.org/b", "text 。c"]);
    assert.deepEqual(kinds("https://a.org/bを"), ["link https://a.org/b", "text を"]);
    assert.deepEqual(kinds("https://a.org/を"), ["link https://a.org/を"]);
  });
});

describe("character references", () => {
  test("by number and by name", () => {
    const decoded = decode("&amp;&lt;&gt;&quot;&nbsp;&#65;&#x41;&#X1f600; & &#; &x &#xg;");
    assert.equal(decoded, '&<>"\u00a0AA😀 & &#; &x &#xg;');
  });
  test("what is no character is the replacement character", () => {
    assert.equal(decode("&#0;&#xD800;&#x110000;&#9999999;"), "\ufffd".repeat(4));
  });
  test("are decoded once", () => assert.equal(decode("&amp;lt; &#38;lt;"), "&lt; &lt;"));
  test("stay as they are where there is no browser to ask", () => assert.equal(decode("&hearts;"), "&hearts;"));
});

describe("addresses", () => {
  const base = "https://page.example/x/";
  test("are percent-encoded, once", () => {
    assert.equal(address("/ä b%20c%[d]"), "/%C3%A4%20b%20c%%5Bd%5D");
    assert.equal(address("/\ud800"), null);
  });
  test("have no character references, but for autolinks", () => {
    assert.equal(address("/?a&amp;b"), "/?a&b");
    assert.equal(address("/?a&amp;b", true), "/?a&amp;b");
  });
  test("lead where they may", () => {
    for (const href of ["x", "//h", "http:x", "HTTPS://h", "mailto:a", "tel:1", "#", ""]) {
      assert.ok(isAllowed(href, base), href);
    }
    const scripts = ["javascript:x", " javascript:x", "java\nscript:x", "\u0001javascript:x"];
    for (const href of [...scripts, "data:,", "blob:x", "file:///x", "ftp://h", "https://["]) {
      assert.ok(!isAllowed(href, base), href);
    }
    assert.ok(!isAllowed(null, base));
    assert.ok(!isAllowed("x", "file:///page"), "a page on disk links to no file");
  });
  test("pictures come by HTTP", () => {
    assert.ok(isAllowed("x", base, true));
    assert.ok(!isAllowed("mailto:a", base, true));
  });
});

describe("link definitions", () => {
  test("are found in lists and quotes, and the first of a name counts", () => {
    const settled = new Settled();
    settled.define(new Lexed("[a]: /1\n[a]: /2\n\n> [b]: /3 't'\n\n- x\n\n  [c]: /4\n", {}).blocks);
    assert.deepEqual(Object.entries(settled.links).map(([name, { href, title }]) => [name, href, title]), [
      ["a", "/1", undefined],
      ["b", "/3", "t"],
      ["c", "/4", undefined],
    ]);
  });
  test("are the first thousand that there are", () => {
    const settled = new Settled();
    const text = (from) => Array.from({ length: 700 }, (_, i) => `[${from + i}]: /x\n`).join("");
    for (const from of [0, 700]) settled.define(new Lexed(text(from), {}).blocks);
    assert.deepEqual(Object.keys(settled.links).map(Number), [...Array(1000).keys()]);
  });
  test("are waited for by each label in a text", () => {
    assert.deepEqual([...labelsIn("[A  b] [c][d\n> e] [f [g\\]] ![ẞ]")], ["a b", "c", "d e", "g\\]", "ss"]);
  });
});
