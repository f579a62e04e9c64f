/** What the server tells beside the answer: a title for the conversation, and what may be asked next. */

import { make } from "./markup.js";

const LONGEST_TITLE = 200;
const LONGEST_SUGGESTION = 300;
const MOST_SUGGESTIONS = 8;

/**
 * @param {import("./markup.js").Parts} parts
 * @param {string} type the event's name: one of the two
 * @param {unknown} data
 */
export function told(parts, type, data) {
  if (type === "title") showTitle(parts, data);
  else suggest(parts, data);
}

/**
 * @param {import("./markup.js").Parts} parts
 * @param {unknown} title
 */
function showTitle({ chat }, title) {
  if (typeof title !== "string") return;
  // The page's own may be anywhere: in a list of conversations, for one.
  const all = [...document.querySelectorAll("[data-chat=title]")];
  const places = all.filter((place) => (place.closest("flask-chat") ?? chat) === chat);
  if (!places[0]) chat.prepend((places[0] = make("h2", { "data-chat": "title", dir: "auto" })));
  for (const place of places) place.textContent = title.slice(0, LONGEST_TITLE);
}

/**
 * @param {import("./markup.js").Parts} parts
 * @param {unknown} questions
 */
function suggest({ field, suggestions }, questions) {
  if (!Array.isArray(questions)) return;
  const texts = questions.filter((text) => typeof text === "string" && text.trim()).slice(0, MOST_SUGGESTIONS);
  suggestions.replaceChildren(
    ...texts.map((text) => {
      const value = text.slice(0, LONGEST_SUGGESTION);
      return make("button", { name: field.name, value, formnovalidate: "", dir: "auto" }, value);
    }),
  );
}
