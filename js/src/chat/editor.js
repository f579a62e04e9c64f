/** A question that is edited in its place. */

import { say } from "../index.js";
import { isSending } from "./keys.js";
import { button, label, make } from "./markup.js";
import { wordsOf } from "./turns.js";

/**
 * @param {HTMLElement} question its turn
 * @param {(words: string) => boolean} ask is handed the new words; false where it cannot be asked now
 * @param {string} [words] in the place of those that it has
 */
export function edit(question, ask, words = wordsOf(question)) {
  if (question.querySelector("[data-chat=editor]")) return;
  const field = /** @type {HTMLTextAreaElement} */ (make("textarea", { "aria-label": say("Your question"), dir: "auto" }));
  field.value = words;
  field.rows = Math.min(8, words.split("\n").length);
  const cancel = button("cancel", "Cancel");
  const save = label(make("button", { "data-chat": "save" }), "Ask again");
  const editor = /** @type {HTMLFormElement} */ (make("form", { "data-chat": "editor" }, field, cancel, save));

  function close() {
    editor.remove();
    /** @type {HTMLElement | null} */ (question.querySelector("[data-chat=edit]"))?.focus();
  }

  cancel.addEventListener("click", close);
  editor.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = field.value.trim();
    if (text && ask(text)) close();
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.preventDefault(); // it does one thing: an answer that runs goes on
      close();
    }
    if (!isSending(event)) return;
    event.preventDefault();
    editor.requestSubmit();
  });
  question.append(editor);
  field.focus();
}
