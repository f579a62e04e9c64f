/**
 * Bundles pages as a front end's own tools would, in development.
 *
 *     node bundle.mjs FOLDER    FOLDER/{react,vue}….{ts,tsx} become FOLDER/bundle/{react-18,react-19,vue}….js;
 *                               and of those that are hydrated, the markup is in ….html
 */

import { build } from "esbuild";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { compileScript, parse } from "vue/compiler-sfc";

const MODULES = fileURLToPath(new URL("../../node_modules/", import.meta.url));
const STATIC = fileURLToPath(new URL("../../../flask_stream/static/", import.meta.url));
const CLIENT = {
  "flask-stream": join(STATIC, "flask-stream.js"),
  "flask-stream/chat": join(STATIC, "flask-stream-chat.js"),
};
const REACT_18 = { react: "react-18", "react-dom": "react-dom-18" };
const folder = process.argv[2];

const isCustomElement = (tag) => tag.startsWith("flask-");

/** What Vue's own plugin for bundlers does, so far as these need it. */
const vue = {
  name: "vue",
  setup(build) {
    build.onLoad({ filter: /\.vue$/ }, async ({ path }) => {
      const options = { filename: path, templateParseOptions: { isCustomElement } };
      const { descriptor } = parse(await readFile(path, "utf8"), options);
      const { content } = compileScript(descriptor, { id: path, inlineTemplate: true });
      return { contents: content, loader: "ts" };
    });
  },
};

/**
 * @param {string} entry
 * @param {string} name
 * @param {Record<string, string>} [alias]
 */
async function bundle(entry, name, alias) {
  const outfile = join(folder, "bundle", `${name}.js`);
  await build({
    entryPoints: { [name]: join(folder, entry) },
    outdir: join(folder, "bundle"),
    bundle: true,
    splitting: true,
    format: "esm",
    jsx: "automatic",
    alias: { ...CLIENT, ...alias },
    nodePaths: [MODULES],
    plugins: [vue],
    define: {
      "process.env.NODE_ENV": '"development"',
      __VUE_OPTIONS_API__: "true",
      __VUE_PROD_DEVTOOLS__: "false",
      __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "false",
    },
    logLevel: "error",
  });
  if (!name.endsWith("-hydrated")) return;
  const { markup } = await import(pathToFileURL(outfile).href);
  await writeFile(join(folder, "bundle", `${name}.html`), await markup());
}

await mkdir(join(folder, "bundle"));
await writeFile(join(folder, "bundle/package.json"), '{ "type": "module" }');
for (const [kind, react, vue] of [
  ["", "react.tsx", "vue.ts"],
  ["-hydrated", "react-hydrated.tsx", "vue-hydrated.ts"],
]) {
  await bundle(react, `react-18${kind}`, REACT_18);
  await bundle(react, `react-19${kind}`);
  await bundle(vue, `vue${kind}`);
}
process.exit(); // React's renderer for browsers keeps a channel open
