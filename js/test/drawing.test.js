/** What the Markdown renderer makes, counted, of the sources and of the built file. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { counted } from "./counted.js";
import { all, draw, made } from "./dom.js";

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
}
