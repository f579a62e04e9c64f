/** The blocks of an answer: the first side by side, the rest in groups, so that a frame costs no more in a long one. */

import { Brush } from "./brush.js";

/** Browsers look at all that stands beside a block which changes. */
const GROUP = 32;

export class Groups extends Brush {
  #count;
  /** @type {Brush | undefined} */
  #group;

  /**
   * @param {Node} part
   * @param {number} count how many blocks are not drawn again
   * @param {ChildNode | null} last the last of them
   */
  constructor(part, count, last) {
    const group = count > GROUP ? /** @type {HTMLElement} */ (last?.parentNode) : null;
    super(part, last ? (group ?? last).nextSibling : part.firstChild);
    this.#count = count;
    if (group && count % GROUP) this.#group = new Brush(group, last?.nextSibling);
  }

  /**
   * @param {string} name
   * @param {string} [kind]
   * @param {(element: any) => void} [build]
   */
  element(name, kind, build) {
    const count = this.#count++;
    if (count < GROUP) return super.element(name, kind, build);
    if (count % GROUP === 0) {
      this.#group?.end();
      const group = super.element("div", "group", (group) => {
        group.dataset.group = "";
        group.style.isolation = "isolate"; // a layer of its own, which is passed over where nothing has changed
      });
      this.#group = new Brush(group);
    }
    return /** @type {Brush} */ (this.#group).element(name, kind, build);
  }

  end() {
    this.#group?.end();
    super.end();
  }
}
