/** Blocks into nodes, made one by one: no string of the answer is ever read as HTML. */

import { attribute, fill, isStale, isTooDeep } from "./brush.js";
import { drawCode, highlight, visible } from "./code.js";
import { close, holdEnd } from "./complete.js";
import { say } from "../words.js";
import { breakLines, drawCheckbox, drawFormula, drawSpans, unlinkLast } from "./spans.js";

/**
 * @typedef {import("./brush.js").Brush} Brush
 * @typedef {import("./growing.js").Growing} Growing
 * @typedef {import("./lex.js").Token} Token
 */

/** The closing fence is there. */
export const CLOSED_FENCE = /^\s*(`{3,}(?!`)|~{3,}(?!~))[^\n]*\n(?:[^]*\n)? {0,3}\1[`~]*\s*$/;

/** How a block may go on: not at all, or as a list does behind a blank line, or where it ends. */
export const CLOSED = 0;
const BEHIND_BLANK = 1;
export const OPEN = 2;

/** The first letter behind a checkbox; and whether it is of a script from Hebrew to Arabic, or of their other forms. */
const LETTER = /^(?:\[[xX]\]|\P{L}){0,200}(?:([\u0590-\u08ff\ufb1d-\ufefc])|\p{L})/u;

/**
 * Its markers, or its bar, stand where its words begin: right of Arabic ones. By the first letter, which does not change:
 * for `dir="auto"` a browser looks through all of a list of numbers at each that comes.
 *
 * @param {HTMLElement} element
 * @param {string} raw
 */
function directed(element, raw) {
  const letter = LETTER.exec(raw);
  if (letter) element.dir ||= letter[1] ? "rtl" : "ltr";
  return element;
}

export class Drawing {
  #lexed;
  #options;
  #version;

  /**
   * @param {import("./lex.js").Lexed} lexed
   * @param {import("./spans.js").DrawingOptions} options
   * @param {number} version another one for other link definitions, which may change any text
   */
  constructor(lexed, options, version) {
    this.#lexed = lexed;
    this.#options = options;
    this.#version = version;
  }

  /**
   * @param {Brush} brush
   * @param {Token[]} tokens
   * @param {number} open how open their end is
   * @param {Growing | null} [growing] for the first
   */
  blocks(brush, tokens, open, growing) {
    const last = tokens.filter(({ type }) => type !== "space").at(-1);
    const lastOpen = last === tokens.at(-1) ? open : open && BEHIND_BLANK;
    return tokens.map((token, i) => this.#block(brush, token, token === last ? lastOpen : CLOSED, i ? null : growing));
  }

  /**
   * @param {Brush} brush
   * @param {Token} token
   * @param {number} open
   * @param {Growing | null} [growing] for a list or a table of which the first items are there
   * @returns {ChildNode | undefined} what shows it
   */
  #block(brush, token, open, growing = null) {
    const { type, raw, tokens = [] } = token;
    if (isTooDeep()) {
      brush.text(raw);
      return;
    }
    switch (type) {
      case "text":
        this.#inline(brush, tokens, this.#source(tokens, open, true), open);
        return;
      case "paragraph": {
        const source = this.#source(tokens, open, true);
        if (open === OPEN && !source && !tokens.length) return; // all of it is held back
        return this.#element(brush, "p", raw, open, (inside) => this.#inline(inside, tokens, source, open));
      }
      case "heading": {
        const unended = raw.endsWith("\n") ? CLOSED : open;
        const level = Math.min(6, token.depth + this.#options.deeper);
        return this.#element(brush, `h${level}`, raw, unended, (inside) => this.#line(inside, tokens, unended));
      }
      case "hr":
        return brush.element("hr");
      case "blockquote":
        return directed(this.#element(brush, type, raw, open, (inside) => this.blocks(inside, tokens, open)), raw);
      case "list": {
        const list = directed(brush.element(token.ordered ? "ol" : "ul"), raw);
        const draw = (/** @type {Brush} */ inside) => {
          for (const item of token.items.slice(growing?.skip)) {
            this.#item(inside, item, item === token.items.at(-1) ? open : CLOSED);
          }
        };
        if (growing) fill(list, draw, growing.last);
        else if (this.#isStale(list, raw, open)) {
          fill(list, draw);
          attribute(list, "start", token.ordered && token.start !== 1 ? String(token.start) : null);
        }
        return list;
      }
      case "checkbox":
        drawCheckbox(brush, token);
        return;
      case "html": {
        const text = brush.element("p", type, (text) => (text.dataset.html = ""));
        fill(text, (inside) => inside.text(raw.trimEnd()));
        return text;
      }
      case "table":
        return this.#table(brush, token, raw.endsWith("\n") ? CLOSED : open, growing);
      case "math":
        return drawFormula(brush, token, this.#options);
      case "code":
        return this.#code(brush, token, open);
    }
  }

  /**
   * @param {Brush} brush
   * @param {string} name
   * @param {string} source
   * @param {number} open
   * @param {(inside: Brush) => void} draw
   * @param {boolean} [loose]
   */
  #element(brush, name, source, open, draw, loose) {
    const element = brush.element(name);
    if (this.#isStale(element, source, open, loose)) fill(element, draw);
    return element;
  }

  /**
   * @param {Node} element
   * @param {string} source
   * @param {number} open
   * @param {boolean} [loose]
   */
  #isStale(element, source, open, loose = false) {
    return isStale(element, source, open, loose, this.#version);
  }

  /**
   * @param {Brush} brush
   * @param {Token} item
   * @param {number} open
   */
  #item(brush, item, open) {
    const draw = (/** @type {Brush} */ inside) => this.blocks(inside, item.tokens ?? [], open);
    this.#element(brush, "li", item.raw, open, draw, item.loose);
  }

  /**
   * @param {Brush} brush
   * @param {Token} token
   * @param {number} open
   * @param {Growing | null} growing
   */
  #table(brush, { raw, header, rows }, open, growing) {
    const wrapper = brush.element("div", "table box", (wrapper) => {
      wrapper.dataset.scroll = "";
      wrapper.tabIndex = 0; // for those who scroll it by keyboard
      wrapper.setAttribute("role", "group");
      wrapper.setAttribute("aria-label", say("Table"));
    });
    if (growing || this.#isStale(wrapper, raw, open)) {
      /** @type {(table: Brush, name: string, group: Token[][], last?: ChildNode) => void} */
      const draw = (table, name, group, last) => {
        const rest = (/** @type {Brush} */ inside) => {
          for (const row of group) this.#row(inside, row, row === (rows.at(-1) ?? header) ? open : CLOSED);
        };
        fill(table.element(name), rest, last);
      };
      fill(wrapper, (inside) =>
        fill(inside.element("table"), (table) => {
          draw(table, "thead", [header]);
          if (rows.length || growing) draw(table, "tbody", rows, growing?.last);
        }),
      );
    }
    return wrapper;
  }

  /**
   * @param {Brush} brush
   * @param {Token[]} row
   * @param {number} open
   */
  #row(brush, row, open) {
    const last = row.filter(({ text }) => text).at(-1);
    fill(brush.element("tr"), (inside) => {
      for (const cell of row) {
        const isOpen = cell === last ? open : CLOSED;
        const draw = (/** @type {Brush} */ inside) => this.#line(inside, cell.tokens ?? [], isOpen, true);
        const element = this.#element(inside, cell.header ? "th" : "td", cell.text, isOpen, draw);
        if (element.style.textAlign !== (cell.align ?? "")) element.style.textAlign = cell.align ?? "";
      }
    });
  }

  /**
   * @param {Brush} brush
   * @param {Token} token
   * @param {number} open
   */
  #code(brush, { raw, text, lang }, open) {
    const source = visible(text.replace(/\n$/, ""));
    const isComplete = !open || CLOSED_FENCE.test(raw);
    const code = drawCode(brush, isComplete ? text && `${source}\n` : visible(text), lang);
    const hook = this.#options.highlight;
    if (hook && isComplete) highlight(code, source, hook);
    return code.wrapper;
  }

  /**
   * @param {Token[]} tokens
   * @param {number} open
   * @param {boolean} [header] whether its last line may become the head of a table
   */
  #source(tokens, open, header = false) {
    const source = this.#lexed.sourceOf(tokens);
    return open === OPEN ? holdEnd(source, header) : source;
  }

  /**
   * @param {Brush} brush
   * @param {Token[]} tokens
   * @param {number} open
   * @param {boolean} [isCell]
   */
  #line(brush, tokens, open, isCell) {
    this.#inline(brush, tokens, this.#source(tokens, open), open, isCell);
  }

  /**
   * @param {Brush} brush
   * @param {Token[]} before a checkbox, or nothing
   * @param {string} source
   * @param {number} open
   * @param {boolean} [isCell] of a table
   */
  #inline(brush, before, source, open, isCell) {
    const math = !!this.#options.math;
    const guess = (/** @type {string} */ text, /** @type {Token[]} */ read) => close(text, read, math);
    const tokens = this.#lexed.inline(source, open === OPEN ? guess : undefined);
    if (open === OPEN) unlinkLast(tokens);
    if (isCell) breakLines(tokens);
    drawSpans(brush, [...before, ...tokens], this.#options);
  }
}
