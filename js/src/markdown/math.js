/** Formulas between `$`, `$$`, `\(` or `\[`, as extensions of one lexer. */

const DISPLAY = String.raw`\$\$([^$]+?)\$\$|\\\[([\s\S]+?)\\\]`;
const BLOCK = new RegExp(String.raw`^ {0,3}(?:${DISPLAY})[ \t]*(?:\n|$)`);
// As Pandoc has it, so that prices stay prices: no space inside next to a dollar, no digit behind the second. Nor code.
const DOLLARS = String.raw`\$(?![\s$])((?:\\.|[^\\$\x60])*?(?:\\.|[^\\\s$\x60]))\$(?!\d)`;
const INLINE = new RegExp(String.raw`^(?:${DISPLAY}|\\\(([\s\S]+?)\\\)|${DOLLARS})`);
/** In characters: what is longer is no formula, and each look goes as far as this. */
export const LONGEST = 4000;
const START = /\$|\\[([]/;

/**
 * @param {RegExp} rule
 * @returns {import("marked").TokenizerExtensionFunction}
 */
const tokenizer = (rule) => (source) => {
  const match = rule.exec(source.slice(0, LONGEST));
  if (!match) return;
  const display = match[1] ?? match[2];
  return { type: "math", raw: match[0], tex: display ?? match[3] ?? match[4], display: display !== undefined };
};

/** Options for marked's lexer. */
export const mathOptions = {
  extensions: /** @type {any} */ ({
    block: [tokenizer(BLOCK)],
    inline: [tokenizer(INLINE)],
    startInline: [(/** @type {string} */ source) => source.search(START)],
  }),
  hooks: /** @type {any} */ ({
    // Stars and underscores in a formula are no emphasis.
    emStrongMask: (/** @type {string} */ source) =>
      source.replace(new RegExp(INLINE.source.slice(1), "g"), (formula) => `[${"a".repeat(formula.length - 2)}]`),
  }),
};
