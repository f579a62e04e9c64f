/** What pages import; importing it defines the element. */

import { FlaskStreamElement } from "./element.js";
import { more } from "./load.js";
import { sheet } from "./sheet.js";

export { stream } from "./connect.js";
export { parse } from "./parse.js";
export { FlaskStreamElement };
// For the chat's own files, which would bring them once more: they are no part of what pages may use.
export { submission } from "./form.js";
export { prepare } from "./request.js";
export { say } from "./words.js";

/**
 * Has the client say in other words what it says.
 *
 * @param {Record<string, string>} texts by the English ones, or by the code of an error
 */
export const words = async (texts) => (await more())?.relearn(texts);

const isNew = () => globalThis.customElements && !customElements.get("flask-stream");

// A worker has no elements. A second copy of this file, of another version for instance, leaves the first one's in place.
if (isNew()) {
  const element = document.querySelector("flask-chat, flask-stream") ?? document.documentElement;
  const language = /** @type {HTMLElement | null} */ (element.closest("[lang]"))?.lang;
  const script = document.querySelector("[data-stream-words]");
  // Before the element says anything. English is in these files.
  if (script || (language && !/^en\b/i.test(language))) await (await more())?.learn(language, script);
}
if (isNew()) {
  document.adoptedStyleSheets.push(sheet());
  customElements.define("flask-stream", FlaskStreamElement);
}
