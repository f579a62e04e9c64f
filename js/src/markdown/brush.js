/** Draws what stands in an element over what stood there: a node that is still right stays, with a selection in it. */

/**
 * What an element was drawn for.
 *
 * @typedef {object} Drawn
 * @property {string} kind
 * @property {unknown[]} [reasons] all that its looks depend on
 */

/** @type {WeakMap<Node, Drawn>} */
const drawn = new WeakMap();

export class Brush {
  #parent;
  #next;
  #text = "";

  /**
   * @param {Node} parent
   * @param {ChildNode | null} [next] where to begin
   */
  constructor(parent, next = parent.firstChild) {
    this.#parent = parent;
    this.#next = next;
  }

  /** @param {string} text */
  text(text) {
    this.#text += text;
  }

  /**
   * @param {string} name
   * @param {string} [kind] what tells it from elements of the same name
   * @param {(element: any) => void} [build] gives a new one what it keeps
   * @returns {HTMLElement}
   */
  element(name, kind = name, build) {
    this.#writeText();
    const next = this.#next;
    if (next && drawn.get(next)?.kind === kind) {
      this.#next = next.nextSibling;
      return /** @type {HTMLElement} */ (next);
    }
    const element = document.createElement(name);
    drawn.set(element, { kind });
    build?.(element);
    this.#parent.insertBefore(element, next);
    return element;
  }

  /** Nothing comes after what has been drawn. */
  end() {
    this.#writeText();
    while (this.#next) {
      const old = this.#next;
      this.#next = old.nextSibling;
      old.remove();
    }
  }

  #writeText() {
    if (!this.#text) return;
    if (this.#next instanceof Text) {
      rewrite(this.#next, this.#text);
      this.#next = this.#next.nextSibling;
    } else {
      this.#parent.insertBefore(document.createTextNode(this.#text), this.#next);
    }
    this.#text = "";
  }
}

/** Deeper trees are hard on the browser: HTML parsers end at 512. */
const DEEPEST = 100;
let depth = 0;

/** Whether what stands here is to be shown as it was written, since it is nested too deeply. */
export const isTooDeep = () => depth > DEEPEST;

/**
 * @param {Node} element
 * @param {(brush: Brush) => void} draw
 * @param {ChildNode} [last] the last node in it that is not drawn again
 */
export function fill(element, draw, last) {
  const brush = new Brush(element, last && last.nextSibling);
  depth++;
  draw(brush);
  depth--;
  brush.end();
}

/**
 * Whether an element has to be drawn: not if it was drawn for the same before.
 *
 * @param {Node} element
 * @param {unknown[]} reasons all that its looks depend on
 */
export function isStale(element, ...reasons) {
  const last = /** @type {Drawn} */ (drawn.get(element));
  if (last.reasons && reasons.every((reason, i) => reason === last.reasons?.[i])) return false;
  last.reasons = reasons;
  return true;
}

/**
 * Changes only what differs: a selection before that stays.
 *
 * @param {Text} node
 * @param {string} text
 */
export function rewrite(node, text) {
  const old = node.data;
  if (old === text) return;
  let same = text.startsWith(old) ? old.length : 0;
  if (!same) while (same < old.length && old[same] === text[same]) same++;
  node.replaceData(same, old.length - same, text.slice(same));
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {string | null} value null: the element has no such attribute
 */
export function attribute(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}
