/** What the element shows beside the answer: its status, and its Stop and Retry buttons. */

import { lock } from "./lock.js";
import { slots } from "./slots.js";
import { say } from "./words.js";

/**
 * @param {HTMLElement} element
 * @param {boolean} isRunning
 * @param {string | null} [words] for the status; while running, one text for all states: a screen reader reads
 *   each change
 * @param {number} [wait] seconds before Retry may be used, where it is offered
 * @returns {import("./lock.js").Lock} of Retry
 */
export function showControls(element, isRunning, words = say("Generating…"), wait) {
  const { output, status, stop, retry } = slots(element);
  output.setAttribute("aria-busy", `${isRunning}`);
  // Hidden, a button would lose the focus to the page's beginning.
  if ((isRunning ? retry : stop).matches(":focus")) {
    output.tabIndex += 0; // -1 where it has none: only what has one takes the focus
    output.focus({ preventScroll: true });
  }
  stop.hidden = !isRunning;
  stop.removeAttribute("aria-disabled");
  retry.hidden = wait === undefined;
  if (status.textContent !== words) status.textContent = words;
  return lock(retry, wait);
}
