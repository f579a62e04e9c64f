/**
 * Builds the client into the Python package.
 *
 *     node build.mjs            writes the files and prints their sizes
 *     node build.mjs --check    writes nothing: exits 1 when the files are not what a build would write
 */

import { build } from "esbuild";
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const SOURCES = new URL("src/", import.meta.url);
const STATIC = new URL("../flask_stream/static/", import.meta.url);

const TARGETS = [
  { entry: "index.js", file: "flask-stream.js", budget: 5000 },
  { entry: "flask-stream.css", file: "flask-stream.css", budget: 2048 },
];

/** @param {string} entry */
async function bundle(entry) {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(entry, SOURCES))],
    bundle: true,
    minify: true,
    format: "esm",
    charset: "utf8",
    target: ["es2022", "chrome111", "firefox111", "safari16.4"],
    write: false,
    logLevel: "warning",
  });
  return Buffer.from(outputFiles[0].contents);
}

const checkOnly = process.argv.includes("--check");
let failed = false;

for (const { entry, file, budget } of TARGETS) {
  const built = await bundle(entry);
  const target = new URL(file, STATIC);
  const size = gzipSync(built, { level: 9 }).length;
  console.log(`${file}: ${built.length} bytes, ${size} gzip (budget ${budget})`);
  if (size > budget) {
    console.error(`${file} is over its budget by ${size - budget} bytes.`);
    failed = true;
  }
  if (!checkOnly) {
    await writeFile(target, built);
  } else if (!built.equals(await readFile(target).catch(() => Buffer.alloc(0)))) {
    console.error(`flask_stream/static/${file} is stale: run "npm run build" in js/ and commit the result.`);
    failed = true;
  }
}

process.exitCode = failed ? 1 : 0;
