/**
 * Builds the client into the Python package, or into the npm package.
 *
 *     node build.mjs            writes flask_stream/static/ and prints the sizes
 *     node build.mjs --check    writes nothing: exits 1 when the files are not what a build would write
 *     node build.mjs --dist     writes the same files into dist/, for npm, and the types for front ends
 */

import { build } from "esbuild";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { lexerOfMarked } from "./build-marked.mjs";

const SOURCES = new URL("src/", import.meta.url);
const STATIC = new URL("../flask_stream/static/", import.meta.url);
const DIST = new URL("dist/", import.meta.url);
const WORDS = new URL("words/", SOURCES);

/** What is bundled has a licence of its own, which has to go where it goes. */
const NOTICE = "/*! Contains marked, which has its own licence: flask-stream-markdown.LICENSE.txt */\n";

/**
 * Budgets are for `gzip -9 FILE`, which makes up to 30 bytes more of it than zlib: the file's name is among them.
 *
 * The bundler's own minifier has to do, and names of properties stay as they are: that costs some 300 bytes of the
 * core and 700 of Markdown's, and spares a second minifier and a list of names.
 *
 * Of the core's, 240 bytes are for what has to be there before a connection is lost: the key of each request, where
 * the run is kept and how far it has been read, and Stop. What goes on with the run is in the second file. 470 are for
 * words in the page's language, for the id and the number of each attempt, and for the question that stays in view.
 *
 * Of the second file's, 260 bytes are for the names of the languages' files, which bundlers look for one by one, and for
 * what is shown already when the page's words come.
 *
 * Of Markdown's, 1,400 bytes are for its bounds (src/markdown/bounds.js and blocks.js): marked has none, and froze
 * pages; 100 are for the reader, who is followed where a text is drawn in several turns.
 */
const TARGETS = [
  { entry: "index.js", file: "flask-stream.js", budget: 8690 },
  { entry: "more.js", file: "flask-stream-more.js", budget: 5020 },
  { entry: "markdown.js", file: "flask-stream-markdown.js", budget: 19_550, notice: NOTICE },
  { entry: "chat.js", file: "flask-stream-chat.js", budget: 6144 },
  { entry: "chat-more.js", file: "flask-stream-chat-more.js", budget: 3072 },
  { entry: "flask-stream.css", file: "flask-stream.css", budget: 2450 },
  { entry: "flask-chat.css", file: "flask-chat.css", budget: 3600 },
];

/** For the words of each language: Japanese takes the most. */
const BUDGET_OF_WORDS = 2560;

/** A file for each language that the client speaks beside English. */
const LANGUAGES = (await readdir(WORDS)).map((name) => ({
  entry: `words/${name}`,
  file: `flask-stream-words-${name.replace(".json", ".js")}`,
  budget: BUDGET_OF_WORDS,
}));

/** What goes beside them as it is. */
const COPIES = [
  { from: "src/flask-stream.d.ts", file: "flask-stream.d.ts" },
  { from: "src/flask-stream-chat.d.ts", file: "flask-stream-chat.d.ts" },
  { from: "src/flask-stream-markdown.d.ts", file: "flask-stream-markdown.d.ts" },
  { from: "src/flask-stream-words.d.ts", file: "flask-stream-words.d.ts" },
  { from: "node_modules/marked/LICENSE", file: "flask-stream-markdown.LICENSE.txt" },
];

/** What is of use to those alone who have a bundler. */
const FOR_NPM = ["react", "vue", "svelte"].map((name) => `flask-stream-${name}.d.ts`);

/** What one target needs of another is a file beside it. */
const besides = {
  name: "besides",
  /** @param {import("esbuild").PluginBuild} build */
  setup(build) {
    build.onResolve({ filter: /^\.\.?\// }, ({ kind, path }) => {
      const target = [...TARGETS, ...LANGUAGES].find(({ entry }) => path.replace(/^\.\.?\//, "") === entry);
      return kind !== "entry-point" && target ? { path: `./${target.file}`, external: true } : null;
    });
  },
};

/** @param {string} entry */
async function bundle(entry) {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(entry, SOURCES))],
    bundle: true,
    minify: true,
    format: "esm",
    charset: "utf8",
    target: ["es2022", "chrome112", "firefox111", "safari16.4"],
    write: false,
    plugins: [besides, lexerOfMarked],
    logLevel: "warning",
  });
  return outputFiles[0].contents;
}

/**
 * A module, which a page of any policy may load. What is not seen (what isolates a text from the direction of others,
 * a narrow space) is written as an escape.
 *
 * @param {string} entry
 */
async function wordsOf(entry) {
  const words = JSON.stringify(JSON.parse(await readFile(new URL(entry, SOURCES), "utf8")));
  const seen = words.replace(/[\u202f\u2068\u2069]/g, (hidden) => `\\u${hidden.charCodeAt(0).toString(16)}`);
  return Buffer.from(`export default ${seen};\n`);
}

const checkOnly = process.argv.includes("--check");
const forNpm = process.argv.includes("--dist");
let failed = false;

/**
 * @param {string} file
 * @param {Buffer} content
 */
async function deliver(file, content) {
  if (!checkOnly) {
    await writeFile(new URL(file, forNpm ? DIST : STATIC), content);
  } else if (!content.equals(await readFile(new URL(file, STATIC)).catch(() => Buffer.alloc(0)))) {
    console.error(`flask_stream/static/${file} is stale: run "npm run build" in js/ and commit the result.`);
    failed = true;
  }
}

if (forNpm) {
  await rm(DIST, { recursive: true, force: true });
  await mkdir(DIST);
}

/**
 * @param {string} file
 * @param {number} budget
 * @param {Buffer} built
 */
async function weighAndDeliver(file, budget, built) {
  const size = gzipSync(built, { level: 9 }).length;
  console.log(`${file}: ${built.length} bytes, ${size} gzip (budget ${budget})`);
  if (size > budget) {
    console.error(`${file} is over its budget by ${size - budget} bytes.`);
    failed = true;
  }
  await deliver(file, built);
}

for (const { entry, file, budget, notice = "" } of TARGETS) {
  await weighAndDeliver(file, budget, Buffer.concat([Buffer.from(notice), await bundle(entry)]));
}
for (const { entry, file, budget } of LANGUAGES) await weighAndDeliver(file, budget, await wordsOf(entry));
for (const { from, file } of COPIES) await deliver(file, await readFile(new URL(from, import.meta.url)));
if (forNpm) for (const file of FOR_NPM) await deliver(file, await readFile(new URL(file, SOURCES)));

process.exitCode = failed ? 1 : 0;
