/** A code block whose end has not come: its lines go to the end of its text, however long it is. */

import { rewrite } from "./brush.js";
import { visible } from "./code.js";

const OPENING = /^( {0,3})(`{3,}|~{3,})[^\n]*\n/;
const CLOSING = /^ {0,3}(`{3,}|~{3,}) *$/;
/** What may become the closing fence, unless it is longer than those are. */
const BEGINNING = /^\s*[`~]*\s*$/;
const LONG = 120;

export class OpenFence {
  isClosed = false;
  #plain;
  #fence;
  #indent;
  /** The line that is not complete. */
  #line = "";
  #isShown = false;
  /** How much of the last piece is the block's. */
  #taken = 0;

  /**
   * @param {string} source from the opening fence on
   * @param {Text} plain its text on the page
   */
  constructor(source, plain) {
    const [opening, indent, fence] = /** @type {RegExpExecArray} */ (OPENING.exec(source));
    this.#plain = plain;
    this.#fence = fence;
    // As marked has it: behind tildes nothing is taken off.
    this.#indent = fence[0] === "`" ? indent.length : 0;
    rewrite(plain, this.#read(source.slice(opening.length)));
  }

  /**
   * @param {string} text what is new
   * @returns {number} how much of it is the block's
   */
  grow(text) {
    this.#plain.appendData(this.#read(text));
    return this.#taken;
  }

  /**
   * @param {string} text
   * @returns {string} what is shown of it
   */
  #read(text) {
    let shown = "";
    this.#taken = 0;
    for (const [i, piece] of text.split("\n").entries()) {
      if (i) {
        this.#taken++;
        if ((this.isClosed = this.#isClosing())) break;
        shown += this.#isShown ? "\n" : `${this.#outdented()}\n`;
        this.#line = "";
        this.#isShown = false;
      }
      this.#taken += piece.length;
      this.#line += piece;
      if (this.#isShown) {
        shown += piece;
      } else if (this.#line.length > LONG || !BEGINNING.test(this.#line)) {
        shown += this.#outdented();
        this.#isShown = true;
      }
    }
    return visible(shown);
  }

  #isClosing() {
    const [, fence = ""] = CLOSING.exec(this.#line) ?? [];
    return fence.length >= this.#fence.length && fence[0] === this.#fence[0];
  }

  #outdented() {
    const { length } = /** @type {RegExpExecArray} */ (/^\s*/.exec(this.#line))[0];
    return this.#line.slice(Math.min(length, this.#indent));
  }
}
