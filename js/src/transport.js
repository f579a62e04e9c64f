/** How a stream comes: over fetch. Other ways are in more.js. */

import { StreamError, unreachable } from "./errors.js";
import { parser } from "./parse.js";
import { mimeType, refusal } from "./refusal.js";
import { watchdog } from "./watchdog.js";

/** @typedef {import("./parse.js").ParsedEvent} ParsedEvent */

/**
 * @typedef {object} Listener
 * @property {number} silence after how many milliseconds of it the connection is given up; 0 while that is not
 *   known, or never
 * @property {() => void} onOpen
 * @property {(event: ParsedEvent) => void} onEvent
 */

/** The events that end a run. */
export const TERMINAL = /^(done|failed)$/;

/** @returns {never} */
const lost = () => {
  throw unreachable();
};

/**
 * Resolves at the end of the stream, and rejects when there is none to read. Where it cannot tell these two,
 * it resolves with words for the second.
 *
 * @template {Listener} [L=Listener]
 * @callback Transport
 * @param {Request} request
 * @param {AbortSignal} signal
 * @param {L} listener
 * @returns {Promise<string | void>}
 */

/** @type {Transport} */
export async function overFetch(request, signal, listener) {
  const response = await fetch(request, { signal }).catch(lost);
  const { body, status } = response;
  if (status !== 200 || mimeType(response) !== "text/event-stream") {
    throw new StreamError(...(await refusal(response)));
  }
  listener.onOpen();
  const reader = /** @type {ReadableStream<Uint8Array>} */ (body).getReader(); // Safari cannot iterate a ReadableStream
  /** @type {(() => void) | undefined} */
  let heard;
  const eventsOf = parser();
  for (;;) {
    // A connection that breaks is, to the reader, one that ended early: there was no terminal event.
    const { value } = await reader.read().catch(() => /** @type {{ value?: Uint8Array }} */ ({}));
    if (!value) return;
    for (const event of eventsOf(value)) listener.onEvent(event);
    if (heard) heard();
    else if (listener.silence) heard = watchdog(listener.silence, signal, () => reader.cancel());
  }
}
