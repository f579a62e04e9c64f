/**
 * Takes of marked what the markdown renderer needs: its lexer, without the modes and ways in that are never used.
 *
 * marked's package is one file, in which a bundler cannot tell the lexer from the rest. Its source map has the modules
 * that it was made of.
 */

import { readFile } from "node:fs/promises";

const map = new URL(`${import.meta.resolve("marked")}.map`);
/** @type {{ sources: string[], sourcesContent: string[] }} */
const { sources, sourcesContent } = JSON.parse(await readFile(map, "utf8"));
const ENTRY = "../src/entry.ts";
const modules = new Map(sources.map((path, i) => [path, sourcesContent[i]]));
modules.set(
  ENTRY,
  'export { _Lexer as Lexer } from "./Lexer.ts"; export { _Tokenizer as Tokenizer } from "./Tokenizer.ts"',
);

/**
 * @param {string} table
 * @returns {string[]} the names in one of marked's tables of rules
 */
function namesIn(table) {
  const rule = new RegExp(`^(?:export )?const ${table} = \\{[^]*?^\\}`, "m");
  const [body] = modules.get("../src/rules.ts")?.match(rule) ?? [];
  if (!body) throw new Error(`marked has no table «${table}» any more.`);
  return Array.from(body.matchAll(/^ {2}(\w+)[:,]/gm), ([, name]) => name);
}

/** Names of properties that only this bundle knows, which cost less when they are short. */
const names = [
  // Those in one word may be the page's too.
  ...[...namesIn("other"), ...namesIn("inlineNormal")].filter((name) => /[A-Z_]/.test(name)),
  ..."autolink codeBlockStyle emStrongMask escaped highlighted infiniteLoopError inlineQueue inRawBlock".split(" "),
  ..."lastPossibleDelCloserIndex lastPossibleEmStrongCloserIndex linkEmitted linkInText linkParenPossible".split(" "),
  ..."loose ordered sourceOf startBlock startInline task wrapper".split(" "),
];
export const mangleProps = new RegExp(`^(?:${names.join("|")})$`);

/** @param {string} source a module of marked */
function lean(source) {
  return source
    .replace(/^ {2}(?:static lex|lex\()[^]*?^ {2}\}\n/gm, "")
    .replace(/^const \w*(?:Pedantic|Breaks)\w*\b.*\n(?:[ }].*\n)*/gm, "")
    .replace(/^ +(?:pedantic|breaks): (?:block|inline)(?:Pedantic|Breaks),\n/gm, "")
    .replace(/^ +pedantic\w+: \/.*\n/gm, "")
    .replace(/^ {2}normal: (?:block|inline)Normal,\n/gm, "")
    .replace(/: (block|inline)\.normal\b/g, ": $1.gfm")
    .replace(/^ +if \(this\.options\.pedantic\) \{\n +rules\.[^]*?^ {4}\}\n/m, "")
    .replaceAll("options || _defaults", "options")
    .replace(/this\.options\.(?:pedantic|breaks|silent)/g, "false")
    .replaceAll("this.options.gfm", "true")
    .replace(/^const supportsLookbehind = [^]*?^\}\)\(\);/m, "const supportsLookbehind = true;")
    // What GFM's rules or ours (src/markdown/rules.js) replace.
    .replace(/^const (?:delLDelim|delRDelim|emStrongRDelimAst)\w* =[^]*?;.*\n/gm, "")
    .replace(/^const (?:emStrongLDelim|inlineText|lheading|paragraph) =[^]*?;.*\n/gm, "")
    .replace(/^ {2}(?:delLDelim|delRDelim|emStrongRDelimAst)\b.*\n/gm, "")
    .replace(/^ {2}(?:emStrongLDelim|lheading|paragraph|text: inlineText|\w+: noopTest),.*\n/gm, "")
    // What marked does for a tokenizer of which it knows nothing.
    .replace("this.tokenizer.paragraph === _Tokenizer.prototype.paragraph", "true")
    .replace(/\n +\|\| this\.tokenizer\.(?:emStrong|del) !== .*/g, "");
}

export const lexerOfMarked = {
  name: "lexer-of-marked",
  /** @param {import("esbuild").PluginBuild} build */
  setup(build) {
    const namespace = "marked";
    build.onResolve({ filter: /^marked$/ }, () => ({ path: ENTRY, namespace }));
    build.onResolve({ filter: /^\.\//, namespace }, ({ path }) => ({ path: `../src/${path.slice(2)}`, namespace }));
    build.onLoad({ filter: /^/, namespace }, ({ path }) => ({
      contents: lean(modules.get(path) ?? ""),
      loader: "ts",
    }));
  },
};
