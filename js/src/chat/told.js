/** What the server tells beside the answer: a title for the conversation, and what may be asked next. */

import { make } from "./markup.js";

const LONGEST_TITLE = 200;
const LONGEST_SUGGESTION = 300;
const MOST_SUGGESTIONS = 8;

/** @param {import("./markup.js").Parts} parts */
export function told({ chat, stream, field, suggestions }) {
  /** @param {unknown} title */
  function showTitle(title) {
    if (typeof title !== "string") return;
    if (!chat.querySelector("[data-chat=title]")) chat.prepend(make("h2", { "data-chat": "title", dir: "auto" }));
    for (const place of chat.querySelectorAll("[data-chat=title]")) place.textContent = title.slice(0, LONGEST_TITLE);
  }

  /** @param {unknown} questions */
  function suggest(questions) {
    if (!Array.isArray(questions)) return;
    const texts = questions.filter((text) => typeof text === "string" && text.trim()).slice(0, MOST_SUGGESTIONS);
    suggestions.replaceChildren(
      ...texts.map((text) => {
        const value = text.slice(0, LONGEST_SUGGESTION);
        return make("button", { name: field.name, value, formnovalidate: "", dir: "auto" }, value);
      }),
    );
  }

  stream.addEventListener("stream:event", (/** @type {CustomEvent} */ { detail: { type, data } }) => {
    if (type === "title") showTitle(data);
    if (type === "suggestions") suggest(data);
  });
}
