/** One run of a stream: from a request to its events and its one ending. */

import { badResponse, cutOff, failure, missing, unreachable } from "./errors.js";
import { guarded } from "./guard.js";
import { more } from "./load.js";
import { prepare } from "./request.js";
import { overFetch, TERMINAL } from "./transport.js";

/** @typedef {import("./errors.js").StreamError} StreamError */
/** @typedef {import("./parse.js").ParsedEvent} ParsedEvent */

/** @typedef {{ type: string, data: any, id: string }} StreamEvent */

/** @typedef {"idle" | "connecting" | "waiting" | "streaming" | "reconnecting" | "done" | "stopped" | "failed"} State */

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
 * @property {boolean | string} [resume] true: the route is known to be resumable, so that a request whose connection
 *   is lost before the answer begins is repeated. Or the `url` of a run, which is followed from its beginning:
 *   nothing is asked then.
 * @property {string} [submission] the id of the question, whatever its attempts; a new one, unless given
 * @property {number} [attempt] which of them this is, from the second on
 * @property {(state: State) => void} [onState] called at each change of state
 */
/** @typedef {Omit<RequestInit, "headers"> & OwnOptions} StreamOptions */

/**
 * The run goes on by itself, over as many connections as that takes where the server keeps it. To iterate it (once)
 * is optional and may begin late; to leave that loop early stops it. The loop ends at the end of the run, and throws
 * what `done` rejects with.
 *
 * @typedef {object} OwnRun
 * @property {State} state
 * @property {string} text the `text` events so far
 * @property {string} url where a run that the server keeps can be followed; empty once it is known to have ended
 * @property {Promise<any>} done resolves with the data of the `done` event, or with nothing when stopped before one
 *   came; rejects with a StreamError
 * @property {() => void} stop ends the run; what has arrived is kept
 * @property {() => void} leave closes the connection and no more: a run that the server keeps goes on without us
 */
/** @typedef {Readonly<OwnRun> & AsyncIterable<StreamEvent>} Run */

/**
 * What the client itself adds to the options.
 *
 * @typedef {object} OfOurs
 * @property {string} [key]
 * @property {(request: Request) => void} [onRequest] called before it leaves
 * @property {HTMLElement} [element] that shows the run
 * @property {string} [asked] the key with which it has been asked for, by this page before it was loaded anew
 * @property {boolean} [isStored] whether that has been found in the page's memory
 */

/**
 * A run, to what goes on with it or stops it: that is loaded later, and so is handed what it needs.
 *
 * @typedef {object} OwnLine
 * @property {State} state
 * @property {string} url
 * @property {string} id of the last event
 * @property {Request} request that begins the run
 * @property {StreamOptions & OfOurs} init it was prepared from
 * @property {AbortSignal} signal aborted once nothing is to be read any more
 * @property {import("./transport.js").Transport} connect
 * @property {(state: State) => void} enter
 * @property {() => void} leave
 * @property {() => void} [note] keeps in mind where it is, for the page that is loaded next
 * @property {State} [before] its connection was lost
 * @property {boolean} [isAsked] whether its request has left, by which a server knows it that keeps it
 * @property {boolean} [isStopping] whether its reader has stopped it, and waits for its end
 */
/** @typedef {OwnLine & import("./transport.js").Listener} Line */

/** A connection is given up after two heartbeats that have not come, and what one may be late by. */
const LATE_MS = 5000;

/** After the last event the response is read to its end, so that the connection can be used again: for so long. */
const LINGER_MS = 1000;

/**
 * Begins a run. A mistake in the arguments throws here; whatever goes wrong later rejects `done`.
 *
 * @param {string | URL} url
 * @param {StreamOptions & OfOurs} [options]
 * @returns {Run}
 */
export function stream(url, { onState, onRequest, signal: outer, ...init } = {}) {
  // With the same key a server that keeps the run asks its model once, however often the request reaches it.
  init.key = crypto.getRandomValues(new Uint32Array(4)).join("-");
  init.submission ??= init.key;
  const request = prepare(url, init);
  onRequest?.(request);
  const connection = new AbortController();
  const { signal } = connection;
  let text = "";
  let over = false;
  /** What goes on with the run, loaded while there is a connection. @type {ReturnType<typeof more> | undefined} */
  let keeper;
  /** The same, where it connects. @type {ReturnType<typeof more> | undefined} */
  let loading;
  /** @type {StreamEvent[]} */
  const unread = [];
  /** @type {(value?: any) => void} */
  let wake = () => {};
  /** @type {(value: any) => void} */
  let settle;
  const done = new Promise((resolve) => (settle = resolve));
  done.catch(() => {}); // nobody has to look: the iteration and the state tell of it too

  /** @type {Line} */
  const line = {
    state: "connecting",
    url: "",
    id: "",
    silence: 0,
    request,
    init,
    signal,
    connect: overFetch,
    enter,
    leave,
    onOpen: () => over || enter("waiting"),
    onEvent: receive,
  };

  async function run() {
    try {
      const isPlain = !init.resume && init.transport !== "eventsource";
      const connect = isPlain ? overFetch : (await (loading = import("./more.js")).catch(missing)).connect;
      const why = await connect(request, signal, line);
      await (await keeper)?.goOn(line);
      fail(line.state === "connecting" ? unreachable(why) : cutOff());
    } catch (thrown) {
      const error = /** @type {StreamError} */ (thrown);
      fail(error.name === "StreamError" ? error : badResponse(error.message));
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
    line.id = id;
    if (type === "start") {
      // In seconds, as the server says it: after so much silence there is a comment.
      if (data?.heartbeat > 0) line.silence = 2000 * data.heartbeat + LATE_MS;
      line.url = data?.url ?? "";
      if (line.url) keeper ??= more();
    }
    if (type === "text") text += data?.text ?? "";
    if (line.state === "waiting" && (type === "text" || type === "refusal")) enter("streaming");
    unread.push({ type, data, id });
    if (TERMINAL.test(type)) finish(type, data);
    wake();
  }

  /**
   * @param {string} type
   * @param {any} data
   */
  function finish(type, data) {
    line.url = "";
    if (type === "failed") end("failed", failure(data), LINGER_MS);
    else if ((data?.text_length ?? text.length) !== text.length) end("failed", cutOff(), LINGER_MS);
    else end(data?.stop_reason === "stopped" ? "stopped" : "done", data, LINGER_MS);
  }

  /** @param {StreamError} error */
  function fail(error) {
    end("failed", error);
  }

  function leave() {
    end("stopped");
  }

  function stop() {
    if (over) return;
    const { url } = line;
    if (!url) leave();
    // What is there tells the server in this turn of the page, which may be its last: another import() would not.
    if (url || init.resume) (keeper ?? loading ?? more()).then((module) => (module ? module.stop(line) : leave()));
  }

  /**
   * The first ending counts.
   *
   * @param {State} ending
   * @param {any} [value] the error, where it failed
   * @param {number} [linger] how long its connection may still be read, in milliseconds
   */
  function end(ending, value, linger) {
    if (over) return;
    over = true;
    settle(ending === "failed" ? Promise.reject(value) : value);
    enter(ending);
    wake();
    const close = () => connection.abort();
    if (linger) setTimeout(close, linger);
    else close();
  }

  /** @param {State} next */
  function enter(next) {
    line.state = next;
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
      stop(); // the loop was left
    }
  }

  if (outer?.aborted) {
    leave();
  } else {
    outer?.addEventListener("abort", leave, { signal });
    run();
  }
  return {
    get state() {
      return line.state;
    },
    get text() {
      return text;
    },
    get url() {
      return line.url;
    },
    done,
    stop,
    leave,
    [Symbol.asyncIterator]: events,
  };
}
