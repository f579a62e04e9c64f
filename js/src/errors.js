/** What can go wrong with a stream, and the words for it. Those for a refusal are in refusal.js. */

import { say } from "./words.js";

/** So much of a message is shown, in characters: a server's may be of any length. */
const LONGEST = 500;

/** @param {string} message */
function short(message) {
  return message.length > LONGEST ? `${[...message.slice(0, 2 * LONGEST)].slice(0, LONGEST - 1).join("")}…` : message;
}

export class StreamError extends Error {
  /**
   * @param {string} code
   * @param {string} message fit to be shown to the reader, who is shown its beginning where it is long
   * @param {boolean} [retryable] whether asking again may help
   * @param {number | null} [status] the HTTP status, where there is one to tell
   * @param {number} [retryAfter] seconds that the server wants to pass before the next try
   */
  constructor(code, message, retryable = false, status = null, retryAfter = 0) {
    const words = say(code); // the page's own for it
    super(short(words === code ? message : words));
    this.name = "StreamError";
    this.code = code;
    this.retryable = retryable;
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

export function cutOff() {
  return new StreamError("cut", say("The connection was lost: this answer was cut off."), true);
}

/** @param {boolean} retryable whether there is something that can be asked anew */
export function gone(retryable) {
  return new StreamError("gone", say("This answer is not kept any longer."), retryable, 404);
}

/** @param {string | void} message */
export function unreachable(message) {
  return new StreamError("network", say(message || "The server could not be reached."), true);
}

/** A file of the client's own, which a new version of the server no longer has, for one. @returns {never} */
export function missing() {
  throw new StreamError("network", say("A part of this page could not be loaded. Load the page again."), true);
}

/** @param {Partial<StreamError> | null} facts those of a `failed` event, as far as there are any */
export function failure(facts) {
  return new StreamError(facts?.code || "failed", say(facts?.message || "The answer failed."), facts?.retryable);
}

/** @param {string} message */
export function badResponse(message) {
  return new StreamError("bad_response", say(message));
}
