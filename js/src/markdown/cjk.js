/**
 * Chinese, Japanese and Korean, which have no spaces where other languages do.
 *
 * By the amendment to CommonMark that markdown-cjk-friendly specifies:
 * https://github.com/tats-u/markdown-cjk-friendly/blob/main/specification.md
 */

// Hangul, and what Unicode 17 has as wide, full-width or half-width, or has not yet, between these.
const RANGES =
  String.raw`\p{sc=Hangul}\u20a9\u2329\u232a\u2630-\u2637\u268a-\u268f\u2e80-\u2fff\u3001-\u303e\u3041-\u3247` +
  String.raw`\u3250-\ua4cf\uf900-\ufaff\ufe10-\ufe1f\ufe30-\ufe6f\uff01-\uffef\u{16fe0}-\u{18dff}` +
  String.raw`\u{1aff0}-\u{1b2ff}\u{1d300}-\u{1d376}\u{1f200}-\u{1f265}\u{20000}-\u{3fffd}`;

/** One such character. What is here are sources for rules with the flag `u`. */
export const CJK = String.raw`(?!\p{Emoji_Presentation})[${RANGES}]`;

/** A selector says which form of the character before it is meant: of these quotation marks the full-width one. */
const SELECTOR = String.raw`[\ufe00-\ufe0e]`;
const WIDE_QUOTE = String.raw`[‘’“”]\ufe01`;

/** For lookbehinds: such a character, with its selector. */
export const AFTER_CJK = String.raw`(?:${CJK}${SELECTOR}?|[\u{e0100}-\u{e01ef}]|${WIDE_QUOTE})`;

/**
 * The same of a character that is none.
 *
 * @param {string} character
 */
export const afterOther = (character) => `(?!${WIDE_QUOTE})${character}${SELECTOR}?`;

const ENDS = new RegExp(`${AFTER_CJK}$`, "u");
const BEGINS = new RegExp(`^${CJK}`, "u");

/**
 * Whether a mark stands beside such a character, so that it may open and close as it may in a word.
 *
 * @param {string} before
 * @param {string} after
 */
export const isBesideCJK = (before, after) => ENDS.test(before) || BEGINS.test(after);
