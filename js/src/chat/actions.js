/** What can be done with a turn: copy it, ask again, edit the question, say whether the answer was good. */

import { copyText } from "../clipboard.js";
import { localeOf } from "../locale.js";
import { say } from "../index.js";
import { more } from "./load.js";
import { button, label, make } from "./markup.js";
import { isQuestion, sourceOf } from "./turns.js";

/** Of each action its buttons, with what they are called. @type {Record<string, Record<string, string>>} */
const OF_ANSWERS = {
  copy: { copy: "Copy" },
  "copy-markdown": { "copy-markdown": "Copy as Markdown" },
  regenerate: { regenerate: "Answer again" },
  rate: { up: "Good answer", down: "Bad answer" },
};
const isRating = (/** @type {string} */ name) => /^(up|down)$/.test(name);
const USUAL = "copy copy-markdown regenerate edit";
const COPIED_FOR = 2000;

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
    const canAsk = turn.dataset.id !== undefined;
    const put = (/** @type {string} */ name, /** @type {string} */ words) => {
      const added = bar.appendChild(button(name, words));
      if (isRating(name)) added.setAttribute("aria-pressed", `${turn.dataset.rating === name}`);
    };
    if (isQuestion(turn)) {
      if (wanted.has("edit") && canAsk) put("edit", "Edit");
    } else {
      for (const [action, buttons] of Object.entries(OF_ANSWERS)) {
        if (!wanted.has(action) || (!canAsk && action === "regenerate")) continue;
        for (const [name, words] of Object.entries(buttons)) put(name, words);
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
    if (/^copy/.test(name)) copy(name, pressed, turn);
    if (name === "regenerate") talk.again(questionOf(turn));
    if (name === "edit") edit(turn);
    if (isRating(name) && (await (await more())?.rate(pressed, turn, parts)) === false) {
      tell(say("Your rating could not be sent."));
    }
  });

  return { add, edit };
}

/** @param {Element | null} turn an answer's @returns {HTMLElement | null} */
function questionOf(turn) {
  while (turn && !isQuestion(turn)) turn = turn.previousElementSibling;
  return /** @type {HTMLElement | null} */ (turn);
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

/**
 * @param {string} name of the button
 * @param {HTMLElement} pressed
 * @param {HTMLElement} turn
 */
async function copy(name, pressed, turn) {
  const parts = [.../** @type {NodeListOf<HTMLElement>} */ (turn.querySelectorAll("[data-part=text]"))];
  const isMarkdown = name === "copy-markdown";
  const text = isMarkdown ? sourceOf(turn) : parts.map(readable).join("\n\n");
  if (!(await copyText(text, parts[0], isMarkdown ? "" : parts.map(markup).join("")))) return;
  label(pressed, "Copied");
  setTimeout(() => label(pressed, OF_ANSWERS[name][name]), COPIED_FOR);
}

const HEADS = "[data-code] > div";

/**
 * As it is read: without the buttons of its code.
 *
 * @param {HTMLElement} part
 */
function readable(part) {
  const heads = /** @type {NodeListOf<HTMLElement>} */ (part.querySelectorAll(HEADS));
  for (const head of heads) head.style.display = "none";
  const text = part.innerText.trim();
  for (const head of heads) head.removeAttribute("style");
  return text;
}

/**
 * The same with its looks. Chromium takes a style in what is copied for one of the page's, which its policy may forbid.
 *
 * @param {HTMLElement} part
 */
function markup(part) {
  const copied = /** @type {HTMLElement} */ (part.cloneNode(true));
  for (const head of copied.querySelectorAll(HEADS)) head.remove();
  for (const styled of copied.querySelectorAll("[style]")) styled.removeAttribute("style");
  return copied.innerHTML;
}
