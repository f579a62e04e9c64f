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

/** Put before each module, once the table `other` of these is the module's own names. */
const IMPORT = 'import * as other from "./rules.ts";\n';

/**
 * What is taken out of marked, or put in its place, one after the other. Each has to change something.
 *
 * @type {[what: string | RegExp, by: string | ((...groups: string[]) => string)][]}
 */
const CHANGES = [
  [/^ {2}(?:static lex|lex\()[^]*?^ {2}\}\n/gm, ""],
  [/^const \w*(?:Pedantic|Breaks)\w*\b.*\n(?:[ }].*\n)*/gm, ""],
  [/^ +(?:pedantic|breaks): (?:block|inline)(?:Pedantic|Breaks),\n/gm, ""],
  [/^ +pedanticHeading\w+: .*\n/m, ""],
  [/^ {2}normal: (?:block|inline)Normal,\n/gm, ""],
  [/: (block|inline)\.normal\b/g, ": $1.gfm"],
  [/^ +if \(this\.options\.pedantic\) \{\n +rules\.[^]*?^ {4}\}\n/m, ""],
  [/options \|\| _defaults/g, "options"],
  [/^ +this\.options\.tokenizer = .*\n/m, ""],
  [/this\.options\.(?:pedantic|breaks|silent)/g, "false"],
  [/this\.options\.gfm/g, "true"],
  [/^const supportsLookbehind = [^]*?^\}\)\(\);/m, "const supportsLookbehind = true;"],
  // What GFM's rules or ours (src/markdown/rules.js) replace.
  [/^const (?:delLDelim|delRDelim|emStrongRDelimAst)\w* =[^]*?;(?: \/\/.*)?\n/gm, ""],
  [/^const (?:emStrongLDelim|inlineText|lheading\w*|paragraph) =[^]*?;.*\n/gm, ""],
  [/^ {2}(?:del|delLDelim|delRDelim|emStrongRDelimAst)\b[:,].*\n/gm, ""],
  [/^ {2}(?:emStrongLDelim|lheading|lheading: lheadingGfm|paragraph|text: (?:inline|block)Text|\w+: noopTest),.*\n/gm, ""],
  [/^ {2}(?:lheading|paragraph|text)\(src[^]*?^ {2}\}\n/gm, ""],
  [/^ +if \(this\.options\.extensions\?\.startBlock\) \{[^]*?^ {6}\}\n/m, ""],
  // What keeps marked from looking in vain for what closes something: src/markdown/ bounds all looks.
  [/^ +if \(!hasDelimiter\) \{[^]*?^ {2}\}\n/m, "    return this.#tokenizeInlines(src, maskedSrc, tokens);\n  }\n"],
  [/^ +const firstChar = src\[0\];[^]*?(?=^ +\/\/ em & strong)/m, ""],
  [/^ +(?:const |if \(.*)(?:lastPossible|\w+CloserWindowStart).*\n/gm, ""],
  [/^ +\/\/ One paren scan[^]*?^ {2}\}\n/m, "    return this.#inlineTokensInner(src, tokens);\n  }\n"],
  [/^ +if \(this\.lexer\.state\.linkParenPossible[^]*?\}\n/m, ""],
  [/^ +linkParenPossible.*\n/gm, ""],
  // Character references, and where there are none: src/markdown/entities.js sees to these.
  ["escaped ? cap[0] : decodeNumericCharacterReferences(cap[0])", "cap[0]"],
  [/^ +if \(!this\.lexer\.state\.inRawBlock [^]*?^ {6}\}\n/m, ""],
  [/^.*inRawBlock.*\n|^ +escaped,\n/gm, ""],
  // What marked does for a tokenizer of which it knows nothing, or for its own one of paragraphs.
  [/^ +const mergeAdjacentParagraphs = [^]*?;\n/m, ""],
  [" || (lastToken === lastParagraph && mergeAdjacentParagraphs)", ""],
  [/^ +(?:let )?lastParagraph(?:: Token \| undefined| = \w+);\n/gm, ""],
  [/\n +\|\| this\.tokenizer\.(?:emStrong|del) !== .*/g, ""],
  // Most patterns are in one table, of which a bundler cannot tell what is used. Of a module's names it can.
  [/^export const other = \{\n([^]*?)^\};\n/m, (_, entries) => entries.replace(/^ {2}(\w+): (.*),$/gm, "export const $1 = $2;")],
  [/\b(?:this\.)?rules\.other\b/g, "other"],
  [/^import \{ other \} .*\n|^ {6}other,\n/gm, ""],
  [/^import \{ other,/m, "import {"],
];

for (const [what, by] of CHANGES) {
  let isMade = false;
  for (const [path, source] of modules) {
    const changed = source.replace(what, /** @type {string} */ (by));
    isMade ||= changed !== source;
    modules.set(path, changed);
  }
  if (!isMade) throw new Error(`marked is not what it was: there is no ${what} in it any more.`);
}

export const lexerOfMarked = {
  name: "lexer-of-marked",
  /** @param {import("esbuild").PluginBuild} build */
  setup(build) {
    const namespace = "marked";
    build.onResolve({ filter: /^marked$/ }, () => ({ path: ENTRY, namespace }));
    build.onResolve({ filter: /^\.\//, namespace }, ({ path }) => ({ path: `../src/${path.slice(2)}`, namespace }));
    build.onLoad({ filter: /^/, namespace }, ({ path }) => ({
      contents: IMPORT + modules.get(path),
      loader: "ts",
    }));
  },
};
