/** The turns of a conversation: those that are asked here, and those that the server has written. */

import { make } from "./markup.js";

/** An answer's Markdown, as it came. @type {WeakMap<Element, string>} */
const sources = new WeakMap();

/** So many characters of a saved conversation are drawn before the page is shown at its end. */
const AT_ONCE = 4000;

/** Where there is no idle time, each part has so many times the characters of the last. Each moves the whole page: equal
 * parts would cost the square of its length. */
const GROWTH = 1.1;

/** In milliseconds: what a turn may take of idle time, in which more is drawn; and how long a busy page, which has none,
 * may keep the next characters waiting. */
const SPARE = 10;
const PATIENCE = 200;

/** What it costs to draw a turn, in characters: its words, and something for itself. @param {Element} turn */
const costOf = (turn) => 50 + /** @type {string} */ (turn.textContent).length;

/** @param {Element} turn */
export const isQuestion = (turn) => turn.getAttribute("data-turn") === "user";

/** @param {Element} turn */
export const sourceOf = (turn) => sources.get(turn) ?? "";

/**
 * @param {Element} turn
 * @param {string} text
 */
export const keepSource = (turn, text) => void sources.set(turn, text);

/** Of more characters without a line break, `unicode-bidi: plaintext` costs Chromium their square: 1 MB takes 5 s.
 * turns.py has the same number. */
const LONG = 100_000;

/**
 * @param {HTMLElement} part
 * @param {string} words as they were written
 */
export function putWords(part, words) {
  part.textContent = words;
  part.toggleAttribute("data-long", words.length > LONG);
  return part;
}

/**
 * The reader's words in the page.
 *
 * @param {string} words
 * @param {File[]} files
 */
export function questionTurn(words, files) {
  const turn = make("div", { "data-turn": "user", dir: "auto" }, putWords(make("div", { "data-part": "text" }), words));
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
 * @param {() => Promise<import("../text.js").MakeRenderer | undefined>} renderer gives none where it cannot be loaded
 * @param {(turn: Element) => void} onDrawn
 * @returns {Promise<void>} resolves once its end is drawn
 */
export async function drawSaved(output, renderer, onDrawn) {
  const raw = (/** @type {Element} */ turn) => turn.querySelector("[data-raw]"); // something stands below its words
  const isLeft = (/** @type {Element} */ turn) => !turn.childElementCount || raw(turn);
  const left = new Set([...output.querySelectorAll(":scope > [data-turn]")].filter(isLeft));
  if (!left.size) return;
  const answers = [...left].filter((turn) => !isQuestion(turn));
  const makeRenderer = answers.length ? await renderer() : null;

  /** @param {Element} turn */
  async function draw(turn) {
    if (!left.delete(turn)) return;
    near.unobserve(turn);
    const words = raw(turn) ?? turn;
    const text = words.textContent ?? "";
    const part = make("div", { "data-part": "text" });
    if (words === turn) turn.replaceChildren(part);
    else words.replaceWith(part);
    if (isQuestion(turn)) turn.setAttribute("dir", "auto");
    else sources.set(turn, text);
    try {
      const painter = isQuestion(turn) ? null : makeRenderer?.(part, (paint) => paint());
      painter?.write(text);
      await painter?.end();
      if (!painter) putWords(part, text);
    } catch (error) {
      reportError(error); // the page's own renderer: the other turns are drawn nevertheless
      putWords(part, text);
    }
    onDrawn(turn);
  }

  const margins = { rootMargin: "100% 0px", scrollMargin: "100% 0px" };
  const near = new IntersectionObserver((seen) => {
    for (const { isIntersecting, target } of seen) if (isIntersecting) draw(target);
  }, margins);
  const idle = globalThis.requestIdleCallback ?? ((/** @type {() => void} */ go) => setTimeout(go, 50));
  const rest = [...left];
  let most = AT_ONCE; // characters of a part that is drawn without idle time
  /** @param {IdleDeadline} [deadline] none for the end of it */
  const drawNext = async (deadline) => {
    for (let drawn = 0, last; (last = rest.at(-1)); ) {
      const cost = left.has(last) ? costOf(last) : 0;
      if (drawn && drawn + cost > most && (deadline?.timeRemaining() ?? 0) <= SPARE) {
        most *= GROWTH;
        return void idle(drawNext, { timeout: PATIENCE });
      }
      drawn += cost;
      rest.pop();
      await draw(last);
    }
  };
  await drawNext();
  for (const turn of left) near.observe(turn);
}
