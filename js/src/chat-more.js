/** What not every chat needs: a file of its own, loaded by the first that does. */

export { copy } from "./chat/copying.js";
export { edit } from "./chat/editor.js";
export { attachments } from "./chat/files.js";
export { rate } from "./chat/rating.js";
export { told } from "./chat/told.js";
