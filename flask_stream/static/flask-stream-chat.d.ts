/** The types of flask-stream-chat.js, and of its element. Written by hand: `npm run types` holds them to the sources. */

import type { FlaskStreamAttributes } from "./flask-stream.js";

/** `<flask-chat>`: a conversation, made of a form and of `<flask-stream>`. */
export class FlaskChatElement extends HTMLElement {
  /**
   * Asks, as the reader would. False where it cannot be asked now: while an answer runs, the question waits in the field,
   * where that was empty, and the reader is told so.
   */
  ask(question: string): boolean;
}

/** The attributes of `<flask-chat>`, for those who write them in JSX or in a template. */
export interface FlaskChatAttributes
  extends Pick<FlaskStreamAttributes, "resume" | "smooth" | "csrf" | "announce" | "with-credentials" | "heading-level"> {
  /** Where questions go, if the page has no form in it. */
  action?: string | undefined;
  /** Which there are of "copy", "copy-markdown", "regenerate", "edit" and "rate", with spaces between them. */
  actions?: string | undefined;
  /** The URL that ratings are posted to. */
  feedback?: string | undefined;
}

/** The detail of `stream:rate`. */
export interface RateDetail {
  /** The id of the question; none where nobody gave it one. */
  submission: string | undefined;
  /** Empty where the reader took it back. */
  value: "up" | "down" | "";
}

declare global {
  interface HTMLElementTagNameMap {
    "flask-chat": FlaskChatElement;
  }

  interface GlobalEventHandlersEventMap {
    /** The reader has said whether an answer was good. */
    "stream:rate": CustomEvent<RateDetail>;
  }
}
