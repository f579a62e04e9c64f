/** How a stream comes over EventSource, where a page asks for that. */

import { lose, onlyNew, recover } from "./kept.js";
import { TERMINAL } from "./transport.js";

const VOCABULARY = [
  ...["start", "meta", "text", "reasoning", "refusal", "tool_call_start", "tool_call_delta", "tool_call"],
  ...["tool_result", "source", "usage", "done", "failed", "message"],
];

/** So often in a row the browser may connect again in vain. Then we do, who wait longer each time. */
const TRIES = 3;

/**
 * Without a watchdog: it does not show heartbeats, which are comments. Nor does it tell an HTTP error, or a
 * page, from no answer at all.
 *
 * @type {import("./transport.js").Transport<import("./connect.js").Line>}
 */
export function overEventSource(request, signal, line) {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(); // while this file was loaded
    if (request.method !== "GET") throw new TypeError("EventSource can only GET: leave the transport to fetch.");
    const source = new EventSource(request.url, { withCredentials: request.credentials === "include" });
    const pass = onlyNew(line);
    let fruitless = 0;
    const end = () => {
      source.close();
      resolve("The server did not answer with a stream, or could not be reached.");
    };
    source.onopen = () => (line.state === "reconnecting" ? recover(line) : line.onOpen());
    // It would connect again by itself: where the server does not keep the run, the prompt would run twice.
    source.onerror = () => {
      if (!line.url || source.readyState === source.CLOSED || ++fruitless > TRIES) end();
      else lose(line);
    };
    signal.addEventListener("abort", end);
    // A page that comes back from the back/forward cache finds its stream dead, in Safari without an error.
    addEventListener("pagehide", ({ persisted }) => persisted && end(), { signal });
    for (const name of VOCABULARY) {
      source.addEventListener(name, ({ type, data, lastEventId }) => {
        if (TERMINAL.test(type)) source.close();
        const { id } = line;
        pass({ type, data, lastEventId });
        if (line.id !== id) fruitless = 0;
      });
    }
  });
}
