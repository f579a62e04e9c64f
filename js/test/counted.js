/** Counts work, for tests of how it grows: here and in a browser. */

/** All that has been counted so far: the time, for what looks at a clock and is to do the same on any machine. */
export const clock = { steps: 0 };

/**
 * What regular expressions do in a call: how often one is asked, and how many characters it went over, as far as
 * that can be told from what it found. (What one that is tied to a place went over in vain cannot be.)
 *
 * @param {() => void} call
 * @returns {number}
 */
export function counted(call) {
  const { exec } = RegExp.prototype;
  let steps = 0;
  /** @this {RegExp} @param {string} text */
  RegExp.prototype.exec = function (text) {
    const from = this.global || this.sticky ? this.lastIndex : 0;
    const isTied = this.sticky || (this.source.startsWith("^") && !this.multiline);
    const match = exec.call(this, text);
    const added = 1 + (match ? match.index + match[0].length : isTied ? from : text.length) - from;
    steps += added;
    clock.steps += added;
    return match;
  };
  try {
    call();
  } finally {
    RegExp.prototype.exec = exec;
  }
  return steps;
}

/**
 * The same sequence in every run, in [0, 1).
 *
 * @param {number} seed
 */
export function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const MARKS = "* ** *** _ __ ~~ ` `` [ ]( ] ![ < > & \\ | $ $$ \\[".split(" ");
const LINES = [
  ...["\n", "\n\n", "\n> ", "\n- ", "\n1. ", "\n# ", "\n|-|-|\n", "\n---\n", "\n===\n", "\n```\n", "\n<a>\n"],
  "\n[a]: b\n",
];
const WORDS = ["a", "b ", " c ", "1.", "http://a.b", "www.", "a@b.c", "(", ")", "!", "字", "😀", "    ", "\t"];

const BEGINNINGS = ["", "", "- ", "  ", "> ", ">", "1. ", "    ", "\t", "- - ", "> - ", "  > ", ">>> ", "# "];
const BLOCKS = [
  ...["a", "*b", "[a]", "[a] **b** [b]", "[a]:", "[a]: /x", "http://x.org/abc", "'a title'", '"of', 'two"', "[b]: <y> 'z'"],
  ...["| a | [b] |", "|---|---|", "| 1 |", "-|-", "---", "===", "```", "~~~", "<div>", "<!--", "-->", "", "", "\t", "   "],
];

/**
 * Some lines of which each may go on with what the one before began: definitions, tables, code, lists, quotations.
 *
 * @param {number} seed
 * @param {number} count
 */
export function blocks(seed, count) {
  const next = random(seed);
  const pick = (/** @type {string[]} */ list) => list[Math.floor(next() * list.length)];
  const few = [pick(BEGINNINGS), pick(BEGINNINGS)];
  return Array.from({ length: count }, () => pick(few) + pick(BLOCKS)).join("\n");
}

/**
 * A text of so many characters in which a few pieces come again and again: marks mostly, and here and there a line.
 *
 * @param {number} seed
 * @param {number} length
 */
export function soup(seed, length) {
  const next = random(seed);
  const pick = (/** @type {string[]} */ list) => list[Math.floor(next() * list.length)];
  const pieces = Array.from({ length: 2 + Math.floor(next() * 3) }, (_, i) =>
    pick(i % 2 ? MARKS : next() < 0.3 ? LINES : WORDS),
  );
  const isOrdered = next() < 0.5;
  let text = "";
  for (let i = 0; text.length < length; i++) text += isOrdered ? pieces[i % pieces.length] : pick(pieces);
  return text.slice(0, length);
}
