/** Markdown into tokens, by marked's lexer: blocks at once, what stands in them when it is drawn. */

import { isTangled, pieces } from "./bounds.js";
import { lexer } from "./rules.js";

/**
 * @typedef {import("marked").Tokens.Generic} Token
 * @typedef {import("marked").Links} Links
 */

export class Lexed {
  #lexer;
  #reader;
  /** @type {Map<Token[], string>} */
  #sources;
  /** @type {Token[]} */
  blocks;

  /**
   * @param {string} source
   * @param {Links} links the definitions so far
   * @param {object} [extra] more of marked's options
   * @param {import("./growing.js").Growing | null} [growing] what it begins with, if that is settled for a part
   */
  constructor(source, links, extra, growing) {
    ({ lexer: this.#lexer, reader: this.#reader } = lexer(extra));
    if (growing?.type === "table") this.#reader.settled = growing;
    Object.assign(this.links, links);
    try {
      this.blocks = this.#lexer.blockTokens(source, this.#lexer.tokens);
    } catch {
      this.blocks = [{ type: "html", raw: source }]; // nested deeper than a stack is: shown as it is
    }
    this.#sources = new Map(this.#lexer.inlineQueue.map(({ src, tokens }) => [tokens, src]));
  }

  get links() {
    return this.#lexer.tokens.links;
  }

  /**
   * What stands in a block, given the array that its tokens are to fill.
   *
   * @param {Token[]} tokens
   */
  sourceOf(tokens) {
    return this.#sources.get(tokens) ?? "";
  }

  /**
   * @param {string} source
   * @param {(source: string, tokens: Token[]) => string} [finish] makes of its end what it will most likely be
   * @returns {Token[]}
   */
  inline(source, finish) {
    if (isTangled(source)) return [{ type: "raw", raw: source }];
    return pieces(source).flatMap((piece, i, { length }) => {
      const tokens = this.#inline(piece);
      const finished = i === length - 1 && finish ? finish(piece, tokens) : piece;
      return finished === piece ? tokens : this.#inline(finished);
    });
  }

  /**
   * @param {string} source
   * @returns {Token[]}
   */
  #inline(source) {
    this.#reader.begin();
    this.#lexer.state.inLink = false; // a raw <a> that stays open ends with its block
    try {
      return this.#lexer.inlineTokens(source);
    } catch {
      return [{ type: "raw", raw: source }];
    }
  }
}

/**
 * Labels match whatever their case and spaces.
 *
 * @param {string} label
 */
export const normal = (label) => label.trim().replace(/\s[\s>]*/g, " ").toLowerCase().toUpperCase().toLowerCase();

/** Or an escape, which is passed over: from each of many brackets in these the rest would be looked through. */
const LABEL = /\\[^]|\[((?:\\[^]|[^[\]\\]){1,999})\]/g;

/**
 * All that may be the label of a link definition, wherever that stands. (CommonMark 0.31.2, "Link label": up to 999
 * characters.)
 *
 * @param {string} source
 * @returns {Set<string>}
 */
export function labelsIn(source) {
  const labels = new Set();
  for (const [, label] of source.matchAll(LABEL)) if (label) labels.add(normal(label));
  return labels;
}

/**
 * @param {Token[]} tokens
 * @param {Links} links gets the definitions in them that it has not yet
 */
export function define(tokens, links) {
  for (const token of tokens) {
    if (token.type === "def") links[token.tag] ??= { href: token.href, title: token.title };
    else if (token.raw.includes("]:")) define(token.items ?? token.tokens ?? [], links);
  }
}
