/** Where the reader types: Enter sends, the field grows, and what is not sent stays in it. */

import { say } from "../index.js";
import { isSending } from "./keys.js";

/**
 * @param {import("./markup.js").Parts} parts
 * @param {() => boolean} isRunning
 * @param {() => import("./files.js").Attachments | undefined} files
 */
export function composer({ chat, form, field, send, hint, output, suggestions }, isRunning, files) {
  /** @param {string} words */
  const tell = (words) => void (hint.textContent = words);

  const wait = () => tell(say("Your question waits here as a draft until the answer has ended."));

  /** @param {Element[]} lost from these, which are hidden now */
  function refocus(...lost) {
    // On a phone it would open the keyboard over the answer.
    if (!matchMedia("(hover: hover)").matches || !lost.includes(/** @type {Element} */ (document.activeElement))) return;
    field.focus({ preventScroll: true });
  }

  function grow() {
    if (CSS.supports("field-sizing", "content")) return;
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`;
  }

  field.addEventListener("input", grow);
  field.addEventListener("keydown", (event) => {
    if (!isSending(event)) return;
    event.preventDefault();
    form.requestSubmit(send);
  });
  // Before the element's own, which would do nothing.
  chat.addEventListener(
    "submit",
    (event) => {
      if (event.target !== form) return;
      const { submitter } = /** @type {SubmitEvent} */ (event);
      const isEmpty = !field.value.trim() && !files()?.count && !/** @type {any} */ (submitter)?.value;
      if (isRunning()) wait();
      else if (!isEmpty) return;
      event.preventDefault();
      event.stopPropagation();
      field.focus();
    },
    true,
  );

  return {
    tell,
    wait,

    /**
     * A question has been sent: what of it was written here is not a draft any more.
     *
     * @param {string} words
     * @param {File[]} sent
     */
    taken(words, sent) {
      tell("");
      refocus(send, ...suggestions.children);
      suggestions.replaceChildren();
      if (field.value.trim() === words) field.value = "";
      if (sent.length) files()?.clear();
      grow();
    },

    /** Nothing runs any more. */
    free() {
      tell("");
      refocus(output); // where the element has moved it from its Stop button
    },

    /**
     * @param {string} words
     * @param {File[]} given
     * @returns {boolean} whether there is room for them
     */
    giveBack(words, given) {
      if (field.value.trim() || files()?.count) return false;
      field.value = words;
      if (given.length) files()?.add(given);
      grow();
      return true;
    },
  };
}
