/** One run of a stream: from a request to its events and its one ending. */

import { badResponse, cutOff, failure, refusal, unreachable } from "./errors.js";
import { parse } from "./parse.js";

/** @typedef {import("./parse.js").ParsedEvent} ParsedEvent */

/** @typedef {{ type: string, data: any, id: string }} StreamEvent */

/** @typedef {"idle" | "connecting" | "waiting" | "streaming" | "reconnecting" | "done" | "stopped" | "failed"} State */

/**
 * All of fetch's own options, and:
 *
 * @typedef {object} OwnOptions
 * @property {string} [transport] "eventsource" reads a GET through EventSource, which cannot tell an
 *   HTTP error's status, sends no header of yours, and hears only of events whose names it knows: those
 *   of Flask-Stream's vocabulary and "message". Anything else is fetch.
 * @property {(state: State) => void} [onState] called at each change of state
 */
/** @typedef {RequestInit & OwnOptions} StreamOptions */

const VOCABULARY = [
  ...["start", "meta", "text", "reasoning", "refusal", "tool_call_start", "tool_call_delta", "tool_call"],
  ...["tool_result", "source", "usage", "done", "failed", "message"],
];
const TERMINAL = new Set(["done", "failed"]);
const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

/** After the last event the response is read to its end, so that the connection can be used again: for so long. */
const LINGER_MS = 1000;

/**
 * Begins a run. A mistake in the arguments throws here; whatever goes wrong later rejects `done`.
 *
 * @param {string | URL} url
 * @param {StreamOptions} [options]
 */
export function stream(url, options) {
  return new Run(url, options);
}

/**
 * The run goes on by itself. To iterate it (once) is optional and may begin late; to leave that loop early
 * stops it. The loop ends at the end of the run, and throws what `done` rejects with.
 *
 * @implements {AsyncIterable<StreamEvent>}
 */
export class Run {
  /** @type {State} */
  #state = "connecting";
  #text = "";
  #over = false;
  /** @type {StreamEvent[]} */
  #unread = [];
  #wake = () => {};
  #connection = new AbortController();
  /** @type {(value?: any) => void} */
  #resolve = () => {};
  /** @type {(error: unknown) => void} */
  #reject = () => {};
  #onState;

  /**
   * @param {string | URL} url
   * @param {StreamOptions} [options]
   */
  constructor(url, { transport, onState, signal, ...init } = {}) {
    const request = prepare(url, init);
    this.#onState = onState;
    /**
     * Resolves with the data of the `done` event, or with nothing when stopped; rejects with a StreamError.
     *
     * @type {Promise<any>}
     */
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.done.catch(() => {}); // nobody has to look: the iteration and the state tell of it too

    if (signal?.aborted) {
      this.stop();
      return;
    }
    const whileConnected = { signal: this.#connection.signal };
    signal?.addEventListener("abort", () => this.stop(), whileConnected);
    // A page that comes back from the back/forward cache finds its stream dead, in some browsers silently.
    globalThis.addEventListener?.("pagehide", (event) => event.persisted && this.#fail(cutOff()), whileConnected);
    this.#run(transport === "eventsource" ? overEventSource : overFetch, request);
  }

  get state() {
    return this.#state;
  }

  /** The `text` events so far. */
  get text() {
    return this.#text;
  }

  /** Ends the run here and closes its connection; what has arrived is kept. */
  stop() {
    this.#end("stopped", () => this.#resolve());
    this.#connection.abort();
  }

  async *[Symbol.asyncIterator]() {
    try {
      while (this.#unread.length || !this.#over) {
        yield* this.#unread.splice(0);
        if (!this.#unread.length && !this.#over) await new Promise((wake) => (this.#wake = () => wake(null)));
      }
      await this.done;
    } finally {
      this.stop();
    }
  }

  /**
   * One connection is one run: a second request would run the prompt again. To go on from the last
   * event ID, on a server that keeps a log of the run, would be a loop around `connect`.
   *
   * @param {typeof overFetch} connect
   * @param {Request} request
   */
  async #run(connect, request) {
    try {
      await connect(request, this.#connection.signal, {
        onOpen: () => this.#over || this.#enter("waiting"),
        onEvent: (event) => this.#receive(event),
      });
      this.#fail(cutOff());
    } catch (error) {
      this.#fail(error);
    }
  }

  /** @param {ParsedEvent} parsed */
  #receive({ type, data: json, lastEventId: id }) {
    if (this.#over) return;
    const data = decode(json);
    if (data === undefined) return this.#fail(badResponse("The server sent an event that is not JSON."));
    if (type === "text") this.#text += data?.text ?? "";
    if (this.#state === "waiting" && (type === "text" || type === "refusal")) this.#enter("streaming");
    this.#unread.push({ type, data, id });
    if (TERMINAL.has(type)) this.#finish(type, data);
    this.#wake();
  }

  /**
   * @param {string} type
   * @param {any} data
   */
  #finish(type, data) {
    const expected = data?.text_length ?? this.#text.length;
    if (type === "failed") this.#end("failed", () => this.#reject(failure(data)));
    else if (expected !== this.#text.length) this.#end("failed", () => this.#reject(cutOff()));
    else this.#end("done", () => this.#resolve(data));
    const timer = setTimeout(() => this.#connection.abort(), LINGER_MS);
    this.#connection.signal.addEventListener("abort", () => clearTimeout(timer));
  }

  /** @param {unknown} error */
  #fail(error) {
    this.#end("failed", () => this.#reject(error));
    this.#connection.abort();
  }

  /**
   * The first ending counts.
   *
   * @param {State} state
   * @param {() => void} settle
   */
  #end(state, settle) {
    if (this.#over) return;
    this.#over = true;
    settle();
    this.#enter(state);
    this.#wake();
  }

  /** @param {State} state */
  #enter(state) {
    this.#state = state;
    try {
      this.#onState?.(state);
    } catch (error) {
      // The page's mistake is told, and the run goes on: an ending has yet to be cleaned up after.
      (globalThis.reportError ?? console.error)(error);
    }
  }
}

/**
 * @param {string | URL} url
 * @param {RequestInit} init
 */
function prepare(url, init) {
  const request = new Request(url, { cache: "no-store", ...init, method: init.method?.toUpperCase() });
  const { headers } = request;
  if (!headers.has("Accept")) headers.set("Accept", "text/event-stream");
  const token = csrfToken(request, init.body);
  if (token && !headers.has("X-CSRFToken")) headers.set("X-CSRFToken", token);
  return request;
}

/**
 * Flask-WTF's token: the form's own hidden field, which is in the body, or the page's meta element.
 * Only this origin's own pages may be given it.
 *
 * @param {Request} request
 * @param {RequestInit["body"]} body
 */
function csrfToken(request, body) {
  if (SAFE_METHODS.has(request.method)) return null;
  if (new URL(request.url).origin !== globalThis.location?.origin) return null;
  const field = body instanceof FormData || body instanceof URLSearchParams ? body.get("csrf_token") : null;
  if (typeof field === "string") return field;
  return document.querySelector('meta[name="csrf-token"]')?.getAttribute("content");
}

/**
 * @typedef {object} Listener
 * @property {() => void} onOpen
 * @property {(event: ParsedEvent) => void} onEvent
 */

/**
 * Each transport resolves at the end of the stream, and rejects when there is none to read.
 *
 * @param {Request} request
 * @param {AbortSignal} signal
 * @param {Listener} listener
 * @returns {Promise<void>}
 */
async function overFetch(request, signal, { onOpen, onEvent }) {
  const response = await fetch(request, { signal }).catch(() => {
    throw unreachable();
  });
  const refused = await refusal(response);
  if (refused) throw refused;
  onOpen();
  for await (const event of parse(read(/** @type {ReadableStream} */ (response.body)))) onEvent(event);
}

/**
 * @param {ReadableStream<Uint8Array>} body
 * @returns {AsyncGenerator<Uint8Array, void, void>}
 */
async function* read(body) {
  const reader = body.getReader(); // Safari cannot iterate a ReadableStream
  for (;;) {
    // A connection that breaks is, to the reader, one that ended early: there was no terminal event.
    const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }));
    if (done || !value) return;
    yield value;
  }
}

/** @type {typeof overFetch} */
function overEventSource(request, signal, { onOpen, onEvent }) {
  return new Promise((resolve, reject) => {
    if (request.method !== "GET") throw badResponse("EventSource can only GET: leave the transport to fetch.");
    const source = new EventSource(request.url, { withCredentials: request.credentials === "include" });
    let opened = false;
    signal.addEventListener("abort", () => {
      source.close();
      resolve();
    });
    source.onopen = () => {
      opened = true;
      onOpen();
    };
    // Closed at once, in both cases: EventSource would connect again, and the prompt would run twice.
    source.onerror = () => {
      source.close();
      // It does not tell an HTTP error, or a page, from no answer at all.
      const message = "The server did not answer with a stream, or could not be reached.";
      reject(opened ? cutOff() : unreachable(message));
    };
    for (const name of VOCABULARY) {
      source.addEventListener(name, ({ type, data, lastEventId }) => {
        if (TERMINAL.has(type)) source.close();
        onEvent({ type, data, lastEventId });
      });
    }
  });
}

/**
 * @param {string} json
 * @returns {any} undefined when it is not JSON
 */
function decode(json) {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
