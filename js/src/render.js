/** Text into the page: as text nodes, once a frame, without moving a reader who is reading further up. */

/** How far from its end, in CSS pixels, a box still counts as scrolled to its end: rounding at odd zoom levels. */
const BOTTOM_SLACK = 2;

/** Paints one answer, in blocks: only the last one changes, so a long answer costs no more per frame than a short one. */
export class Painter {
  #pending = "";
  #frame = 0;
  /** @type {Text | null} */
  #last = null;
  #turn = document.createElement("div");
  /**
   * Where each box was when it was last scrolled to its end.
   *
   * @type {Map<Element, { top: number, end: number }>}
   */
  #left = new Map();

  /** @param {Element} output */
  constructor(output) {
    this.#turn.dataset.turn = "";
    // Inherited by the blocks, where any rule of the page's own is stronger.
    this.#turn.style.whiteSpace = "pre-wrap";
    output.append(this.#turn);
  }

  /** @param {string} text */
  write(text) {
    this.#pending += text;
    if (document.hidden) this.flush(); // there are no frames now
    else this.#frame ||= requestAnimationFrame(() => this.flush());
  }

  /** Paints now what has been written. */
  flush() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    if (this.#pending === "") return;
    const followed = scrollersAround(this.#turn).filter((box) => this.#follows(box));
    this.#paint(this.#pending);
    this.#pending = "";
    for (const box of followed) {
      box.scrollTo({ top: box.scrollHeight, behavior: "instant" });
      this.#left.set(box, { top: box.scrollTop, end: endOf(box) });
    }
  }

  /**
   * Above where it was left, a box has been scrolled up by its reader, be it by one pixel, unless
   * its end has come nearer, which moves the box too.
   *
   * @param {Element} box
   */
  #follows(box) {
    const left = this.#left.get(box);
    if (left && box.scrollTop < left.top && endOf(box) >= left.end) return false;
    return endOf(box) - box.scrollTop <= BOTTOM_SLACK;
  }

  /**
   * A block ends after a blank line. Its line feeds stay in it: the text of the output is the answer's.
   *
   * @param {string} text
   */
  #paint(text) {
    const carried = this.#last?.data.match(/\n{0,2}$/)?.[0] ?? "";
    const [first, ...blocks] = (carried + text).split(/(?<=\n\n)(?=[^\n])/);
    const rest = first.slice(carried.length);
    if (this.#last) this.#last.appendData(rest);
    else blocks.unshift(first);
    for (const block of blocks) this.#append(block);
  }

  /** @param {string} text */
  #append(text) {
    this.#last = document.createTextNode(text);
    const block = document.createElement("div");
    block.append(this.#last);
    this.#turn.append(block);
  }
}

/**
 * @param {Element} element
 * @returns {Element[]}
 */
function scrollersAround(element) {
  /** @type {Element[]} */
  const scrollers = [];
  for (let box = /** @type {Element | null} */ (element); box; box = box.parentElement) {
    if (/auto|scroll/.test(getComputedStyle(box).overflowY)) scrollers.push(box);
  }
  if (document.scrollingElement) scrollers.push(document.scrollingElement);
  return scrollers;
}

/** @param {Element} box */
function endOf(box) {
  return box.scrollHeight - box.clientHeight;
}
