/** One answer in markdown: what of it is settled, and what the next words may change. */

import { Brush } from "./brush.js";
import { codeIn } from "./code.js";
import { holdLine } from "./complete.js";
import { CLOSED_FENCE, Drawing, OPEN } from "./draw.js";
import { OpenFence } from "./fence.js";
import { Groups } from "./groups.js";
import { goesOn, settleItems } from "./growing.js";
import { define, labelsIn, Lexed, normal } from "./lex.js";
import { mathOptions } from "./math.js";

/**
 * @typedef {import("./lex.js").Token} Token
 * @typedef {{ raw: string, node: ChildNode | undefined }} Block
 */

/** A long block that takes longer than this to draw, in ms, is drawn less often: the page is to stay quick. */
const SLOW = 16;
const LONG = 2000;

export class Answer {
  #part;
  #options;
  #extra;
  /** A CR at the end of the last piece: an LF may follow, or not. */
  #carry = "";
  #settled = "";
  #rest = "";
  /** What is settled, in order. @type {Block[]} */
  #blocks = [];
  /** The definitions in it. @type {import("./lex.js").Links} */
  #links = Object.create(null);
  /** Settled blocks, by the labels in them that have no definition yet. @type {Map<string, Block[]>} */
  #waiting = new Map();
  /** The last node of it, and how many there are. @type {ChildNode | null} */
  #last = null;
  #count = 0;
  #pause = 0;
  /** @type {OpenFence | null} */
  #fence = null;
  /** @type {import("./growing.js").Growing | null} */
  #growing = null;

  /**
   * @param {HTMLElement} part
   * @param {import("../markdown.js").MarkdownOptions} options
   */
  constructor(part, options) {
    this.#part = part;
    this.#options = options;
    this.#extra = options.math && mathOptions;
    part.style.whiteSpace = "normal";
  }

  /** @param {string} text */
  write(text) {
    this.#take(text);
    if (this.#pause || this.#fence?.grow(this.#rest)) return;
    const begin = performance.now();
    this.#draw(false);
    const took = performance.now() - begin;
    if (took < SLOW || this.#rest.length < LONG) return;
    this.#pause = setTimeout(() => {
      this.#pause = 0;
      this.write("");
    }, 3 * took);
  }

  /** Nothing is a guess any more. */
  end() {
    clearTimeout(this.#pause);
    this.#take("", true);
    // What was settled too early, as by a title that went on for ten paragraphs, shows in the blocks of the whole.
    const blocks = this.#lex(this.#settled + this.#rest).blocks.filter(({ type }) => type !== "space");
    if (this.#blocks.some(({ raw }, i) => raw !== blocks[i]?.raw)) {
      this.#unsettle(this.#settled);
      this.#blocks = [];
      this.#links = Object.create(null);
      this.#waiting.clear();
      this.#last = null;
      this.#count = 0;
    }
    this.#draw(true);
  }

  /**
   * @param {string} text
   * @param {boolean} [end]
   */
  #take(text, end = false) {
    text = this.#carry + text;
    this.#carry = !end && text.endsWith("\r") ? "\r" : "";
    text = text.slice(0, text.length - this.#carry.length);
    this.#rest += text.replace(/\r\n?/g, "\n").replaceAll("\0", "\ufffd");
  }

  /** @param {string} source */
  #lex(source) {
    return new Lexed(source, this.#links, this.#extra);
  }

  /**
   * @param {boolean} end
   * @returns {void}
   */
  #draw(end) {
    this.#fence = null;
    const growing = this.#growing;
    const prefix = growing?.prefix ?? "";
    const source = prefix + (end ? this.#rest : holdLine(this.#rest, !!this.#extra));
    const lexed = this.#lex(source);
    const tokens = lexed.blocks;
    if (growing && !goesOn(growing, tokens[0])) {
      this.#unsettle(growing.text);
      return this.#draw(end);
    }
    const drawing = new Drawing(lexed, this.#options);
    const brush = new Groups(this.#part, this.#count, this.#last);
    const nodes = drawing.blocks(brush, tokens, end ? 0 : OPEN, growing);
    brush.end();

    // A block is settled when another has come after it, and not only the beginning of a line, which may yet
    // turn out to be part of it.
    const lineEnd = source.lastIndexOf("\n");
    let settled = end ? tokens.length : 0;
    let next = end ? source.length : 0;
    let at = 0;
    tokens.forEach(({ type, raw }, i) => {
      if (!end && type !== "space" && at <= lineEnd) [settled, next] = [i, at];
      at += raw.length;
    });
    if (settled) {
      if (growing) tokens[0].raw = growing.text + tokens[0].raw.slice(prefix.length);
      this.#growing = null;
      this.#settle(tokens.slice(0, settled), nodes);
      this.#forget(next - prefix.length);
    }
    const last = tokens[settled];
    const node = nodes[settled];
    if (!node || settled < tokens.length - 1 || lineEnd < next) return;
    const code = last.codeBlockStyle !== "indented" && !CLOSED_FENCE.test(last.raw) && codeIn(node);
    if (code) {
      this.#fence = new OpenFence(this.#rest, code.plain);
      this.#fence.grow(this.#rest);
    } else {
      const before = this.#growing?.text.length ?? 0;
      this.#growing = settleItems(this.#growing, last, /** @type {Element} */ (node), lineEnd - next);
      if (this.#growing) this.#forget(this.#growing.text.length - before);
    }
  }

  /** @param {number} length how much of the rest is settled */
  #forget(length) {
    this.#settled += this.#rest.slice(0, length);
    this.#rest = this.#rest.slice(length);
  }

  /** @param {string} text what was settled last, and has to be read again */
  #unsettle(text) {
    this.#growing = null;
    this.#settled = this.#settled.slice(0, this.#settled.length - text.length);
    this.#rest = text + this.#rest;
  }

  /**
   * @param {Token[]} tokens
   * @param {(ChildNode | undefined)[]} nodes
   */
  #settle(tokens, nodes) {
    const known = new Set(Object.keys(this.#links).map(normal));
    define(tokens, this.#links);
    tokens.forEach(({ type, raw }, i) => {
      if (type === "space") return;
      const block = { raw, node: nodes[i] };
      this.#blocks.push(block);
      if (!block.node) return;
      this.#last = block.node;
      this.#count++;
      if (type === "code" || type === "html") return;
      for (const label of labelsIn(raw)) {
        if (!known.has(label)) this.#waiting.set(label, [...(this.#waiting.get(label) ?? []), block]);
      }
    });
    for (const label of Object.keys(this.#links).map(normal)) {
      if (known.has(label)) continue;
      for (const { raw, node } of this.#waiting.get(label) ?? []) if (node) this.#redraw(raw, node);
      this.#waiting.delete(label);
    }
  }

  /**
   * A definition has come late.
   *
   * @param {string} raw
   * @param {ChildNode} node
   */
  #redraw(raw, node) {
    const lexed = this.#lex(raw);
    const brush = new Brush(/** @type {Node} */ (node.parentNode), node);
    new Drawing(lexed, this.#options).blocks(brush, lexed.blocks, 0);
  }
}
