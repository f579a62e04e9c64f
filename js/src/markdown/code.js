/** Code blocks: the language, a button that copies, and the code, which a page may highlight. */

import { COPIED_FOR, copyText } from "../clipboard.js";
import { say } from "../words.js";
import { rewrite } from "./brush.js";
import { decode } from "./entities.js";

/** Of a language, in characters. */
const LONGEST_NAME = 100;

/**
 * A block on the page.
 *
 * @typedef {object} Code
 * @property {HTMLElement} wrapper
 * @property {HTMLElement} label
 * @property {HTMLElement} element
 * @property {Text} plain
 * @property {string} language
 * @property {string} [highlighted] the text that the page has been asked to highlight
 */

/**
 * What is not to be seen and turns the order of what is (Trojan Source), tells a terminal to do something, or ends a
 * line for some readers only.
 */
const HIDDEN = /[^\P{Cc}\t\n]|[\p{Bidi_Control}\u2028\u2029]/gu;

/**
 * Code as it is shown, and copied.
 *
 * @param {string} code
 */
export const visible = (code) =>
  code.replace(HIDDEN, (c) => `[U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}]`);

/** @type {WeakMap<Node, Code>} */
const codes = new WeakMap();

/** @param {Node | undefined} node */
export const codeIn = (node) => node && codes.get(node);

/**
 * @param {import("./brush.js").Brush} brush
 * @param {string} text
 * @param {string | undefined} info what stands behind the opening fence
 * @returns {Code}
 */
export function drawCode(brush, text, info) {
  const wrapper = brush.element("div", "code block");
  const code = codes.get(wrapper) ?? build(wrapper);
  // The space that ends the name may be written as a character reference.
  const language = decode((info ?? "").slice(0, LONGEST_NAME)).split(/\s/)[0];
  if (language !== code.language) {
    code.language = code.label.textContent = language;
    code.element.className = language && `language-${language}`;
  }
  rewrite(code.plain, text);
  if (code.highlighted !== undefined && code.highlighted !== text) {
    code.highlighted = undefined;
    code.element.replaceChildren(code.plain);
  }
  return code;
}

/** @param {HTMLElement} wrapper */
function build(wrapper) {
  const [header, label, button, pre, element] = ["div", "span", "button", "pre", "code"].map((name) =>
    document.createElement(name),
  );
  const plain = document.createTextNode("");
  wrapper.dataset.code = button.dataset.copy = "";
  /** @type {HTMLButtonElement} */ (button).type = "button";
  button.textContent = say("Copy");
  button.addEventListener("click", () => copy(button, element, plain.data.replace(/^\s*\n/, "").trimEnd()));
  header.append(label, button);
  element.append(plain);
  pre.tabIndex = 0; // for those who scroll it by keyboard
  pre.append(element);
  wrapper.append(header, pre);
  /** @type {Code} */
  const code = { wrapper, label, element, plain, language: "" };
  codes.set(wrapper, code);
  return code;
}

/**
 * @param {HTMLElement} button
 * @param {HTMLElement} element
 * @param {string} text
 */
async function copy(button, element, text) {
  if (!(await copyText(text, element))) return;
  button.textContent = say("Copied");
  setTimeout(() => (button.textContent = say("Copy")), COPIED_FOR);
}

/**
 * Has the page highlight what is finished, once.
 *
 * @param {Code} code
 * @param {string} source
 * @param {(code: string, language: string) => Node | null | undefined} hook
 */
export function highlight(code, source, hook) {
  if (code.highlighted === code.plain.data) return;
  code.highlighted = code.plain.data;
  try {
    const node = hook(source, code.language);
    if (node) code.element.replaceChildren(node);
  } catch (error) {
    reportError(error);
  }
}
