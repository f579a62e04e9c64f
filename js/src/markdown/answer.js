/**
 * One answer in markdown: what of it is settled, and the rest, which the next words may change.
 *
 * It is settled at places that depend on the text alone, however that comes, so that a saved answer is what it was
 * when it was streamed. What is drawn between these places is a guess.
 */

import { place } from "./bounds.js";
import { Brush } from "./brush.js";
import { codeIn } from "./code.js";
import { holdLine } from "./complete.js";
import { CLOSED, CLOSED_FENCE, Drawing, OPEN } from "./draw.js";
import { OpenFence } from "./fence.js";
import { Groups } from "./groups.js";
import { goesOn, settleItems } from "./growing.js";
import { Lexed } from "./lex.js";
import { mathOptions } from "./math.js";
import { Settled } from "./settled.js";
import { targets } from "./urls.js";

/** @typedef {import("./lex.js").Token} Token */

/** So much is drawn at a time, or less, if it takes long; then the page may do something else. */
const SLICE = 16_000;
const CHUNK = 4000;

/** So many characters come at least before something is settled again. */
const STEP = 500;

/** A block that is longer ends there: while it is open, all of it is read again with each piece that comes. */
const LONGEST = 32_000;
/** Of code and tables so many characters are as much work as one: they are taken over as they stand. */
const LIGHT = 8;

/** In ms. A long block that takes longer to draw is drawn less often: the page is to stay quick. */
const SLOW = 16;
const LONG = 2000;

/** How to draw the rest. */
const GUESS = 0;
const SETTLE = 1;
const END = 2;

export class Answer {
  #part;
  #options;
  #around;
  #extra;
  /** What has come and has not been looked at. */
  #inbox = "";
  #timer = 0;
  #isEnding = false;
  #isOver = false;
  #onDrawn = () => {};
  /** A CR at the end of the last piece: an LF may follow, or not. */
  #carry = "";
  #settled = new Settled();
  /** Other link definitions, another version. */
  #version = 0;
  #rest = "";
  /** How much comes before something is settled again. */
  #left = STEP;
  /** A code block that the rest is. @type {OpenFence | null} */
  #fence = null;
  /** A list or a table that the rest goes on with. @type {import("./growing.js").Growing | null} */
  #growing = null;

  /**
   * @param {HTMLElement} part
   * @param {import("../markdown.js").MarkdownOptions} options
   * @param {import("../text.js").Around} [around] for what is drawn in later turns: the reader is to be followed
   */
  constructor(part, options, around = (paint) => paint()) {
    this.#part = part;
    const { headingLevel, links } = /** @type {any} */ (options); // a page's script may give anything
    const deeper = /^[1-6]$/.test(headingLevel) ? headingLevel - 1 : 0;
    this.#options = { ...options, deeper, targets: targets(links) };
    this.#around = around;
    this.#extra = options.math && mathOptions;
    part.style.whiteSpace = "normal";
  }

  /** @param {string} text */
  write(text) {
    this.#inbox += text;
    if (!this.#timer) this.#step();
  }

  /**
   * Nothing is a guess any more.
   *
   * @returns {Promise<void>} resolves once all of it is drawn: what is long takes some turns
   */
  end() {
    this.#isEnding = true;
    clearTimeout(this.#timer);
    return new Promise((resolve) => {
      this.#onDrawn = resolve;
      this.#step();
    });
  }

  /** Draws what there is, or so much of it as may be drawn at a time. */
  #step() {
    this.#timer = 0;
    const begin = performance.now();
    let left = SLICE;
    do {
      const length = place(this.#inbox, CHUNK);
      const text = this.#inbox.slice(0, length);
      this.#inbox = this.#inbox.slice(length);
      left -= length;
      const isLast = this.#isEnding && !this.#inbox;
      if (!this.#isOver) this.#feed(this.#normal(text, isLast));
      if (isLast && !this.#isOver) this.#finish();
    } while (this.#inbox && left > 0 && performance.now() - begin < SLOW);
    if (!this.#isEnding && !this.#fence) this.#draw(GUESS);
    const isMore = this.#redraw() || this.#inbox;
    const took = performance.now() - begin;
    const isSlow = !this.#isEnding && took >= SLOW && this.#rest.length >= LONG;
    const later = () => this.#around(() => this.#step());
    if (isMore && document.hidden) this.#step(); // nobody waits for the page, and its timers are slow
    else if (isMore || isSlow) this.#timer = setTimeout(later, isMore ? 0 : 3 * took);
    else this.#onDrawn();
  }

  /**
   * @param {string} text
   * @param {boolean} isLast
   */
  #normal(text, isLast) {
    text = this.#carry + text;
    this.#carry = !isLast && text.endsWith("\r") ? "\r" : "";
    text = text.slice(0, text.length - this.#carry.length);
    return text.replace(/\r\n?/g, "\n").replaceAll("\0", "\ufffd");
  }

  /** @param {string} text */
  #feed(text) {
    while (text) {
      const taken = this.#fence?.grow(text) ?? Math.min(this.#left, text.length);
      this.#rest += text.slice(0, taken);
      text = text.slice(taken);
      if (this.#fence ? this.#fence.isClosed : !(this.#left -= taken)) this.#settle();
    }
  }

  #settle() {
    const open = this.#draw(SETTLE);
    if (this.#fence) return;
    const work = open ? this.#rest.length - light([open.items?.at(-1) ?? open]) : 0;
    if (work > LONGEST) this.#cut();
    this.#left = Math.max(STEP, Math.ceil(work / 2));
  }

  /** Behind a line, else behind a word, else not within a character. */
  #cut() {
    const text = this.#rest;
    const end = text.lastIndexOf("\n") + 1 || text.lastIndexOf(" ") + 1 || text.replace(/[\ud800-\udbff]$/, "").length;
    this.#rest = text.slice(0, end);
    this.#draw(END);
    this.#rest = text.slice(end);
  }

  #finish() {
    this.#isOver = true;
    this.#fence = null;
    const { length } = this.#rest;
    if (this.#settled.length + (this.#growing?.text.length ?? 0) + length <= SLICE) this.#check();
    this.#draw(END);
  }

  /** What was settled too early, as by a title that went on for ten paragraphs, shows in the blocks of the whole. */
  #check() {
    const text = this.#settled.text + (this.#growing?.text ?? "") + this.#rest;
    const blocks = this.#lex(text).blocks.filter(({ type }) => type !== "space");
    if (this.#settled.blocks.every(({ type, raw }, i) => type === blocks[i]?.type && raw === blocks[i].raw)) return;
    this.#rest = text;
    this.#growing = null;
    this.#settled = new Settled();
    this.#version++;
  }

  /**
   * @param {string} source
   * @param {import("./growing.js").Growing | null} [growing]
   */
  #lex(source, growing) {
    return new Lexed(source, this.#settled.links, this.#extra, growing);
  }

  /**
   * @param {number} how
   * @returns {Token | undefined} what is open of it
   */
  #draw(how) {
    this.#fence = null;
    const growing = this.#growing;
    const prefix = growing?.prefix ?? "";
    const source = prefix + (how === END ? this.#rest : holdLine(this.#rest, !!this.#extra));
    const lexed = this.#lex(source, growing);
    const tokens = lexed.blocks;
    if (growing && !goesOn(growing, tokens[0])) {
      if (growing.text.length <= LONGEST) this.#rest = growing.text + this.#rest;
      else if (how === GUESS) return;
      else this.#endGrowing(growing);
      this.#growing = null;
      return this.#draw(how);
    }

    // A block is settled when another has come after it, and not only the beginning of a line, which may yet
    // turn out to be part of it.
    const lineEnd = source.lastIndexOf("\n");
    let settled = how === END ? tokens.length : 0;
    let next = how === END ? source.length : 0;
    let at = 0;
    tokens.forEach(({ type, raw }, i) => {
      if (how === SETTLE && type !== "space" && at <= lineEnd) [settled, next] = [i, at];
      at += raw.length;
    });

    const sure = tokens.slice(0, settled);
    const added = this.#settled.define(sure);
    // What is drawn with definitions that are no more than a guess is to be drawn again.
    if (lexed.isDefining) this.#version++;
    const drawing = new Drawing(lexed, this.#options, this.#version);
    const brush = new Groups(this.#part, this.#settled.count, this.#settled.last);
    lexed.use(this.#settled.links);
    const nodes = drawing.blocks(brush, sure, CLOSED, growing);
    lexed.useAll(this.#settled.links);
    const [node] = drawing.blocks(brush, tokens.slice(settled), OPEN, settled ? null : growing);
    brush.end();
    if (lexed.isDefining) this.#version++;

    if (settled) {
      if (growing) tokens[0].raw = growing.text + tokens[0].raw.slice(prefix.length);
      this.#growing = null;
      this.#settled.add(sure, nodes, added, !!growing);
      this.#rest = this.#rest.slice(next - prefix.length);
    }
    const open = tokens[settled];
    if (how !== SETTLE || !node || settled < tokens.length - 1 || lineEnd < next) return open;
    const code = open.codeBlockStyle !== "indented" && !CLOSED_FENCE.test(open.raw) && codeIn(node);
    if (code) {
      this.#fence = new OpenFence(this.#rest, code.plain);
    } else {
      const before = this.#growing?.text.length ?? 0;
      this.#growing = settleItems(this.#growing, open, /** @type {Element} */ (node), lineEnd - next);
      if (this.#growing) this.#rest = this.#rest.slice(this.#growing.text.length - before);
    }
    return open;
  }

  /**
   * A list or a table goes on otherwise than it began, and is too long to be read again: it ends here, and what
   * follows is another one.
   *
   * @param {import("./growing.js").Growing} growing
   */
  #endGrowing({ type, text, node, last }) {
    while (last.nextSibling) last.nextSibling.remove();
    this.#settled.add([{ type, raw: text }], [node], new Set());
  }

  /** @returns {boolean} whether there is more to be drawn again now */
  #redraw() {
    return this.#settled.redraw(SLICE, this.#isOver, ({ raw, node }) => {
      const lexed = this.#lex(raw);
      lexed.use(this.#settled.links);
      const brush = new Brush(/** @type {Node} */ (node?.parentNode), node);
      new Drawing(lexed, this.#options, ++this.#version).blocks(brush, lexed.blocks, CLOSED);
    });
  }
}

/**
 * How many characters in these are no work.
 *
 * @param {Token[]} tokens
 * @returns {number}
 */
function light(tokens) {
  return tokens.reduce((sum, { type, raw, items, tokens = [] }) => {
    const isLight = type === "code" || type === "table";
    return sum + (isLight ? raw.length - Math.ceil(raw.length / LIGHT) : light(items ?? tokens));
  }, 0);
}
