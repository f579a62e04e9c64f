/** What the Markdown renderer makes, counted, of the sources and of the built file. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { counted } from "./counted.js";
import { all, cut, draw, made, outline } from "./dom.js";

const RENDERERS = {
  "the sources": (await import("../src/markdown.js")).markdown,
  "the built file": (await import("../../flask_stream/static/flask-stream-markdown.js")).markdown,
};

/** The work for a text, and how many nodes are made for it. */
async function work(markdown, pieces) {
  const before = made.elements + made.texts;
  let steps = 0;
  const later = globalThis.setTimeout;
  globalThis.setTimeout = (call) => later(() => (steps += counted(call)));
  const renderer = markdown()(document.createElement("div"));
  for (const piece of pieces) steps += counted(() => renderer.write(piece));
  let end;
  steps += counted(() => (end = renderer.end()));
  await end;
  globalThis.setTimeout = later;
  return { steps, nodes: made.elements + made.texts - before };
}

for (const [name, markdown] of Object.entries(RENDERERS)) {
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

  describe(`a table with more columns than its rows have, by ${name}`, () => {
    const table = (columns, rows) => `|${"a|".repeat(columns)}\n|${"-|".repeat(columns)}\n${"a\n".repeat(rows)}`;

    test("makes no more cells than it has characters, while it is streamed", async () => {
      for (const [columns, rows] of [[480, 480], [30, 100], [4, 20_000]]) {
        const text = table(columns, rows);
        const { nodes } = await work(markdown, cut(text, columns > 400 ? 50 : 2));
        assert.ok(nodes < 4 * text.length + 10_000, `${columns}, ${rows}: ${nodes} nodes`);
      }
    });

    test("comes to the same at once and in pieces", async () => {
      for (const [columns, rows] of [[30, 100], [4, 2000], [2, 40]]) {
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
}
