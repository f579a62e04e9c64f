/** The elements for Svelte 5: `/// <reference types="flask-stream/types/svelte" />`, once. */

import type { HTMLAttributes } from "svelte/elements";

import type { FlaskStreamAttributes, FlaskStreamElement } from "./flask-stream.js";
import type { FlaskChatAttributes, FlaskChatElement } from "./flask-stream-chat.js";

declare module "svelte/elements" {
  interface SvelteHTMLElements {
    "flask-stream": HTMLAttributes<FlaskStreamElement> & FlaskStreamAttributes;
    "flask-chat": HTMLAttributes<FlaskChatElement> & FlaskChatAttributes;
  }
}
