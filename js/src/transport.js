/** How a stream comes: over fetch. Another way is in eventsource.js. */

import { StreamError, unreachable } from "./errors.js";
import { parser } from "./parse.js";
import { watchdog } from "./watchdog.js";

/** @typedef {import("./parse.js").ParsedEvent} ParsedEvent */

/**
 * @typedef {object} Listener
 * @property {number} silence milliseconds; 0 for a connection that is never given up
 * @property {() => void} onOpen
 * @property {(event: ParsedEvent) => void} onEvent
 */

/** The events that end a run. */
export const TERMINAL = /^(done|failed)$/;

/** @returns {never} */
export const lost = () => {
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
    const { refusal } = await import("./more.js").catch(lost);
    throw new StreamError(...(await refusal(response)));
  }
  onOpen();
  const reader = /** @type {ReadableStream<Uint8Array>} */ (body).getReader(); // Safari cannot iterate a ReadableStream
  // Not before: a request may wait for one of the browser's six connections to a host.
  const heard = watchdog(silence, signal, () => reader.cancel());
  const eventsOf = parser();
  for (;;) {
    // A connection that breaks is, to the reader, one that ended early: there was no terminal event.
    const { value } = await reader.read().catch(() => /** @type {{ value?: Uint8Array }} */ ({}));
    if (!value) return;
    heard();
    for (const event of eventsOf(value)) onEvent(event);
  }
}
