/** What of an answer is settled: its blocks, and its link definitions, which may change blocks that came before them. */

import { definitionsIn, labelsIn, normal } from "./lex.js";

/**
 * @typedef {import("./lex.js").Token} Token
 * @typedef {{ type: string, raw: string, node: ChildNode | undefined }} Block
 */

/** More definitions than this are none. */
const MOST_LINKS = 1000;

/** A longer block is not drawn again for a definition that comes late. */
const LONGEST = 32_000;
/** For late definitions so many times the answer's length is drawn again, and the rest at the end. */
const REDRAWS = 4;
/** As much work as so many characters is to begin with a block. */
const BLOCK = 64;

export class Settled {
  /** @type {Block[]} */
  blocks = [];
  /** The last node, and how many there are. @type {ChildNode | null} */
  last = null;
  count = 0;
  length = 0;
  /** @type {import("./lex.js").Links} */
  links = Object.create(null);
  /** Of these. @type {Set<string>} */
  #labels = new Set();
  /** In order. @type {string[]} */
  #sources = [];
  /** Blocks by the labels in them that have no definition yet. @type {Map<string, Block[]>} */
  #waiting = new Map();
  /** What a late definition changes, and has not been drawn again. @type {Set<Block>} */
  #stale = new Set();
  /** How much has been drawn again for one. */
  #redrawn = 0;

  get text() {
    return this.#sources.join("");
  }

  /**
   * Takes the definitions in what is to be settled.
   *
   * @param {Token[]} tokens
   * @returns {Set<string>} the labels of those that are new
   */
  define(tokens) {
    const added = new Set();
    for (const { tag, href, title } of definitionsIn(tokens)) {
      if (tag in this.links || this.#labels.size === MOST_LINKS) continue;
      this.links[tag] = { href, title };
      added.add(normal(tag));
      this.#labels.add(normal(tag));
    }
    return added;
  }

  /**
   * @param {Token[]} tokens
   * @param {(ChildNode | undefined)[]} nodes what shows them
   * @param {Set<string>} added the labels that were defined with them
   * @param {boolean} [isGrown] whether some of the first was drawn before these were
   */
  add(tokens, nodes, added, isGrown) {
    tokens.forEach(({ type, raw }, i) => {
      this.#sources.push(raw);
      this.length += raw.length;
      if (type === "space") return;
      const block = { type, raw, node: nodes[i] };
      this.blocks.push(block);
      if (!block.node) return;
      this.last = block.node;
      this.count++;
      if (type !== "code" && type !== "html" && raw.length <= LONGEST) this.#wait(block, isGrown && !i ? added : null);
    });
    for (const label of added) {
      this.#waiting.get(label)?.forEach((block) => this.#stale.add(block));
      this.#waiting.delete(label);
    }
  }

  /**
   * @param {Block} block
   * @param {Set<string> | null} late labels whose definitions it was not drawn with
   */
  #wait(block, late) {
    for (const label of labelsIn(block.raw)) {
      if (this.#labels.has(label) && !late?.has(label)) continue;
      const blocks = this.#waiting.get(label);
      if (blocks) blocks.push(block);
      else this.#waiting.set(label, [block]);
    }
  }

  /**
   * Draws again what definitions have changed that came late.
   *
   * @param {number} most so many characters at a time
   * @param {boolean} isOver whether no more comes
   * @param {(block: Block) => void} draw
   * @returns {boolean} whether there is more of it to be drawn now
   */
  redraw(most, isOver, draw) {
    for (const block of this.#stale) {
      if (!isOver && this.#redrawn > REDRAWS * this.length) return false;
      if (most < 0) return true;
      most -= BLOCK + block.raw.length;
      this.#redrawn += block.raw.length;
      this.#stale.delete(block);
      draw(block);
    }
    return false;
  }
}
