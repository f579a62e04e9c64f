/** The turns of a conversation: those that are asked here, and those that the server has written. */

import { make } from "./markup.js";

/** An answer's Markdown, as it came. @type {WeakMap<Element, string>} */
const sources = new WeakMap();

/** Of a saved conversation so much is drawn before the page is shown at its end, in characters. */
const AT_ONCE = 4000;

/** In milliseconds: what a turn may take of idle time; and how long a busy page may keep the rest waiting. */
const SPARE = 10;
const PATIENCE = 200;

/** @param {Element} turn */
export const isQuestion = (turn) => turn.getAttribute("data-turn") === "user";

/** @param {Element} turn */
export const sourceOf = (turn) => sources.get(turn) ?? "";

/**
 * @param {Element} turn
 * @param {string} text
 */
export const keepSource = (turn, text) => void sources.set(turn, text);

/**
 * The reader's words in the page.
 *
 * @param {string} words
 * @param {File[]} files
 */
export function questionTurn(words, files) {
  const turn = make("div", { "data-turn": "user", dir: "auto" }, make("div", { "data-part": "text" }, words));
  if (files.length) {
    turn.append(make("ul", { "data-chat": "files" }, ...files.map(({ name }) => make("li", { dir: "auto" }, name))));
  }
  return turn;
}

/** @param {Element} turn */
export const wordsOf = (turn) => turn.querySelector("[data-part=text]")?.textContent ?? "";

/**
 * Draws what the server has written: what is near the view first, and the rest when there is nothing else to do.
 *
 * @param {Element} output
 * @param {() => Promise<import("../text.js").MakeRenderer>} renderer
 * @param {(turn: Element) => void} onDrawn
 * @returns {Promise<void>} resolves once its end is drawn
 */
export async function drawSaved(output, renderer, onDrawn) {
  const raw = (/** @type {Element} */ turn) => turn.querySelector("[data-raw]"); // something stands below its words
  const isLeft = (/** @type {Element} */ turn) => !turn.childElementCount || raw(turn);
  const left = new Set([...output.querySelectorAll(":scope > [data-turn]")].filter(isLeft));
  if (!left.size) return;
  const answers = [...left].filter((turn) => !isQuestion(turn));
  const make = answers.length ? await renderer() : null;

  /** @param {Element} turn */
  async function draw(turn) {
    if (!left.delete(turn)) return;
    near.unobserve(turn);
    const words = raw(turn) ?? turn;
    const text = words.textContent ?? "";
    const part = document.createElement("div");
    part.dataset.part = "text";
    if (words === turn) turn.replaceChildren(part);
    else words.replaceWith(part);
    turn.setAttribute("data-drawn", "");
    if (isQuestion(turn)) {
      turn.setAttribute("dir", "auto");
      part.textContent = text;
    } else if (make) {
      sources.set(turn, text);
      const painter = make(part, (paint) => paint());
      painter.write(text);
      await painter.end();
    }
    onDrawn(turn);
  }

  const margins = { rootMargin: "100% 0px", scrollMargin: "100% 0px" };
  const near = new IntersectionObserver((seen) => {
    for (const { isIntersecting, target } of seen) if (isIntersecting) draw(target);
  }, margins);
  let length = 0;
  for (const turn of [...left].reverse()) {
    length += turn.textContent?.length ?? 0;
    if (length > AT_ONCE && length > (turn.textContent?.length ?? 0)) break;
    await draw(turn);
  }
  for (const turn of left) near.observe(turn);
  const idle = globalThis.requestIdleCallback ?? ((/** @type {() => void} */ go) => setTimeout(go, 50));
  const rest = [...left];
  /** @param {IdleDeadline} [deadline] */
  const drawNext = async (deadline) => {
    do {
      const last = rest.pop();
      if (!last) return;
      await draw(last);
    } while (deadline && deadline.timeRemaining() > SPARE);
    idle(drawNext, { timeout: PATIENCE });
  };
  idle(drawNext, { timeout: PATIENCE });
}
