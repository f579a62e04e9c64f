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

  /** Suggestions that a question has taken the place of. @type {Element[]} */
  let offered = [];

  function wait() {
    tell(say("Your question waits here as a draft until the answer has ended."));
    return false;
  }

  /** @param {Element[]} lost from these, which are hidden now */
  function refocus(...lost) {
    // On a phone it would open the keyboard over the answer.
    if (!matchMedia("(hover: hover)").matches || !lost.some((element) => element.contains(document.activeElement))) return;
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
      const submitter = /** @type {any} */ (event).submitter;
      const attached = files();
      if (!isRunning() && (attached?.count ? attached.areRead : field.value.trim() || submitter?.value)) return;
      event.preventDefault();
      event.stopPropagation();
      if (isRunning()) {
        giveBack(submitter?.value ?? "", []); // of a suggestion
        wait();
      } else if (attached?.count) return attached.read(() => form.requestSubmit(submitter));
      field.focus();
    },
    true,
  );

  /**
   * Something is asked.
   *
   * @param {Element[]} lost what goes with it
   */
  function begin(...lost) {
    tell("");
    refocus(suggestions, ...lost);
    offered = [...suggestions.children];
    suggestions.replaceChildren();
  }

  /**
   * @param {string} words
   * @param {File[]} given
   * @returns {boolean} whether there is room for them
   */
  function giveBack(words, given) {
    if (field.value.trim() || files()?.count) return false;
    field.value = words;
    if (given.length) files()?.add(given);
    if (!isRunning()) suggestions.replaceChildren(...offered);
    grow();
    return true;
  }

  return {
    tell,
    wait,

    begin,

    /**
     * A question has been sent: what of it was written here is not a draft any more.
     *
     * @param {string} words
     * @param {File[]} sent
     */
    taken(words, sent) {
      begin(send);
      if (field.value.trim() === words) field.value = "";
      if (sent.length) files()?.clear();
      grow();
    },

    /** Nothing runs any more. */
    free() {
      tell("");
      if (document.activeElement === output) refocus(output); // the element has moved it there from its Stop button
    },

    giveBack,
  };
}
