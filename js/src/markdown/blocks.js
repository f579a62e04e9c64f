/**
 * How marked reads blocks, but so that the work grows with the text and not with its square.
 *
 * Several of marked's rules look at all that follows, and are asked again at each line or level. What is read here
 * comes to the same, but for what nobody writes: there it is shown as it was written, or in several blocks.
 */

import { Lexer, Tokenizer } from "marked";

/** @typedef {import("marked").Tokens.Generic} Token */

/** Lists and quotations in each other. */
const DEEPEST = 16;
/** All lines of them are read again for each level: so many of those below the second, in all, and some a character. */
const MOST_LINES_AGAIN = 1000;
const LINES_A_CHARACTER = 1 / 4;

/** Of a paragraph in a list marked makes a token a line, and then one of them: of more lines than this it is one. */
const MOST_LINES_APART = 200;

/** Of a quotation, all is read again at each place where lines lack their mark: so many characters, in all. */
const MOST_READ_AGAIN = 10_000;

/** A table may have this many cells, or as many as it has characters: each row gets all columns, whatever it says. */
const MANY_CELLS = 1000;

const { gfm } = Lexer.rules.block;

/** What ends a paragraph at the beginning of a line, but for tables, of which marked looks at all rows. */
const [, ENDS] = /** @type {RegExpExecArray} */ (/\(\?!(.*)\)\[\^\\n\]\+\)\*\)$/.exec(gfm.paragraph.source));
const END = new RegExp(ENDS.replace(`|${gfm.table.source.replace(/(^|[^[])\^/g, "$1")}`, "|\\n"), "y");
const DELIMITERS = / {0,3}[-:|][-:| ]*(?:\n|$)/y;
const UNDERLINE = / {0,3}(?:=+|-+)[ \t]*(?:\n|$)/y;
const QUOTED = / {0,3}>/y;
const BLANK = /[ \t]*(?:\n|$)/y;

/** Whether a line that lacks the indent of its list would make a heading of the one before. */
const LAZY_HEADING = /^(?! {4}| {0,3}(?:\t|>|<|```|~~~|#{1,6}\s|[-+*] |\d{1,9}[.)] )).+\n {0,3}(?:=+|-+)[ \t]*$/;
/** marked's rules: of its own for headings, it has a use for that only. */
export const BLOCK = { ...gfm, lheading: LAZY_HEADING };

/**
 * @param {RegExp} rule a sticky one
 * @param {string} source
 * @param {number} at
 */
function holds(rule, source, at) {
  rule.lastIndex = at;
  return rule.test(source);
}

/**
 * Where a line ends, with its line feed.
 *
 * @param {string} source
 * @param {number} at
 */
const lineEnd = (source, at) => source.indexOf("\n", at) + 1 || source.length;

/**
 * What is shown as it was written.
 *
 * @param {string} source
 * @returns {Token}
 */
const verbatim = (source) => ({ type: "html", raw: source });

/** Keeps to the bounds on what stands in each other, and what a paragraph's reader knows to the text it is of. */
export class BlockLexer extends Lexer {
  #linesLeft = 0;

  /**
   * @param {string} source
   * @param {any} [tokens]
   * @param {boolean} [clipped]
   * @returns {any}
   */
  blockTokens(source, tokens = [], clipped) {
    const reader = /** @type {BlockReader} */ (this.options.tokenizer);
    const { ahead, depth } = reader;
    if (!depth) this.#linesLeft = MOST_LINES_AGAIN + LINES_A_CHARACTER * source.length;
    if (depth > 1) this.#linesLeft -= source.split("\n").length;
    if (depth > DEEPEST || this.#linesLeft < 0) {
      tokens.push(verbatim(source));
      return tokens;
    }
    reader.ahead = null;
    try {
      return super.blockTokens(source, tokens, clipped);
    } finally {
      reader.ahead = ahead;
    }
  }
}

/**
 * What has been seen of a paragraph.
 *
 * @typedef {object} Ahead
 * @property {number} left how much is left of the text behind it
 * @property {boolean} isHeading whether what is left begins with a line that makes it one
 * @property {number} lines how many have been read one by one
 */

/** Of a table. */
const NOTHING = { rows: 0, length: 0 };

export class BlockReader extends Tokenizer {
  /** How many lists and quotations the text stands in. */
  depth = 0;
  /** @type {Ahead | null} */
  ahead = null;
  /** Of the first table: the rows before those that are in the text, which are drawn already. */
  settled = NOTHING;

  /**
   * @param {string} source
   * @returns {any}
   */
  lheading(source) {
    const { left, isHeading } = this.#look(source);
    if (!isHeading) return;
    const end = source.length - left;
    const text = source.slice(0, end).trim();
    return {
      type: "heading",
      raw: source.slice(0, lineEnd(source, end)).replace(/\n$/, ""),
      depth: source.slice(end).trimStart()[0] === "=" ? 1 : 2,
      text,
      tokens: this.lexer.inline(text),
    };
  }

  /**
   * @param {string} source
   * @returns {any}
   */
  paragraph(source) {
    return this.#text("paragraph", source, source.length - this.#look(source).left);
  }

  /**
   * @param {string} source
   * @returns {any}
   */
  text(source) {
    const ahead = this.#look(source);
    const end = ++ahead.lines > MOST_LINES_APART ? source.length - ahead.left : lineEnd(source, 0);
    return this.#text("text", source, end);
  }

  /**
   * @param {string} type
   * @param {string} source
   * @param {number} end
   */
  #text(type, source, end) {
    const raw = source.slice(0, end).replace(/\n$/, "");
    return { type, raw, text: raw, tokens: this.lexer.inline(raw) };
  }

  /**
   * In a list, marked asks for each line of a paragraph: one look is enough for all of them.
   *
   * @param {string} source
   */
  #look(source) {
    if (this.ahead && this.ahead.left < source.length) return this.ahead;
    let at = lineEnd(source, 0);
    let isHeading = false;
    for (let next; at < source.length; at = next) {
      next = lineEnd(source, at);
      isHeading = holds(UNDERLINE, source, at);
      if (isHeading || holds(END, source, at) || this.#isHead(source, at, next) || this.#isOther(source, at)) break;
    }
    return (this.ahead = { left: source.length - at, isHeading, lines: 0 });
  }

  /**
   * Whether a table begins: what looks like one may have another number of columns in its second line.
   *
   * @param {string} source
   * @param {number} at
   * @param {number} next where the second line begins
   */
  #isHead(source, at, next) {
    return holds(DELIMITERS, source, next) && !!this.#head(source.slice(at, lineEnd(source, next)));
  }

  /**
   * Whether a block begins that marked knows nothing of.
   *
   * @param {string} source
   * @param {number} at
   */
  #isOther(source, at) {
    const rules = this.options.extensions?.block;
    return rules?.some((read) => read.call({ lexer: this.lexer }, source.slice(at), []));
  }

  /** @param {string} lines two of them */
  #head(lines) {
    const queue = this.lexer.inlineQueue;
    const { length } = queue;
    const table = super.table(lines);
    queue.length = length; // these cells are read again, or not at all
    return table;
  }

  /**
   * @param {string} source
   * @returns {any}
   */
  table(source) {
    const second = lineEnd(source, 0);
    if (!holds(DELIMITERS, source, second)) return;
    const first = lineEnd(source, second);
    const head = this.#head(source.slice(0, first));
    if (!head) return;
    const [all] = /** @type {RegExpExecArray} */ (this.rules.block.table.exec(source));
    const { length } = this.settled;
    let { rows } = this.settled;
    this.settled = NOTHING;
    let end = first;
    for (let next; end < all.length; end = next) {
      next = lineEnd(all, end);
      if (holds(BLANK, all, end)) break; // marked takes one with a tab for a row
      if (++rows * head.header.length > Math.max(MANY_CELLS, length + next)) break;
    }
    return super.table(source.slice(0, end));
  }

  /**
   * @param {string} source
   * @returns {any}
   */
  blockquote(source) {
    if (!holds(QUOTED, source, 0)) return;
    let unmarked = 0;
    let wasMarked = false;
    let at = 0;
    for (; at < source.length && !holds(BLANK, source, at); at = lineEnd(source, at)) {
      const isMarked = holds(QUOTED, source, at);
      if (wasMarked && !isMarked) unmarked++;
      if (isMarked && !wasMarked && unmarked * at > MOST_READ_AGAIN) break;
      wasMarked = isMarked;
    }
    return this.#inside(() => super.blockquote(source.slice(0, at)));
  }

  /**
   * @param {string} source
   * @returns {any}
   */
  list(source) {
    return this.#inside(() => super.list(source));
  }

  /**
   * marked calls these from one another, too, and not only for each text.
   *
   * @param {() => any} read
   */
  #inside(read) {
    this.depth++;
    try {
      return read();
    } finally {
      this.depth--;
    }
  }
}
