/** How a stream comes: over fetch. Another way is in eventsource.js. */

import { StreamError, unreachable } from "./errors.js";
import { parser } from "./parse.js";
import { refusal } from "./refusal.js";
import { watchdog } from "./watchdog.js";

/** @typedef {import("./parse.js").ParsedEvent} ParsedEvent */

/**
 * @typedef {object} Listener
 * @property {() => number} silence after how many milliseconds of it the connection is given up; 0 while that
 *   is not known, or never
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
 * @callback Transport
 * @param {Request} request
 * @param {AbortSignal} signal
 * @param {Listener} listener
 * @returns {Promise<string | void>}
 */

/** @type {Transport} */
export async function overFetch(request, signal, { silence, onOpen, onEvent }) {
  const response = await fetch(request, { signal }).catch(lost);
  const { body, headers, status } = response;
  if (status !== 200 || !/^text\/event-stream *(;|$)/i.test(headers.get("Content-Type") ?? "")) {
    throw new StreamError(...(await refusal(response)));
  }
  onOpen();
  const reader = /** @type {ReadableStream<Uint8Array>} */ (body).getReader(); // Safari cannot iterate a ReadableStream
  /** @type {(() => void) | undefined} */
  let heard;
  const eventsOf = parser();
  for (;;) {
    // A connection that breaks is, to the reader, one that ended early: there was no terminal event.
    const { value } = await reader.read().catch(() => /** @type {{ value?: Uint8Array }} */ ({}));
    if (!value) return;
    for (const event of eventsOf(value)) onEvent(event);
    if (heard) heard();
    else if (silence()) heard = watchdog(silence(), signal, () => reader.cancel());
  }
}
