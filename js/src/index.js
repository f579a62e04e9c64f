/** What pages import; importing it defines the element. */

import { FlaskStreamElement } from "./element.js";
import { sheet } from "./sheet.js";

export { stream } from "./connect.js";
export { parse } from "./parse.js";
export { FlaskStreamElement };

// A worker has no elements. A second copy of this file, of another version for instance, leaves the first one's in place.
if (globalThis.customElements && !customElements.get("flask-stream")) {
  document.adoptedStyleSheets.push(sheet());
  customElements.define("flask-stream", FlaskStreamElement);
}
