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
  /** The definitions in it. */
  #own;
  /** @type {Token[]} */
  blocks;

  /**
   * @param {string} source
   * @param {Links} links the definitions before it
   * @param {object} [extra] more of marked's options
   * @param {import("./growing.js").Growing | null} [growing] what it begins with, if that is settled for a part
   */
  constructor(source, links, extra, growing) {
    ({ lexer: this.#lexer, reader: this.#reader } = lexer(extra));
    this.#own = this.#lexer.tokens.links;
    if (growing?.type === "table") this.#reader.settled = growing;
    try {
      this.blocks = this.#lexer.blockTokens(source, this.#lexer.tokens);
    } catch {
      this.blocks = [{ type: "html", raw: source }]; // nested deeper than a stack is: shown as it is
    }
    this.#sources = new Map(this.#lexer.inlineQueue.map(({ src, tokens }) => [tokens, src]));
    this.useAll(links);
  }

  get isDefining() {
    return Object.keys(this.#own).length > 0;
  }

  /**
   * What stands in blocks is read from now on with these definitions.
   *
   * @param {Links} links
   */
  use(links) {
    this.#lexer.tokens.links = links;
  }

  /**
   * With those in its own blocks, too.
   *
   * @param {Links} links
   */
  useAll(links) {
    this.use(this.isDefining ? Object.assign(Object.create(null), this.#own, links) : links);
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
    return pieces(source).flatMap((piece, i, { length }) => {
      if (isTangled(piece)) return [{ type: "raw", raw: piece }];
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
 * @returns {Generator<Token, void>} the link definitions in them
 */
export function* definitionsIn(tokens) {
  for (const token of tokens) {
    if (token.type === "def") yield token;
    else if (token.raw.includes("]:")) yield* definitionsIn(token.items ?? token.tokens ?? []);
  }
}

/** @param {Token} token */
export const isDefining = (token) => !definitionsIn([token]).next().done;
