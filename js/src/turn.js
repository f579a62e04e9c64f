/** One answer in the page: its parts, in the order of their arrival. */

import { more } from "./load.js";
import { painter } from "./render.js";
import { follower } from "./scroll.js";

/** @typedef {import("./connect.js").StreamEvent} StreamEvent */
/** @typedef {import("./text.js").MakeRenderer} MakeRenderer */
/** @typedef {import("./text.js").Renderer} Renderer */
/** @typedef {ReturnType<typeof beginTurn>} Turn */

/**
 * What the parts of other kinds need of it.
 *
 * @typedef {object} TurnToPaint
 * @property {(kind: string, make?: () => Renderer) => void} begin
 * @property {(tag: string, name: string, parent?: Element) => HTMLElement} part
 * @property {(text: string) => void} write for the part that has begun
 * @property {(paint: () => void) => void} around is handed what makes the turn grow
 */

/**
 * @typedef {object} Looks
 * @property {boolean} smooth whether to spread bursts
 * @property {boolean} follow whether to keep the end in view
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
  const around = looks.follow ? follower(element) : (/** @type {() => void} */ paint) => paint();
  const { flush, turnTo, write } = painter(around);
  /** @type {Promise<import("./parts.js").Parts | void> | undefined} */
  let others;
  /** @type {import("./pace.js").Pace | undefined} */
  let pace;
  let kind = "";

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
   * @param {string} tag
   * @param {string} name
   * @param {Element} [parent]
   */
  function part(tag, name, parent = element) {
    const part = document.createElement(tag);
    part.dataset.part = name;
    around(() => parent.append(part));
    return part;
  }

  /** @param {string} text that begins a part */
  async function showText(text) {
    const renderer = await looks.renderer;
    const module = looks.smooth && (await more());
    begin("text", () => {
      const plain = renderer(part("div", "text"));
      return module ? (pace = new module.Pace(plain, around)) : plain;
    });
    write(text);
  }

  /**
   * @param {string} type
   * @param {any} data
   */
  async function showOther(type, data) {
    others ??= more().then((module) => module && new module.Parts({ begin, part, write, around }, looks.reasoning));
    (await others)?.show(type, data);
  }

  return {
    flush,

    /**
     * What an event needs may have to be loaded: those after it wait for what this gives, if it gives anything.
     *
     * @param {StreamEvent} event
     * @returns {Promise<void> | void}
     */
    show({ type, data }) {
      if (type === "text" || type === "refusal") {
        if (data?.text) return kind === "text" ? write(data.text) : showText(data.text);
      } else if (/^(reasoning$|source$|tool_)/.test(type)) {
        return showOther(type, data);
      }
    },

    /**
     * No more comes.
     *
     * @param {string} state how the run ended
     */
    async finish(state) {
      flush();
      if (state === "done") await pace?.drained();
      begin("");
      (await others)?.finish(state);
    },

    /** Another answer takes its place. */
    async remove() {
      element.remove();
      looks.reasoning = null; // nor is there one for what it has yet to show
      (await others)?.remove();
    },
  };
}
