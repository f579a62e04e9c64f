/**
 * Unfinished markdown at the end of what has arrived, drawn as it will most likely go on: so that no raw mark is seen
 * which the next word takes away. These are guesses: what is finished is drawn as it is.
 */

import { isBesideCJK } from "./cjk.js";
import { LONGEST } from "./math.js";

/** A line of which nothing but marks has arrived, in whatever lists and quotes. */
const MARKS = /^[\s>]*(?:(?:[-+*]|\d{1,9}[.)])[ \t]+)*(?:[-+*=_#>|:~`\s]*|\d{1,9}[.)]?)$/;
const FENCE = /^(?:[\s>]|(?:[-+*]|\d{1,9}[.)])[ \t])*(?:`{3,}[^`]*|~{3,}.*)$/;
const DEFINITION = /^[\s>]*\[(?:\\.|[^\\[\]])+\]:/;
/** A longer line is no marks, a longer line with a bar is not the head of a table, and neither is worth a search. */
const LONG = 120;

/** A formula that is a block of its own, and its end where that has come. */
const FORMULA_BLOCK = /^ {0,3}(?:\$\$(?:[^$]*(\$\$))?|\\\[(?:[^]{0,4000}?(\\\]))?)/gm;

/**
 * Holds back the beginning of a line that does not yet tell what it is, and of a formula.
 *
 * @param {string} source
 * @param {boolean} math
 */
export function holdLine(source, math) {
  for (const { index, 1: dollars, 2: bracket } of math ? source.matchAll(FORMULA_BLOCK) : []) {
    if (!dollars && !bracket && source.length - index < LONGEST) return source.slice(0, index);
  }
  const start = source.lastIndexOf("\n") + 1;
  const line = source.slice(start);
  const held = DEFINITION.test(line) || FENCE.test(line) || (line.length < LONG && MARKS.test(line));
  return held ? source.slice(0, start) : source;
}

/** The checkbox of a list item, or a link definition, of which not all is there. */
const BEGINNING = /^\[(?:[^\]\s]{0,8}\]?|[ xX]\]\s*|(?:\\.|[^\\[\]])+\]:\s*(?!\s)\S*(?!\S)\s*(?:"[^"]*"?|'[^']*'?|\([^)]*\)?)?)$/;
const BEFORE_BAR = /^(?:`[^`]*`|\\[^]|[^`\\|])*(?=\|)/;
/** Marks, an escape, a character reference, a line break, a tag or an address. */
const ENDING = /(?:(?<![*_~\\!])[*_~\\!]+|&#?\w{0,31}|<br +\/?|<[\w.!#$%&'*+/=?^{|}~-]*)$/i;

/**
 * Holds back the same in what stands in a block.
 *
 * @param {string} source
 * @param {boolean} header whether its last line may become the head of a table
 */
export function holdEnd(source, header) {
  if (BEGINNING.test(source)) return "";
  const start = source.lastIndexOf("\n") + 1;
  const line = source.slice(start);
  const bar = header && BEFORE_BAR.exec(line);
  if (bar && (line.length < LONG || !bar[0].trim())) source = source.slice(0, start + bar[0].length);
  return source.replace(ENDING, "").trimEnd();
}

/** More that is open at once is no emphasis, and would be slow to draw. */
const MOST_OPEN = 20;
const SPECIAL = /\\[^]|(?:[*_]|(?<!~)~~(?!~))+|`+|!?\[|[\]<$]/g;
const NO_WORD = /^(?!~)[\s\p{P}\p{S}]?$/u;
/** From a bracket's end on: what may yet become the address of a link. */
const LINK = /(?:|\(\s*(?!\s)(?:<[^<>\n]*>?|(?!<)\S*)(?:\s+(?!\s)(?:"[^"]*"?|'[^']*'?|\([^)]*\)?)?\s*)?|\[(?:\\.|[^\\[\]])*\\?)$/y;
const ADDRESS = /<(?:[a-z][a-z\d+.-]{1,31}:|[\w.+-]+@)[^\s<>]*$/iy;
// Not a price, and no longer than formulas in a line are.
const FORMULA = /(?:\$\$[^$]*\$?|\\[([][^]*|\$(?!\s|[\d.,]+\s)[^$]{0,80})$/y;

/**
 * Closes what has been opened and not closed: what is in the text, since marked made nothing of it.
 *
 * @param {string} source
 * @param {import("./lex.js").Token[]} tokens
 * @param {boolean} math
 */
export function close(source, tokens, math) {
  /** @type {{ mark: string, at: number }[]} */
  const opened = [];
  /** Where brackets stand that are not to be seen. @type {number[]} */
  const hidden = [];
  /** How far to look. */
  let until = source.length;
  /** How much of it to keep. */
  let end = until;
  let closers = "";
  let begin = 0;
  /** @param {RegExp} rule @param {number} at */
  const goesOn = (rule, at) => {
    rule.lastIndex = at;
    return rule.test(source);
  };

  for (const { type, raw } of tokens) {
    for (const { 0: mark, index } of type === "text" || type === "escape" ? raw.matchAll(SPECIAL) : []) {
      const at = begin + index;
      if (at >= until) break;
      if (mark[0] === "`") {
        const code = source.slice(at + mark.length).replace(/`+$/, "");
        end = until = at;
        if (code.trim()) {
          end += mark.length + code.length;
          closers = mark;
        }
      } else if (mark === "]") {
        const from = opened.map((one) => one.mark.endsWith("[")).lastIndexOf(true);
        if (from < 0) continue;
        const [open] = opened.splice(from, 1);
        if (!goesOn(LINK, at + 1)) continue;
        hidden.push(open.at);
        end = until = open.mark === "[" ? at : open.at;
      } else if (mark === "<") {
        if (goesOn(ADDRESS, at)) hidden.push(at);
      } else if (/[$\\]/.test(mark)) {
        if (math && goesOn(FORMULA, at)) end = until = at;
      } else {
        const behind = source.slice(Math.max(0, at - 3), at);
        const [before, after] = [Array.from(behind).at(-1) ?? "", source[at + mark.length] ?? ""];
        const inWord = mark[0] !== "_" && (!NO_WORD.test(after) || isBesideCJK(behind, after));
        const opens = after.trim() && (inWord || NO_WORD.test(before));
        // A bracket in a word is an index or a footnote more likely than a link.
        const isOpener = mark.endsWith("[") ? mark === "![" || !/[\w\]]/.test(before) : opens;
        if (isOpener && opened.length < MOST_OPEN) opened.push({ mark, at });
      }
    }
    begin += raw.length;
  }

  for (const { mark, at } of opened.reverse()) {
    if (at >= end) continue;
    const isEmpty = !source.slice(at + mark.length, end).replace(/[[\]]/g, "").trim();
    if (isEmpty || mark === "![") [end, closers] = [at, ""];
    else if (mark === "[") hidden.push(at);
    else closers += [...mark].reverse().join("");
  }
  source = source.slice(0, end);
  for (const at of hidden.sort((a, b) => b - a)) source = source.slice(0, at) + source.slice(at + 1);
  return source.trimEnd() + closers;
}
