/** A code block whose end has not come: its lines go to the end of its text, however long it is. */

import { rewrite } from "./brush.js";

const OPENING = /^( {0,3})(`{3,}|~{3,})[^\n]*\n/;

export class OpenFence {
  #plain;
  #indent = 0;
  #closing;
  /** Where the first line begins that is not complete. */
  #at;
  /** How much of that line is shown. */
  #begun = 0;

  /**
   * @param {string} source from the opening fence on
   * @param {Text} plain its text on the page
   */
  constructor(source, plain) {
    const [opening, indent, fence] = /** @type {RegExpExecArray} */ (OPENING.exec(source));
    this.#plain = plain;
    this.#at = opening.length;
    this.#closing = new RegExp(`^ {0,3}${fence}${fence[0]}* *$`);
    // As marked has it: behind tildes nothing is taken off.
    if (fence[0] === "`") this.#indent = indent.length;
    rewrite(plain, "");
  }

  /**
   * @param {string} source all of it, with what is new at its end
   * @returns {boolean} whether it is still open
   */
  grow(source) {
    let text = "";
    for (let end; (end = source.indexOf("\n", this.#at)) >= 0; this.#at = end + 1) {
      const line = source.slice(this.#at, end);
      if (this.#closing.test(line)) return false;
      text += `${this.#outdent(line)}\n`;
    }
    const line = source.slice(this.#at);
    const begun = /^\s*[`~]*\s*$/.test(line) ? "" : this.#outdent(line); // it may be the closing fence
    this.#plain.appendData((text + begun).slice(this.#begun));
    this.#begun = begun.length;
    return true;
  }

  /** @param {string} line */
  #outdent(line) {
    const { length } = /** @type {RegExpExecArray} */ (/^\s*/.exec(line))[0];
    return line.slice(Math.min(length, this.#indent));
  }
}
