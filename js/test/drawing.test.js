/** What the Markdown renderer makes, counted, of the sources and of the built file. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { blocks, clock, counted, soup } from "./counted.js";
import { all, cut, draw, made, outline } from "./dom.js";
import { PATTERNS } from "./patterns.js";

const RENDERERS = {
  "the sources": (await import("../src/markdown.js")).markdown,
  "the built file": (await import("../../flask_stream/static/flask-stream-markdown.js")).markdown,
};

/** So many steps, as they are counted, a machine makes in a millisecond: one that is neither fast nor busy. */
const STEPS_A_MS = 500_000;

/** The work for a text, and how many nodes are made for it. */
async function work(markdown, pieces) {
  const before = made.elements + made.texts;
  let steps = 0;
  const later = globalThis.setTimeout;
  globalThis.setTimeout = (call) => later(() => (steps += counted(call)));
  const { now } = performance;
  performance.now = () => clock.steps / STEPS_A_MS;
  const renderer = markdown()(document.createElement("div"));
  for (const piece of pieces) steps += counted(() => renderer.write(piece));
  let end;
  steps += counted(() => (end = renderer.end()));
  await end;
  globalThis.setTimeout = later;
  performance.now = now;
  return { steps, nodes: made.elements + made.texts - before };
}

for (const [name, markdown] of Object.entries(RENDERERS)) {
  describe(`twice as much is some twice the work, by ${name}`, () => {
    for (const [of, text] of Object.entries(PATTERNS)) {
      for (const [how, length, size] of [["at once", Infinity, 12_500], ["in pieces", 2000, 25_000]]) {
        if (length < Infinity && markdown !== RENDERERS["the built file"]) continue;
        test(`of ${JSON.stringify(of)}, ${how}`, async () => {
          const of = (text) => work(markdown, length === Infinity ? [text] : cut(text, length));
          const [once, twice] = [await of(text(size)), await of(text(2 * size))];
          // It may be more, where once is little, since it was shown as it was written.
          const most = Math.max(2.7 * once.steps, 600 * 2 * size);
          assert.ok(twice.steps <= most, `${once.steps} steps, ${twice.steps} steps`);
          assert.ok(twice.nodes <= 2 * 2 * size, `${twice.nodes} nodes`);
        });
      }
    }
  });

  describe(`one definition that many links have, by ${name}`, () => {
    const uses = (count) => `${"[a] ".repeat(100)}\n\n`.repeat(count / 100);
    const links = async (definition, count) => {
      const part = await draw(markdown, [`${definition}\n\n${uses(count)}`]);
      return all(part, "a").length;
    };

    for (const [of, definition] of [
      ["a long title", `[a]: /x "${"&amp;".repeat(390)}"`],
      ["a long address", `[a]: /${"&amp;".repeat(390)}`],
      ["a title that is too long", `[a]: /x "${"&amp;".repeat(5000)}"`],
    ]) {
      test(`costs what the links do, with ${of}`, async () => {
        assert.equal(await links(definition, 1000), 1000);
        const text = (one) => [`${one}\n\n${uses(10_000)}`];
        const [short, long] = [await work(markdown, text("[a]: /x")), await work(markdown, text(definition))];
        assert.ok(long.steps < short.steps + 60 * definition.length, `${short.steps}, ${long.steps}`);
      });
    }

    test("has no title of more than 2,000 characters", async () => {
      for (const [length, expected] of [[2000, 2000], [2001, undefined]]) {
        const part = await draw(markdown, [`[a](/x "${"t".repeat(length)}")`]);
        assert.equal(all(part, "a")[0].attributes.title?.length, expected);
      }
    });
  });

  test(`a thousand definitions cost little more, once they are read, by ${name}`, async () => {
    const text = (length) => "some words\n\n".repeat(length / 12);
    const definitions = Array.from({ length: 1000 }, (_, i) => `[l${i}]: /x\n`).join("");
    const of = async (...texts) => (await work(markdown, texts.flatMap((text) => cut(text, 300)))).steps;
    const [both, first, words] = [await of(definitions, text(24_000)), await of(definitions), await of(text(24_000))];
    assert.ok(both < first + 1.2 * words, `${both}, ${first}, ${words}`);
  });

  describe(`a table with more columns than its rows have, by ${name}`, () => {
    const table = (columns, rows) => `|${"a|".repeat(columns)}\n|${"-|".repeat(columns)}\n${"a\n".repeat(rows)}`;

    test("makes no more cells than it has characters, while it is streamed", async () => {
      for (const [columns, rows, length] of [[480, 480, 50], [30, 100, 2], [4, 20_000, 200]]) {
        const text = table(columns, rows);
        const { nodes } = await work(markdown, cut(text, length));
        assert.ok(nodes < 4 * text.length + 10_000, `${columns}, ${rows}: ${nodes} nodes`);
      }
    });

    test("comes to the same at once and in pieces", async () => {
      for (const [columns, rows] of [[30, 100], [4, 20_000], [2, 40]]) {
        const [whole, pieces] = [[table(columns, rows)], cut(table(columns, rows), 20)];
        assert.equal(outline(await draw(markdown, pieces)), outline(await draw(markdown, whole)));
      }
    });
  });

  test(`a table keeps its rows where a blank line has a tab in it, by ${name}`, async () => {
    for (const end of ["\t\n\n", "\t\n| 3 | 4 |\n", " \t\nend", "\t"]) {
      const text = `| a | b |\n|---|---|\n| 1 | 2 |\n${end}`;
      const whole = await draw(markdown, [text]);
      assert.equal(all(whole, "td").length, 2);
      for (const length of [1, 2, 8]) assert.equal(outline(await draw(markdown, cut(text, length))), outline(whole));
    }
  });

  describe(`headings begin where the page says, by ${name}`, () => {
    const text = "# a\n\nb\n=\n\n## c\n\n- # d\n\n###### e\n";
    const levels = async (headingLevel, length = text.length) => {
      const part = await draw(markdown, cut(text, length), { headingLevel });
      return Array.from({ length: 6 }, (_, i) => all(part, `h${i + 1}`).length);
    };

    test("and none is deeper than the sixth", async () => {
      assert.deepEqual(await levels(1), [3, 1, 0, 0, 0, 1]);
      assert.deepEqual(await levels(3), [0, 0, 3, 1, 0, 1]);
      assert.deepEqual(await levels(3, 1), [0, 0, 3, 1, 0, 1], "while they arrive");
      assert.deepEqual(await levels(6), [0, 0, 0, 0, 0, 5]);
    });

    test("or at the first, where it says what is no level", async () => {
      for (const junk of [undefined, null, 0, 7, -1, 2.5, NaN, "", "h3", "3 or 4", {}]) {
        assert.deepEqual(await levels(junk), [3, 1, 0, 0, 0, 1], `${junk}`);
      }
    });
  });

  describe(`a text that is streamed comes to the same as one that comes at once, by ${name}`, () => {
    const isSame = async (text, length) =>
      outline(await draw(markdown, cut(text, length))) === outline(await draw(markdown, [text]));

    test("whatever lines it has", async () => {
      const wrong = [];
      for (let seed = 1; seed <= 1000; seed++) {
        const text = blocks(seed, 3 + (seed % 12));
        if (!(await isSame(text, 1 + (seed % 4)))) wrong.push(text);
      }
      assert.deepEqual(wrong, []);
    });

    test("whatever marks are in it, and however long it is", async () => {
      for (let seed = 1; seed <= 12; seed++) {
        const text = soup(seed, 4000 * seed);
        assert.ok(await isSame(text, 700 + seed), text.slice(0, 60));
      }
    });

    const numbered = (count, line) => Array.from({ length: count }, (_, i) => line.replace("#", i)).join("");
    const fence = numbered(1500, "   x[#]: int = some(**code)\n");
    for (const [of, text, name, count] of [
      ["a long code block in an item", `1. a\n\n   \`\`\`py\n${fence}   \`\`\`\n\n2. b`, "pre", 1],
      ["a long code block in a quotation", `> \`\`\`\n${numbered(2000, "> code # goes on\n")}> \`\`\`\n\nend`, "pre", 1],
      ["a long table in an item", `- a\n\n  |a|b|\n  |-|-|\n${numbered(900, "  | row # | some **words** in it |\n")}\n- b`, "table", 1],
      ["a long list", numbered(4000, "- item # **a**\n"), "ul", 1],
      ["a long list that turns loose", `${numbered(3000, "- item #\n")}\n${numbered(500, "- item #\n\n")}`, "ul", 2],
      ["a long quotation", numbered(2200, "> quoted words of #\n"), "blockquote", 2],
      ["a long line without a space", "x".repeat(50_000), "p", 2],
    ]) {
      test(`with ${of}, too`, async () => {
        const whole = await draw(markdown, [text]);
        assert.equal(all(whole, name).length, count);
        for (const length of [333, 5000]) assert.equal(outline(await draw(markdown, cut(text, length))), outline(whole));
      });
    }

    test("where what looked like something goes on", async () => {
      const texts = [
        ...["- [a]\n\n  [a]:\n  http://x.org/abc\n", "> [a]\n>\n> [a]:\n> http://x.org/abc\n>\n> b\n"],
        ...["- [a]\n- b\n- [a]:\n  http://x.org/abc\n", "[a]:\n\n[a]:\n]:", "# [^1]x\n[^1]: \n^1", "[a]:\n\n[a]:\nb\t"],
        ..."[a]\n\n[a]: /x\n'title'\n\nb| [a]\n\n[a]: /x\n'no title\n\nb".split("|"),
      ];
      texts.push(`${">".repeat(17)}\n<?`);
      for (const text of texts) for (const length of [1, 2, 3, 7]) assert.ok(await isSame(text, length), text);
    });
  });
}
