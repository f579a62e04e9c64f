/** Markdown into tokens, by marked's lexer: blocks at once, what stands in them when it is drawn. */

import { lexer } from "./rules.js";

/**
 * @typedef {import("marked").Tokens.Generic} Token
 * @typedef {import("marked").Links} Links
 */

export class Lexed {
  #lexer;
  /** @type {Map<Token[], string>} */
  #sources;
  /** @type {Token[]} */
  blocks;

  /**
   * @param {string} source
   * @param {Links} links the definitions so far
   * @param {object} [extra] more of marked's options
   */
  constructor(source, links, extra) {
    this.#lexer = lexer(extra);
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
   * @returns {Token[]}
   */
  inline(source) {
    // A raw <a> or <pre> that stays open ends with its block.
    this.#lexer.state.inLink = this.#lexer.state.inRawBlock = false;
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

/**
 * All that may be the label of a link definition, wherever that stands.
 *
 * @param {string} source
 * @returns {Set<string>}
 */
export function labelsIn(source) {
  return new Set(Array.from(source.matchAll(/\[((?:\\[^]|[^[\]\\])+)\]/g), ([, label]) => normal(label)));
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
