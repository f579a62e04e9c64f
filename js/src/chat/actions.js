/** What can be done with a turn: copy it, ask again, edit the question, say whether the answer was good. */

import { COPIED_FOR } from "../clipboard.js";
import { localeOf } from "../locale.js";
import { say } from "../index.js";
import { more } from "./load.js";
import { button, label, make } from "./markup.js";
import { isQuestion, sourceOf, wordsOf } from "./turns.js";

/** The buttons of an answer, and what they are called. @type {Record<string, string>} */
const OF_ANSWERS = {
  copy: "Copy",
  "copy-markdown": "Copy as Markdown",
  regenerate: "Answer again",
  up: "Good answer",
  down: "Bad answer",
};
const isRating = (/** @type {string} */ name) => /^(up|down)$/.test(name);
const USUAL = "copy copy-markdown regenerate edit";

/**
 * @param {import("./markup.js").Parts} parts
 * @param {ReturnType<typeof import("./conversation.js").conversation>} talk
 * @param {(words: string) => void} tell
 */
export function actions(parts, talk, tell) {
  const { chat } = parts;
  const usual = chat.hasAttribute("feedback") ? `${USUAL} rate` : USUAL;
  const wanted = new Set((chat.getAttribute("actions") ?? usual).split(/\s+/));

  /**
   * @param {HTMLElement} turn
   * @param {{ at?: Date, model?: string }} [about]
   */
  function add(turn, { model = turn.dataset.model, at = dateOf(turn) } = {}) {
    const bar = make("div", { "data-chat": "actions" });
    const hasWords = wordsOf(turn).trim();
    const put = (/** @type {string} */ name, /** @type {string} */ words) => {
      const added = bar.appendChild(button(name, words));
      if (isRating(name)) added.setAttribute("aria-pressed", `${turn.dataset.rating === name}`);
    };
    if (isQuestion(turn)) {
      if (wanted.has("edit") && turn.dataset.id) put("edit", "Edit");
    } else {
      for (const [name, words] of Object.entries(OF_ANSWERS)) {
        const makesSense = name === "regenerate" ? questionOf(turn) : hasWords;
        if (makesSense && wanted.has(isRating(name) ? "rate" : name)) put(name, words);
      }
      if (model || at) bar.append(details(turn, model, at));
    }
    if (bar.firstChild) turn.append(bar);
    // For those who do not see on which side it is.
    turn.setAttribute("role", "article");
    turn.setAttribute("aria-label", say(isQuestion(turn) ? "You" : "Answer"));
  }

  /**
   * @param {HTMLElement} question
   * @param {string} [words]
   */
  async function edit(question, words) {
    (await more())?.edit(question, (text) => talk.again(question, text), words);
  }

  chat.addEventListener("click", async ({ target }) => {
    const pressed = /** @type {HTMLElement | null} */ (/** @type {Element} */ (target).closest("[data-chat]"));
    const turn = /** @type {HTMLElement | null | undefined} */ (pressed?.closest("[data-turn]"));
    if (!pressed || !turn) return;
    const name = pressed.dataset.chat ?? "";
    if (/^copy/.test(name) && (await (await more())?.copy(turn, name === "copy-markdown" && sourceOf(turn)))) {
      label(pressed, "Copied");
      setTimeout(() => label(pressed, OF_ANSWERS[name]), COPIED_FOR);
    }
    if (name === "regenerate") talk.again(questionOf(turn));
    if (name === "edit") edit(turn);
    if (isRating(name) && (await (await more())?.rate(pressed, turn, parts)) === false) {
      tell(say("Your rating could not be sent."));
    }
  });

  // Who may press one of them next does not wait for the file: a browser lets a click alone copy.
  for (const type of ["pointerover", "focusin"]) chat.addEventListener(type, more, { once: true });

  return { add, edit };
}

/**
 * That of an answer, if it is in the page and can be asked again.
 *
 * @param {HTMLElement} answer
 */
function questionOf({ dataset: { id }, previousElementSibling }) {
  let turn = /** @type {HTMLElement | null} */ (previousElementSibling);
  while (turn && !isQuestion(turn)) turn = /** @type {HTMLElement | null} */ (turn.previousElementSibling);
  return id && turn?.dataset.id === id ? turn : null;
}

/** @param {HTMLElement} turn */
const dateOf = ({ dataset: { at } }) => (at ? new Date(at) : undefined);

/**
 * @param {HTMLElement} turn
 * @param {string} [model]
 * @param {Date} [at]
 */
function details(turn, model, at) {
  const words = make("p", {}, make("bdi", {}, model ?? ""));
  if (at && !isNaN(+at)) {
    const text = at.toLocaleString(localeOf(turn), { dateStyle: "medium", timeStyle: "short" });
    words.append(model ? " · " : "", make("time", { datetime: at.toISOString() }, text));
  }
  return make("details", { "data-chat": "about" }, label(make("summary"), "Details"), words);
}
