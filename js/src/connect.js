/** One run of a stream: from a request to its events and its one ending. */

import { badResponse, cutOff, failure, missing, StreamError, unreachable } from "./errors.js";
import { guarded } from "./guard.js";
import { prepare } from "./request.js";
import { overFetch, TERMINAL } from "./transport.js";

/** @typedef {import("./parse.js").ParsedEvent} ParsedEvent */

/** @typedef {{ type: string, data: any, id: string }} StreamEvent */

/** @typedef {"idle" | "connecting" | "waiting" | "streaming" | "done" | "stopped" | "failed"} State */

/**
 * All of fetch's own options, and:
 *
 * @typedef {object} OwnOptions
 * @property {HeadersInit | (() => HeadersInit)} [headers] a function is asked when the run begins: for a token
 *   that is renewed, for instance
 * @property {string | null} [csrf] the token for `X-CSRFToken`, where neither the form nor a meta element has it
 * @property {string | null} [transport] "eventsource" reads a GET through EventSource, which cannot tell an
 *   HTTP error's status, sends no header of yours, and hears only of events whose names it knows: those
 *   of Flask-Stream's vocabulary and "message". Anything else is fetch.
 * @property {(state: State) => void} [onState] called at each change of state
 */
/** @typedef {Omit<RequestInit, "headers"> & OwnOptions} StreamOptions */

/**
 * The run goes on by itself. To iterate it (once) is optional and may begin late; to leave that loop early
 * stops it. The loop ends at the end of the run, and throws what `done` rejects with.
 *
 * @typedef {object} OwnRun
 * @property {State} state
 * @property {string} text the `text` events so far
 * @property {Promise<any>} done resolves with the data of the `done` event, or with nothing when stopped;
 *   rejects with a StreamError
 * @property {() => void} stop ends the run here and closes its connection; what has arrived is kept
 */
/** @typedef {Readonly<OwnRun> & AsyncIterable<StreamEvent>} Run */

/** A connection is given up after two heartbeats that have not come, and what one may be late by. */
const LATE_MS = 5000;

/** After the last event the response is read to its end, so that the connection can be used again: for so long. */
const LINGER_MS = 1000;

/**
 * Begins a run. A mistake in the arguments throws here; whatever goes wrong later rejects `done`.
 *
 * @param {string | URL} url
 * @param {StreamOptions} [options]
 * @returns {Run}
 */
export function stream(url, { transport, onState, signal: outer, ...init } = {}) {
  const request = prepare(url, init);
  const connection = new AbortController();
  const { signal } = connection;
  /** @type {State} */
  let state = "connecting";
  let text = "";
  let over = false;
  /** In seconds, as the server says it: after so much silence there is a comment. */
  let heartbeat = 0;
  /** @type {StreamEvent[]} */
  const unread = [];
  /** @type {(value?: any) => void} */
  let wake = () => {};
  /** @type {(value?: any) => void} */
  let resolve;
  /** @type {(error: StreamError) => void} */
  let reject;
  const done = new Promise((...settle) => ([resolve, reject] = settle));
  done.catch(() => {}); // nobody has to look: the iteration and the state tell of it too

  /**
   * One connection is one run: a second request would run the prompt again. To go on from the last
   * event ID, on a server that keeps a log of the run, would be a loop around `connect`.
   */
  async function run() {
    try {
      const connect = transport === "eventsource" ? (await import("./more.js").catch(missing)).overEventSource : overFetch;
      const why = await connect(request, signal, {
        silence: () => heartbeat && 2000 * heartbeat + LATE_MS,
        onOpen: () => over || enter("waiting"),
        onEvent: receive,
      });
      fail(state === "connecting" ? unreachable(why) : cutOff());
    } catch (error) {
      fail(error instanceof StreamError ? error : badResponse(/** @type {Error} */ (error).message));
    }
  }

  /** @param {ParsedEvent} parsed */
  function receive({ type, data: json, lastEventId: id }) {
    if (over) return;
    let data;
    try {
      data = JSON.parse(json);
    } catch {
      return fail(badResponse("The server sent no JSON."));
    }
    if (type === "start" && data?.heartbeat > 0) heartbeat = Number(data.heartbeat);
    if (type === "text") text += data?.text ?? "";
    if (state === "waiting" && (type === "text" || type === "refusal")) enter("streaming");
    unread.push({ type, data, id });
    if (TERMINAL.test(type)) finish(type, data);
    wake();
  }

  /**
   * @param {string} type
   * @param {any} data
   */
  function finish(type, data) {
    if (type === "failed") end("failed", failure(data));
    else if ((data?.text_length ?? text.length) !== text.length) end("failed", cutOff());
    else end("done", null, data);
    setTimeout(() => connection.abort(), LINGER_MS);
  }

  /** @param {StreamError} error */
  function fail(error) {
    end("failed", error);
    connection.abort();
  }

  function stop() {
    end("stopped");
    connection.abort();
  }

  /**
   * The first ending counts.
   *
   * @param {State} ending
   * @param {StreamError | null} [error]
   * @param {any} [value]
   */
  function end(ending, error, value) {
    if (over) return;
    over = true;
    if (error) reject(error);
    else resolve(value);
    enter(ending);
    wake();
  }

  /** @param {State} next */
  function enter(next) {
    state = next;
    guarded(() => onState?.(next)); // an ending has yet to be cleaned up after
  }

  async function* events() {
    try {
      while (unread.length || !over) {
        if (unread.length) yield* unread.splice(0);
        else await new Promise((go) => (wake = go));
      }
      await done;
    } finally {
      if (!over) stop(); // the loop was left
    }
  }

  if (outer?.aborted) {
    stop();
  } else {
    outer?.addEventListener("abort", stop, { signal });
    run();
  }
  return {
    get state() {
      return state;
    },
    get text() {
      return text;
    },
    done,
    stop,
    [Symbol.asyncIterator]: events,
  };
}
