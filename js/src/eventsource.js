/** How a stream comes over EventSource, where a page asks for that. */

import { TERMINAL } from "./transport.js";

const VOCABULARY = [
  ...["start", "meta", "text", "reasoning", "refusal", "tool_call_start", "tool_call_delta", "tool_call"],
  ...["tool_result", "source", "usage", "done", "failed", "message"],
];

/**
 * Without a watchdog: it does not show heartbeats, which are comments. Nor does it tell an HTTP error, or a
 * page, from no answer at all.
 *
 * @type {import("./transport.js").Transport}
 */
export function overEventSource(request, signal, { onOpen, onEvent }) {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(); // while this file was loaded
    if (request.method !== "GET") throw new TypeError("EventSource can only GET: leave the transport to fetch.");
    const source = new EventSource(request.url, { withCredentials: request.credentials === "include" });
    // Closed at once, whatever it is: EventSource would connect again, and the prompt would run twice.
    const end = () => {
      source.close();
      resolve("The server did not answer with a stream, or could not be reached.");
    };
    source.onopen = onOpen;
    source.onerror = end;
    signal.addEventListener("abort", end);
    // A page that comes back from the back/forward cache finds its stream dead, in Safari without an error.
    addEventListener("pagehide", ({ persisted }) => persisted && end(), { signal });
    for (const name of VOCABULARY) {
      source.addEventListener(name, ({ type, data, lastEventId }) => {
        if (TERMINAL.test(type)) source.close();
        onEvent({ type, data, lastEventId });
      });
    }
  });
}
