/** One answer in markdown: what of it is settled, and what the next words may change. */

import { place } from "./bounds.js";
import { Brush } from "./brush.js";
import { codeIn } from "./code.js";
import { holdLine } from "./complete.js";
import { CLOSED_FENCE, Drawing, OPEN } from "./draw.js";
import { OpenFence } from "./fence.js";
import { Groups } from "./groups.js";
import { goesOn, settleItems } from "./growing.js";
import { define, labelsIn, Lexed, normal } from "./lex.js";
import { mathOptions } from "./math.js";
import { targets } from "./urls.js";

/**
 * @typedef {import("./lex.js").Token} Token
 * @typedef {{ type: string, raw: string, node: ChildNode | undefined }} Block
 */

/** So much is drawn at a time; then the page may do something else. */
const SLICE = 16_000;

/** A block that is longer ends there: while it is open, all of it is read again with each piece that comes. */
const LONGEST = 32_000;

/** For definitions that come late so many times the answer's length is drawn again, and the rest at the end. */
const REDRAWS = 4;
/** As much work as so many characters is to begin with a block. */
const BLOCK = 64;

/** More definitions than this are not waited for: each is looked at with each block. */
const MOST_LINKS = 1000;

/** A long block that takes longer than this to draw, in ms, is drawn less often: the page is to stay quick. */
const SLOW = 16;
const LONG = 2000;

export class Answer {
  #part;
  #options;
  #extra;
  /** What has come and has not been looked at. */
  #inbox = "";
  #timer = 0;
  #isEnding = false;
  #isOver = false;
  #onDrawn = () => {};
  /** A CR at the end of the last piece: an LF may follow, or not. */
  #carry = "";
  #rest = "";
  /** What is settled before it, in order, but for what is growing; and how long that is. @type {string[]} */
  #settled = [];
  #length = 0;
  /** The blocks in it. @type {Block[]} */
  #blocks = [];
  /** The definitions in it. @type {import("./lex.js").Links} */
  #links = Object.create(null);
  /** Settled blocks, by the labels in them that have no definition yet. @type {Map<string, Block[]>} */
  #waiting = new Map();
  /** The last node of it, and how many there are. @type {ChildNode | null} */
  #last = null;
  #count = 0;
  /** What a late definition changes, and has not been drawn again. @type {Set<Block>} */
  #stale = new Set();
  /** How much has been drawn again for one. */
  #redrawn = 0;
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
    this.#options = { ...options, targets: targets(options.links) };
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
    const length = place(this.#inbox, SLICE);
    const text = this.#take(this.#inbox.slice(0, length));
    this.#inbox = this.#inbox.slice(length);
    if (!this.#isOver) {
      if (this.#isEnding && !this.#inbox) this.#finish();
      else this.#show(text);
    }
    const isMore = this.#redraw() || this.#inbox;
    const took = performance.now() - begin;
    const isSlow = !this.#isEnding && took >= SLOW && this.#rest.length >= LONG;
    if (isMore || isSlow) this.#timer = setTimeout(() => this.#step(), isMore ? 0 : 3 * took);
    else this.#onDrawn();
  }

  /** @param {string} text what is new of the rest */
  #show(text) {
    if (this.#fence?.grow(text)) return;
    this.#draw(false);
    const most = this.#fence ? Infinity : place(this.#rest, LONGEST);
    if (most >= this.#rest.length) return;
    const rest = this.#rest.slice(most);
    this.#rest = this.#rest.slice(0, most);
    this.#draw(true);
    this.#rest = rest;
    this.#draw(false);
  }

  #finish() {
    this.#isOver = true;
    this.#take("", true);
    const growing = this.#growing?.text ?? "";
    if (this.#length + growing.length + this.#rest.length <= SLICE) this.#check(this.#settled.join("") + growing);
    this.#draw(true);
  }

  /**
   * What was settled too early, as by a title that went on for ten paragraphs, shows in the blocks of the whole.
   *
   * @param {string} settled all of it
   */
  #check(settled) {
    const blocks = this.#lex(settled + this.#rest).blocks.filter(({ type }) => type !== "space");
    if (this.#blocks.every(({ type, raw }, i) => type === blocks[i]?.type && raw === blocks[i].raw)) return;
    this.#rest = settled + this.#rest;
    this.#settled = [];
    this.#blocks = [];
    this.#growing = null;
    this.#links = Object.create(null);
    this.#waiting.clear();
    this.#stale.clear();
    this.#last = null;
    this.#count = 0;
  }

  /**
   * @param {string} text
   * @param {boolean} [end]
   * @returns {string} what is new of the rest
   */
  #take(text, end = false) {
    text = this.#carry + text;
    this.#carry = !end && text.endsWith("\r") ? "\r" : "";
    text = text.slice(0, text.length - this.#carry.length);
    text = text.replace(/\r\n?/g, "\n").replaceAll("\0", "\ufffd");
    this.#rest += text;
    return text;
  }

  /**
   * @param {string} source
   * @param {import("./growing.js").Growing | null} [growing]
   */
  #lex(source, growing) {
    return new Lexed(source, this.#links, this.#extra, growing);
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
    const lexed = this.#lex(source, growing);
    const tokens = lexed.blocks;
    if (growing && !goesOn(growing, tokens[0])) {
      this.#growing = null;
      if (growing.text.length > LONGEST) this.#endGrowing(growing);
      else this.#rest = growing.text + this.#rest;
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
      this.#settle(tokens.slice(0, settled), nodes, !!growing);
      this.#rest = this.#rest.slice(next - prefix.length);
    }
    const last = tokens[settled];
    const node = nodes[settled];
    if (!node || settled < tokens.length - 1 || lineEnd < next) return;
    const code = last.codeBlockStyle !== "indented" && !CLOSED_FENCE.test(last.raw) && codeIn(node);
    if (code) {
      this.#fence = new OpenFence(this.#rest, code.plain);
    } else {
      const before = this.#growing?.text.length ?? 0;
      this.#growing = settleItems(this.#growing, last, /** @type {Element} */ (node), lineEnd - next);
      if (this.#growing) this.#rest = this.#rest.slice(this.#growing.text.length - before);
    }
  }

  /**
   * A list or a table goes on otherwise than it began, and is too long to be read again: it ends here, and what
   * follows is another one.
   *
   * @param {import("./growing.js").Growing} growing
   */
  #endGrowing({ type, text, node, last }) {
    while (last.nextSibling) last.nextSibling.remove();
    this.#settle([{ type, raw: text }], [node]);
  }

  /**
   * @param {Token[]} tokens
   * @param {(ChildNode | undefined)[]} nodes
   * @param {boolean} [isGrown] whether some of the first was drawn before, when not all definitions were there
   */
  #settle(tokens, nodes, isGrown) {
    const labels = () => new Set(Object.keys(this.#links).map(normal));
    const known = labels();
    if (known.size < MOST_LINKS) define(tokens, this.#links);
    const now = labels();
    tokens.forEach(({ type, raw }, i) => {
      this.#settled.push(raw);
      this.#length += raw.length;
      if (type === "space") return;
      const block = { type, raw, node: nodes[i] };
      this.#blocks.push(block);
      if (!block.node) return;
      this.#last = block.node;
      this.#count++;
      if (type === "code" || type === "html" || raw.length > LONGEST) return;
      for (const label of labelsIn(raw)) {
        if ((isGrown && !i ? known : now).has(label)) continue;
        const blocks = this.#waiting.get(label) ?? [];
        blocks.push(block);
        this.#waiting.set(label, blocks);
      }
    });
    for (const label of now) {
      if (!known.has(label)) this.#waiting.get(label)?.forEach((block) => this.#stale.add(block));
    }
  }

  /**
   * Draws again what definitions have changed that came late, or so much of it as may be drawn at a time.
   *
   * @returns {boolean} whether there is more of it to be drawn now
   */
  #redraw() {
    let left = SLICE;
    for (const block of this.#stale) {
      if (!this.#isOver && this.#redrawn > REDRAWS * this.#length) return false;
      if (left < 0) return true;
      left -= BLOCK + block.raw.length;
      this.#redrawn += block.raw.length;
      this.#stale.delete(block);
      const lexed = this.#lex(block.raw);
      const node = /** @type {ChildNode} */ (block.node);
      const brush = new Brush(/** @type {Node} */ (node.parentNode), node);
      new Drawing(lexed, this.#options).blocks(brush, lexed.blocks, 0);
    }
    return false;
  }
}
