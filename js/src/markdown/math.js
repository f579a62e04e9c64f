/** Formulas between `$`, `$$`, `\(` or `\[`, as extensions of one lexer. */

const DISPLAY = String.raw`\$\$([^$]+?)\$\$|\\\[([\s\S]+?)\\\]`;
const BLOCK = new RegExp(String.raw`^ {0,3}(?:${DISPLAY})[ \t]*(?:\n|$)`);
// As Pandoc has it, so that prices stay prices: no space inside next to a dollar, no digit behind the second. Nor code.
const DOLLARS = String.raw`\$(?![\s$])((?:\\.|[^\\$\x60])*?(?:\\.|[^\\\s$\x60]))\$(?!\d)`;
const INLINE = new RegExp(String.raw`^(?:${DISPLAY}|\\\(([\s\S]+?)\\\)|${DOLLARS})`);
const START_BLOCK = /\n {0,3}(?:\$\$|\\\[)/;
const START = /\$|\\[([]/;

/**
 * @param {RegExp} rule
 * @returns {import("marked").TokenizerExtensionFunction}
 */
const tokenizer = (rule) => (source) => {
  const match = rule.exec(source);
  if (!match) return;
  const display = match[1] ?? match[2];
  return { type: "math", raw: match[0], tex: display ?? match[3] ?? match[4], display: display !== undefined };
};

/** Options for marked's lexer. */
export const mathOptions = {
  extensions: /** @type {any} */ ({
    block: [tokenizer(BLOCK)],
    inline: [tokenizer(INLINE)],
    startBlock: [(/** @type {string} */ source) => source.search(START_BLOCK)],
    startInline: [(/** @type {string} */ source) => source.search(START)],
  }),
  hooks: /** @type {any} */ ({
    // Stars and underscores in a formula are no emphasis.
    emStrongMask: (/** @type {string} */ source) =>
      source.replace(new RegExp(INLINE.source.slice(1), "g"), (formula) => `[${"a".repeat(formula.length - 2)}]`),
  }),
};
