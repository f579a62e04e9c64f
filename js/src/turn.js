/** One answer in the page: its parts, in the order of their arrival. */

import { more } from "./load.js";
import { partsOf } from "./parts.js";
import { painter, pause } from "./render.js";
import { follower } from "./scroll.js";

/** @typedef {import("./connect.js").StreamEvent} StreamEvent */
/** @typedef {import("./text.js").MakeRenderer} MakeRenderer */
/** @typedef {import("./text.js").Renderer} Renderer */
/** @typedef {ReturnType<typeof beginTurn>} Turn */

/** After so many events the page may do something else, such as to hear of a click on Stop. */
const MANY = 200;

const EMPTY_LINES = /^([^\S\r\n]*[\r\n])+/;

/**
 * What the parts of other kinds need of it.
 *
 * @typedef {object} TurnToPaint
 * @property {HTMLElement} element around all parts
 * @property {(kind: string, text: string) => string} opening
 * @property {(kind: string, make?: () => Renderer) => void} begin
 * @property {(text: string) => void} write for the part that has begun
 * @property {(stroke: () => void) => void} add is handed what changes the page, for when it is painted
 * @property {(tag: string, name: string, parent?: Element) => HTMLElement} part to be called then
 */

/**
 * @typedef {object} Looks
 * @property {boolean} smooth whether to spread bursts
 * @property {boolean | string} [resume] a run that is followed from its beginning: what comes first is not spread
 * @property {number} [replayedUntil]
 * @property {boolean} follow whether to keep the end in view, for a reader who is there
 * @property {boolean} asked whether the reader has just asked, and is taken there from wherever he is
 * @property {MakeRenderer | Promise<MakeRenderer>} renderer of the answer's text
 * @property {Element | null} reasoning where the page wants it, if it does
 */

/**
 * @param {Element} output
 * @param {Looks} looks
 */
export function beginTurn(output, looks) {
  const element = document.createElement("div");
  element.dataset.turn = "";
  output.append(element);
  const follow = looks.follow
    ? follower(element, output.parentElement ?? output, looks.asked)
    : (/** @type {() => void} */ paint) => paint();
  let isPainting = false;
  let isRemoved = false;
  let count = 0;
  let hurry = () => {};
  const hurried = new Promise((go) => (hurry = () => go(null)));
  let back = 0;
  const { add, drained, ended, flush, turnTo, write } = painter(around);
  /** @type {import("./pace.js").Pace | undefined} */
  let pace;
  let kind = "";

  /**
   * Paints what makes the turn grow, and follows. To read positions costs a layout: where one paint is part of
   * another it is done once, and in a page that is hidden when its reader is back, which is when it has frames.
   *
   * @param {() => void} paint
   */
  function around(paint) {
    if (isRemoved) return;
    if (document.hidden) back ||= requestAnimationFrame(() => follow(() => (back = 0)));
    if (isPainting || document.hidden) return paint();
    isPainting = true;
    try {
      follow(paint);
    } finally {
      isPainting = false;
    }
  }

  /**
   * A part goes on until one of another kind begins.
   *
   * @param {string} next
   * @param {() => Renderer} [make]
   */
  function begin(next, make) {
    if (next === kind) return;
    kind = next;
    turnTo(make);
  }

  /**
   * What is shown of a text: a part of its own does not begin with empty lines.
   *
   * @param {string} next
   * @param {string} text
   */
  function opening(next, text) {
    return next === kind ? text : text.replace(EMPTY_LINES, "");
  }

  /**
   * @param {string} tag
   * @param {string} name
   * @param {Element} [parent]
   */
  function part(tag, name, parent = element) {
    const part = document.createElement(tag);
    part.dataset.part = name;
    parent.append(part);
    return part;
  }

  /** @param {string} text that begins a part */
  async function showText(text) {
    const renderer = await looks.renderer;
    const module = looks.smooth && (await more());
    begin("text", () => {
      const plain = renderer(part("div", "text"), around);
      return module ? (pace = new module.Pace(plain, around, looks)) : plain;
    });
    write(text);
  }

  async function paintAll() {
    await drained();
    await pace?.drained();
    end("done");
    await drained();
    await ended();
  }

  /** @param {string} state how the run ended */
  function end(state) {
    begin("");
    others.finish(state);
  }

  const others = partsOf({ element, opening, begin, write, add, part }, looks.reasoning);

  return {
    flush,
    around,

    /**
     * What an event needs may have to be loaded: those after it wait for what this gives, if it gives anything.
     *
     * @param {StreamEvent} event
     * @returns {Promise<void> | void}
     */
    show({ type, data }) {
      if (type === "text" || type === "refusal") {
        const text = opening("text", data?.text ?? "");
        if (text) return kind === "text" ? write(text) : showText(text);
      } else if (/^(reasoning$|source$|tool_)/.test(type)) {
        others.show(type, data);
      }
    },

    /** To be awaited after each event. */
    rest() {
      if (++count % MANY === 0 && !document.hidden) return Promise.race([pause(), hurried]);
    },

    /** What is still to be painted is not waited for any more. */
    hurry,

    /**
     * No more comes. Of an answer that is done, resolves once all of it is in the page; of another, of which there
     * may be as much to be painted, at once.
     *
     * @param {string} state how the run ended
     */
    async finish(state) {
      if (state === "done") return Promise.race([paintAll(), hurried]);
      end(state);
      drained();
    },

    /** Another answer takes its place: nothing is painted any more. */
    remove() {
      isRemoved = true;
      element.remove();
      others.remove();
    },
  };
}
