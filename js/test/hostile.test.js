/** Markdown that means harm: no text costs more than its length does. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { isTangled, pieces, place } from "../src/markdown/bounds.js";
import { visible } from "../src/markdown/code.js";
import { close, holdEnd, holdLine } from "../src/markdown/complete.js";
import { labelsIn, Lexed } from "../src/markdown/lex.js";
import { mathOptions } from "../src/markdown/math.js";
import { address, isAllowed } from "../src/markdown/urls.js";
import { counted, soup } from "./counted.js";

/** What stands in all blocks, read as they are when they are drawn. */
function read(text, extra) {
  const lexed = new Lexed(text, {}, extra);
  const inside = (token) => {
    const cells = Array.isArray(token.header) ? [token.header, ...token.rows].flat() : [];
    return [
      ...(Array.isArray(token.tokens) ? [lexed.inline(lexed.sourceOf(token.tokens))] : []),
      ...[...(token.tokens ?? []), ...(token.items ?? []), ...cells].flatMap(inside),
    ];
  };
  return lexed.blocks.flatMap(inside);
}

const types = (text) => new Lexed(text, {}).inline(text).map(({ type }) => type);

describe("work that is counted", () => {
  // Twice the text may be a little more than twice the work: marks stand at other places in it. Or much more, where
  // once is next to nothing, since it is shown as it was written. No character is gone over more than 1,200
  // times: so many looks may a piece of 4,000 characters begin.
  for (const [name, extra] of [["plain"], ["with formulas", mathOptions]]) {
    test(`grows as 120 soups of marks and lines do, ${name}`, () => {
      const wrong = [];
      for (let seed = 1; seed <= 120; seed++) {
        const [once, twice] = [8000, 16_000].map((length) => counted(() => read(soup(seed, length), extra)));
        if (twice > Math.max(2.5 * once, 64 * 16_000) || twice > 1200 * 16_000) wrong.push({ soup: soup(seed, 40), once, twice });
      }
      assert.deepEqual(wrong, []);
    });
  }

  test("grows as what is guessed of an open end does", () => {
    const guess = (text) => {
      const source = holdEnd(holdLine(text, true), true);
      close(source, new Lexed("", {}).inline(source), true);
      labelsIn(text);
    };
    for (const unit of ["[a](", "\\[", "\\[\n", "[a]: ", "`a", "[a]:", "<http:a", "$a ", "&a", "](", "| `a", "~~ a"]) {
      const [once, twice] = [1000, 2000].map((length) => counted(() => guess(unit.repeat(length / unit.length))));
      assert.ok(twice < 2.5 * once + 100, `${unit}: ${once}, ${twice}`);
    }
  });
});

describe("a paragraph", () => {
  test("is shown as it was written where more than a thousand marks are in a piece of it", () => {
    const text = "*a* ".repeat(600);
    assert.deepEqual(new Lexed("", {}).inline(text), [{ type: "raw", raw: text }]);
    assert.ok(isTangled("*".repeat(16_000)), "in one run, too");
    assert.ok(!isTangled("*a* `b` [c](d) ".repeat(100)));
    const found = types(`${text}${"some words ".repeat(500)}**end**`);
    assert.ok(found.includes("raw") && found.includes("strong"), "but not where it is prose");
  });

  test("of ordinary prose is read, whatever marks that has", () => {
    const lines = {
      "**Hund** - *dog* [hunt]\n": 200,
      "**Anna:** What do you say? Well, I never heard the like of it.\n": 600,
      "a **bold** word among all the others ": 600,
      "This is great! ": 1100,
      "Salt & pepper for $2 by @cook & co. ": 600,
      "it_is_a_snake_case_name and ": 300,
      "\\frac{a}{b} + \\sqrt{c} ": 400,
      "2*3*x\n": 600,
    };
    for (const [line, count] of Object.entries(lines)) assert.ok(!types(line.repeat(count)).includes("raw"), line);
  });

  test("with fewer is read, however many of them nothing closes", () => {
    assert.ok(!types("a *b c ".repeat(400)).includes("em"));
    assert.ok(types(`${"a *b c ".repeat(150)}**d**`).includes("strong"));
    assert.ok(!types(`${"a *b c ".repeat(300)}d* **e**`).includes("strong"), "nothing is closed behind so many");
    const names = "some_snake_case_name = 2 * 3 ".repeat(130);
    assert.ok(types(`${names}**d**`).includes("strong"), "what opens nothing does not count");
  });

  test("that is long is read in pieces, cut behind a line or a word", () => {
    const text = "some **bold** words\n".repeat(1000);
    const cut = pieces(text);
    assert.equal(cut.join(""), text);
    assert.ok(cut.length > 4 && cut.every((piece) => piece.length <= 4000 && piece.endsWith("\n")));
    assert.equal(types(text.slice(0, 4900)).filter((type) => type === "strong").length, 245);
  });

  test("is not cut within a character", () => {
    for (const piece of pieces(`a${"😀".repeat(5000)}`)) assert.doesNotMatch(piece, /^[\udc00-\udfff]/);
    assert.equal(place("a b c", 4), 4);
    assert.equal(place("a\nb\nc", 12), 2, "a line is work, too");
    assert.equal(place("abc", 3), 3);
  });
});

describe("blocks", () => {
  const depth = ({ tokens = [], items = [] }) => 1 + Math.max(0, ...[...tokens, ...items].map(depth));

  test("are read to sixteen levels", () => {
    const text = (levels) => "> ".repeat(levels) + "x";
    assert.equal(depth(new Lexed(text(16), {}).blocks[0]), 17);
    assert.equal(depth(new Lexed(text(3000), {}).blocks[0]), 18, "what is in the seventeenth is as it was written");
    for (const marks of [">".repeat(100), "> - ".repeat(50), "- > ".repeat(50)]) {
      const most = Math.max(...new Lexed(`${marks}\na\n> b\n`, {}).blocks.map(depth));
      // A list and its item are two.
      assert.ok(most <= (marks[0] === marks[1] ? 18 : 28), `${marks}, which a line without its marks goes on with`);
    }
    assert.ok(JSON.stringify(new Lexed(text(3000), {}).blocks).includes("x"));
  });

  test("that are a table end before they have more cells than characters, and than a thousand", () => {
    const head = "|a|b|c|d|\n|-|-|-|-|\n";
    assert.equal(new Lexed(`${head}${"|1|\n".repeat(200)}`, {}).blocks[0].rows.length, 200);
    const [table, rest, , end] = new Lexed(`${head}${"1\n".repeat(2000)}\nend`, {}).blocks;
    assert.deepEqual([table.rows.length, rest.type, end.type], [250, "paragraph", "paragraph"]);
    assert.equal(rest.raw.split("1").length, 1751);
  });

  test("that are a list keep all of a paragraph's lines", () => {
    const [list] = new Lexed(`- a\n${"b\n".repeat(1000)}\nend`, {}).blocks;
    assert.equal(list.items[0].text.split("\n").length, 1001);
    assert.equal(list.items[0].tokens[0].text.split("\n").length, 1001);
  });
});

describe("what a reader takes for something else", () => {
  test("is visible in code: overrides of the direction, and what a terminal obeys", () => {
    assert.equal(visible("a\u202eb\u2066c\x1b[31md"), "a[U+202E]b[U+2066]c[U+001B][31md");
    assert.equal(visible("\x07\x85\x7f"), "[U+0007][U+0085][U+007F]");
    assert.equal(visible("\u061c\u200e\u200f\u2028\u2029"), "[U+061C][U+200E][U+200F][U+2028][U+2029]");
    assert.equal(visible("a\tb\nשלום é 👩\u200d💻"), "a\tb\nשלום é 👩\u200d💻");
  });

  test("is no link where the page does not want it", () => {
    const base = "https://page.example/";
    const asked = [];
    const links = (url) => asked.push(url.host) && url.host === "good.example";
    assert.ok(isAllowed("https://good.example/x", base, false, links));
    assert.ok(!isAllowed("//evil.example/good.example", base, false, links));
    assert.ok(!isAllowed("https://evil.example/x.png", base, true, links), "nor a picture");
    assert.ok(!isAllowed("javascript:good", base, false, () => true));
    assert.deepEqual(asked, ["good.example", "evil.example", "evil.example"]);
    assert.ok(!isAllowed("https://good.example/x", base, false, async () => false), "nor if it says so later");
  });

  test("is no address of more than 2,000 characters", () => {
    assert.equal(address(`http://x.org/${"a".repeat(2000)}`), null);
    assert.equal(address(`http://x.org/${"a".repeat(1900)}`)?.length, 1913);
  });
});
