/** An answer as it is copied. */

import { copyText } from "../clipboard.js";

const HEADS = "[data-code] > div";

/**
 * @param {HTMLElement} turn
 * @param {string | false} source its Markdown, where that is wanted
 * @returns {Promise<boolean>} whether it is in the clipboard
 */
export function copy(turn, source) {
  const parts = [.../** @type {NodeListOf<HTMLElement>} */ (turn.querySelectorAll("[data-part=text]"))];
  if (source !== false) return copyText(source, parts[0]);
  return copyText(parts.map(readable).join("\n\n"), parts[0], parts.map(markup).join(""));
}

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
