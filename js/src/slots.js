/** The element's own children: those that the page has marked with `data-stream`, else made. */

import { say } from "./words.js";

/** @param {HTMLElement} element */
export function slots(element) {
  const output = slot(element, "output", "div");
  const status = slot(element, "status", "p");
  const announce = element.getAttribute("announce");
  if (announce === "answer") output.setAttribute("aria-live", "polite");
  if (announce !== "off" && !status.hasAttribute("role")) status.setAttribute("role", "status");
  return { output, status, stop: button(element, "stop", "Stop"), retry: button(element, "retry", "Retry") };
}

/**
 * @param {HTMLElement} element
 * @param {string} name
 * @param {string} words
 */
function button(element, name, words) {
  const button = /** @type {HTMLButtonElement} */ (slot(element, name, "button"));
  button.type = "button";
  if (!button.hasChildNodes()) button.textContent = say(words);
  return button;
}

/**
 * @param {HTMLElement} element
 * @param {string} name
 * @param {string} tag
 * @returns {HTMLElement}
 */
function slot(element, name, tag) {
  /** @type {HTMLElement | null} */
  let slot = element.querySelector(`[data-stream="${name}"]`);
  if (!slot) {
    // Its `append` may be hidden: see the element.
    slot = element.appendChild(document.createElement(tag));
    slot.dataset.stream = name;
  }
  return slot;
}
