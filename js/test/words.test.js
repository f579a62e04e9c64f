/** The words of each language: those of the sources, no more and no fewer. */

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { Linter } from "eslint";

const SOURCES = fileURLToPath(new URL("../src/", import.meta.url));
const PYTHON = fileURLToPath(new URL("../../flask_stream/", import.meta.url));
const STATIC = new URL("../../flask_stream/static/", import.meta.url);

/** Literals that look like words, and that no reader sees. */
const NOT_SAID = [
  ...["Accept", "Content-Type", "Flask-Stream", "Flask-Stream-Attempt", "Flask-Stream-Submission", "Idempotency-Key"],
  ...["Retry-After", "X-CSRFToken", "Enter", "Escape", "Files", "DOMContentLoaded", "Stop was refused: HTTP "],
  "StreamError",
];

/** Words that are the same in that language, as they are meant to be. */
const SAME = { de: ["Details"], nl: ["Details"] };

const languages = Object.fromEntries(
  await Promise.all(
    (await readdir(`${SOURCES}words`)).map(async (name) => {
      return [name.replace(".json", ""), JSON.parse(await readFile(`${SOURCES}words/${name}`, "utf8"))];
    }),
  ),
);

/** All strings of a source, and the calls of `say`. */
function stringsOf(source, name) {
  const found = [];
  const said = [];
  const rule = {
    create: () => ({
      Literal: ({ value }) => typeof value === "string" && found.push(value),
      TemplateElement: ({ value }) => found.push(value.cooked),
      CallExpression: ({ callee, arguments: [first] }) => callee.name === "say" && said.push(first),
    }),
  };
  const config = { plugins: { test: { rules: { strings: rule } } }, rules: { "test/strings": "error" } };
  assert.deepEqual(new Linter().verify(source, config), [], name);
  return { found, said };
}

const sources = (await readdir(SOURCES, { recursive: true })).filter((name) => name.endsWith(".js"));
const strings = await Promise.all(sources.map(async (name) => stringsOf(await readFile(SOURCES + name, "utf8"), name)));
const found = new Set(strings.flatMap((each) => each.found));
/** With `say` around it, or in a sentence's looks: a capital and small letters, or a place for a value. */
const said = new Set(strings.flatMap((each) => each.said).flatMap(({ value }) => (value ? [value] : [])));
const looksSaid = (text) => text !== "{}" && (/^\p{Lu}[^<>]*\p{Ll}/u.test(text) || text.includes("{}"));
const shown = new Set([...said, ...[...found].filter((text) => looksSaid(text) && !NOT_SAID.includes(text))]);

async function pythons() {
  const names = (await readdir(PYTHON, { recursive: true })).filter((name) => name.endsWith(".py"));
  const texts = await Promise.all(names.map((name) => readFile(PYTHON + name, "utf8")));
  return texts.join("\n").replace(/"\s*\n\s*"/g, ""); // a literal in several lines is one text
}

test("there are those languages that the client looks for", async () => {
  const known = [...(await readFile(`${SOURCES}language.js`, "utf8")).matchAll(/\["(\w+)", \(\) => import\("\.\/words\/(\w+)\.json"\)/g)];
  assert.deepEqual(known.map(([, name]) => name), Object.keys(languages).sort());
  for (const [, name, file] of known) assert.equal(file, name);
});

test("what looks like words in the sources is said, or known not to be", () => {
  assert.deepEqual(NOT_SAID.filter((text) => !found.has(text)), []);
  for (const text of ["Generating…", "Copy", "Using {}…", "The server sent no JSON.", "Good answer"]) assert.ok(shown.has(text), text);
});

for (const [name, words] of Object.entries(languages)) {
  describe(`the words of ${name}`, () => {
    test("are those of the client's texts", () => {
      assert.deepEqual([...shown].filter((text) => !Object.hasOwn(words, text)), []);
    });

    test("are for no other texts but the server's", async () => {
      const server = await pythons();
      assert.deepEqual(Object.keys(words).filter((text) => !shown.has(text) && !server.includes(`"${text}"`)), []);
    });

    test("are there, each with the values of its text", () => {
      for (const [text, translated] of Object.entries(words)) {
        assert.equal(typeof translated, "string", text);
        assert.equal(translated, translated.trim(), text);
        assert.ok(translated, text);
        assert.equal(translated.split("{}").length, text.split("{}").length, text);
      }
    });

    test("are another language's", () => {
      const same = Object.entries(words).filter(([text, translated]) => text === translated);
      assert.deepEqual(same.map(([text]) => text), SAME[name] ?? []);
    });

    test("say different things of different things", () => {
      const all = Object.values(words);
      assert.deepEqual(all.filter((text, i) => all.indexOf(text) < i), []);
    });

    test("end as their texts do", () => {
      const ending = (text) => /[.。]$/.test(text) ? "." : text.endsWith("…") ? "…" : "";
      for (const [text, translated] of Object.entries(words)) assert.equal(ending(translated), ending(text), translated);
    });

    test("are in the built file, without what cannot be seen", async () => {
      const file = new URL(`flask-stream-words-${name}.js`, STATIC);
      assert.deepEqual((await import(file)).default, words);
      assert.doesNotMatch(await readFile(file, "utf8"), /[\p{Cf}\u00a0\u202f]/u);
      assert.doesNotMatch(await readFile(`${SOURCES}words/${name}.json`, "utf8"), /[\p{Cf}\u00a0\u202f]/u);
    });
  });
}

test("all languages have the same texts, in the same order", () => {
  const [first, ...others] = Object.values(languages).map(Object.keys);
  for (const keys of others) assert.deepEqual(keys, first);
});

describe("a language writes as it is written", () => {
  const texts = (name) => Object.values(languages[name]);

  test("French has a narrow space before what is two-part, and its apostrophe", () => {
    for (const text of texts("fr")) assert.doesNotMatch(text, /(?<!\u202f)[:;?!]|'/, text);
  });

  test("Chinese and Japanese have full-width punctuation", () => {
    for (const text of [...texts("zh"), ...texts("ja")]) assert.doesNotMatch(text, /[,:;?!()]|\.$/, text);
  });

  test("Arabic has its own comma and question mark", () => {
    for (const text of texts("ar")) assert.doesNotMatch(text, /[,;?]/, text);
  });
});
