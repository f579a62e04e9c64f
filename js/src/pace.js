/** Spreads what came in a burst over some frames. */

/** @typedef {import("./text.js").Renderer} Renderer */

/** How far a text may fall behind what has arrived, less what a late frame takes. */
const BEHIND_MS = 400 - 50;

/** What the server has of an answer that goes on comes within this time of the first of it. */
const REPLAY_MS = 500;

/** In each stretch of this length, about two thirds of what is waiting are painted. */
const EASE_MS = 120;

/**
 * A renderer in front of another one.
 *
 * @implements {Renderer}
 */
export class Pace {
  #renderer;
  #around;
  #looks;
  #pending = "";
  #frame = 0;
  #paintedAt = 0;
  /**
   * What waits, and since when.
   *
   * @type {{ time: number, count: number }[]}
   */
  #waiting = [];
  #onDrained = () => {};

  /**
   * @param {Renderer} renderer
   * @param {import("./text.js").Around} around
   * @param {import("./turn.js").Looks} looks
   */
  constructor(renderer, around, looks) {
    this.#renderer = renderer;
    this.#around = around;
    this.#looks = looks;
    looks.replayedUntil ??= typeof looks.resume === "string" ? performance.now() + REPLAY_MS : 0;
  }

  /** @param {string} text */
  write(text) {
    const time = performance.now();
    if (!this.#pending) this.#paintedAt = time;
    this.#pending += text;
    this.#waiting.push({ time, count: text.length });
    const isReplayed = time < (this.#looks.replayedUntil ?? 0);
    if (isReplayed || document.hidden) this.#paint(this.#pending.length); // hidden, there are no frames
    else this.#frame ||= requestAnimationFrame(this.#onFrame);
  }

  /** Resolves once nothing waits. */
  drained() {
    return new Promise((resolve) => {
      this.#onDrained = () => resolve(null);
      setTimeout(resolve, this.#pending ? BEHIND_MS : 0); // there may be no frames any more
    });
  }

  end() {
    cancelAnimationFrame(this.#frame);
    this.#paint(this.#pending.length);
    return this.#renderer.end();
  }

  #onFrame = () => {
    this.#frame = 0;
    this.#paint(this.#due());
    if (this.#pending) this.#frame = requestAnimationFrame(this.#onFrame);
  };

  /** How many characters are to be painted now. */
  #due() {
    const now = performance.now();
    const eased = Math.ceil(this.#pending.length * (1 - Math.exp((this.#paintedAt - now) / EASE_MS)));
    let late = 0;
    for (const { time, count } of this.#waiting) if (now - time > BEHIND_MS) late += count;
    const due = Math.max(eased, late);
    // Not between the halves of a surrogate pair.
    return /[\ud800-\udbff]/.test(this.#pending.charAt(due - 1)) ? due + 1 : due;
  }

  /** @param {number} length */
  #paint(length) {
    const text = this.#pending.slice(0, length);
    this.#pending = this.#pending.slice(length);
    this.#paintedAt = performance.now();
    for (let [first] = this.#waiting; first && length; [first] = this.#waiting) {
      const taken = Math.min(length, first.count);
      length -= taken;
      first.count -= taken;
      if (!first.count) this.#waiting.shift();
    }
    if (text) this.#around(() => this.#renderer.write(text));
    if (!this.#pending) this.#onDrained();
  }
}
