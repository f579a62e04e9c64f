/** `<flask-chat>`: importing it defines the element, and `<flask-stream>`, of which it is made. */

import "./index.js";
import { FlaskChatElement } from "./chat/element.js";

export { FlaskChatElement };

if (!customElements.get("flask-chat")) customElements.define("flask-chat", FlaskChatElement);
