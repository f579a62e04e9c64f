/** Where we read markdown otherwise than marked does: docs/client.md lists it for users. */

import { Lexer } from "marked";

import { BLOCK, BlockLexer, BlockReader } from "./blocks.js";
import { AFTER_CJK, afterOther, CJK, isBesideCJK } from "./cjk.js";

/**
 * What ends emphasis, in marked's groups: 1 and 2 may only close, 3 and 4 only open, 5 may do both.
 *
 * @param {string} mark
 * @param {string} run
 * @param {string} word what is no punctuation, though Unicode says so
 */
function closer(mark, run, word) {
  const punctuation = String.raw`(?!${word}|${CJK})[\p{P}\p{S}]`;
  const afterPunctuation = afterOther(punctuation);
  const any = String.raw`[^\s${mark}]`;
  return [
    `[^${mark}]+(?=[^${mark}])`, // up to the character before the next mark
    String.raw`${any}(${run})(?=\s|$)`,
    `${any}(?<!${AFTER_CJK}|${afterPunctuation})(${run})(?![${mark}])(?=${punctuation})`,
    `${any}(?<=${afterPunctuation})(${run})(?=(?!${CJK}|${punctuation})${any})`,
    String.raw`\s(${run})(?=${any})`,
    `${any}(${run})(?=${any})`,
  ].join("|");
}

const { gfm } = Lexer.rules.inline;
// As marked has it: a single star between underscores does not close what they open.
const STAR_IN_UNDERSCORES = String.raw`^[^_*]*?__[^_*]*?\*[^_*]*?(?=__)`;
/** A middle dot between two letters is part of a name. */
const CJK_PUNCTUATION = String.raw`(?!(?<=${CJK})・${CJK})(?=[\p{P}\p{S}])${CJK}|[‘’“”…—]`;
const PROSE = String.raw`${CJK_PUNCTUATION}|(?<=[a-zA-Z\d)])${CJK}`;

/** @type {typeof gfm} */
const INLINE = {
  ...gfm,
  emStrongRDelimAst: new RegExp(`${STAR_IN_UNDERSCORES}|${closer("*", String.raw`\*+`, "[*~]")}`, "gu"),
  delLDelim: /^~~(?:((?!~)[\p{P}\p{S}])|[^\s~])/u,
  delRDelim: new RegExp(closer("~", "~~", "~"), "gu"),
  url: new RegExp(gfm.url.source.replace(String.raw`[^\s<]*`, String.raw`(?:(?!${PROSE})[^\s<])*`), "u"),
  text: new RegExp(gfm.text.source.replace(String.raw`(?<![^\s*_~(])`, String.raw`(?<!(?!${CJK})[^\s*_~(])`), "u"),
};

/** For stars and tildes beside such a character: whatever it is and the other neighbour is, they may open. */
const BESIDE_CJK = { ...INLINE, emStrongLDelim: /^\*+([^\s*])/u, delLDelim: /^~~([^\s~])/u, punctuation: /^/ };

/** What is not a whole character: the second half of a pair, or a selector, which says which form it has. */
const HALF = /[\udc00-\udfff]|[\ufe00-\ufe0e]/;
const LAST = /([^])[\ufe00-\ufe0e]?$/u;

/** What closes emphasis is looked for until so many characters of a text have been gone over. */
const MOST_LOOKED = 100_000;
/** As marked has it, what is followed by a space opens nothing, nor does an underscore within a word. */
const OPENS = /^(?:[*_]+|~~)\S/;
const IN_WORD = /[\p{L}\p{N}]/u;

/**
 * A text that begins with a mark; the text that it is the end of, without what cannot hold marks; and the last unit
 * before it, if that was read as text.
 *
 * @typedef {[source: string, masked: string, before?: string]} Marked
 */

class Reader extends BlockReader {
  #looked = 0;

  /** Another text begins. */
  begin() {
    this.#looked = 0;
  }

  /** @param {Marked} marked */
  emStrong(...marked) {
    return this.#read("*_", super.emStrong, marked);
  }

  /** @param {Marked} marked */
  del(...marked) {
    return this.#read("~", super.del, marked);
  }

  /**
   * @template T
   * @param {string} marks
   * @param {(...marked: Marked) => T | undefined} rule
   * @param {Marked} marked
   */
  #read(marks, rule, [source, masked, before]) {
    if (!marks.includes(source[0]) || this.#looked > MOST_LOOKED || !OPENS.test(source)) return;
    const last = this.#look(source, masked, before);
    if (source[0] === "_" && last && IN_WORD.test(last)) return;
    const token = rule.call(this, source, masked, last);
    this.#looked += token ? /** @type {any} */ (token).raw.length : source.length;
    return token;
  }

  /**
   * Chooses the rules for the marks that a text begins with, by what stands beside them.
   *
   * @param {string} source
   * @param {string} masked
   * @param {string} [before]
   * @returns {string | undefined} the whole character
   */
  #look(source, masked, before = "") {
    const mark = source[0];
    if (before === mark) return before; // chosen at their beginning
    let start = masked.length - source.length;
    let length = 1;
    while (masked[start - 1] === mark) start--;
    while (source[length] === mark) length++;
    const behind = masked.slice(Math.max(0, start - 3), start);
    const isBeside = mark !== "_" && isBesideCJK(behind, source.slice(length));
    this.rules.inline = isBeside ? BESIDE_CJK : INLINE;
    return HALF.test(before) ? LAST.exec(behind)?.[1] : before;
  }
}

/**
 * @param {object} [options] more of marked's options
 */
export function lexer(options) {
  const reader = new Reader();
  const lexer = new BlockLexer({ gfm: true, tokenizer: reader, ...options });
  Object.assign(reader.rules, { block: BLOCK, inline: INLINE });
  return { lexer, reader };
}
