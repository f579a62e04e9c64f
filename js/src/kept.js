/** A run that the server keeps: where it is found, and how far it has been read. */

import { prepare } from "./request.js";

/** @typedef {import("./connect.js").Line} Line */

export const KEY = "Idempotency-Key";

/**
 * On the origin that was asked, whatever the server says: what is sent along is meant for that one.
 *
 * @param {Pick<Line, "request" | "url">} line
 * @param {string} [below] what of the run
 */
export function addressOf({ request, url }, below = "") {
  const address = new URL(request.url);
  const { pathname, search } = new URL(url, address);
  address.pathname = pathname + below;
  address.search = search;
  return address;
}

/**
 * How far it has been read.
 *
 * @param {Line} line
 */
export const positionOf = ({ id }) => numberOf(id);

/** @param {string} id of an event: `RUN.SEQ` */
const numberOf = (id) => Number(id.slice(id.lastIndexOf(".") + 1)) || 0;

/**
 * Passes on what is behind the last event: on another connection some may come again.
 *
 * @param {Line} line
 * @returns {Line["onEvent"]}
 */
export const onlyNew = (line) => (event) => {
  if (!line.url || numberOf(event.lastEventId) > positionOf(line)) line.onEvent(event);
};

/**
 * For this reader.
 *
 * @param {Line} line
 */
export const isOver = ({ state }) => /^(done|stopped|failed)$/.test(state);

/** @param {Line} line whose connection is lost */
export function lose(line) {
  if (line.state === "reconnecting") return;
  line.before = line.state;
  line.enter("reconnecting");
}

/** @param {Line} line that has a connection again, or its first */
export function recover(line) {
  if (!isOver(line)) line.enter(line.before === "streaming" ? "streaming" : "waiting");
}

/** @param {Line} line that its reader has stopped: it is over for him, whatever else is heard of it */
export function endStopped(line) {
  line.url = "";
  line.leave();
  line.note?.();
}

/**
 * What is wanted of a run whose own address is not known yet. It is told at the address that asked for it, by the same
 * method and with the same key; or at the one that the page gave.
 *
 * @param {"find" | "stop"} want
 * @param {Pick<Line, "init" | "request" | "url">} line
 */
export function wanting(want, { init, request, url }) {
  const own = url || (typeof init.resume === "string" ? init.resume : "");
  const headers = new Headers(request.headers); // a function that makes them is not asked again
  headers.delete("Content-Type"); // there is no body
  if (own) headers.delete(KEY);
  headers.set("Flask-Stream", want);
  const options = { ...init, headers, body: null, key: undefined, csrf: tokenIn(init.body) ?? init.csrf };
  return own
    ? prepare(addressOf({ request, url: own }), { ...options, method: "GET" })
    : prepare(request.url, { ...options, method: request.method });
}

/**
 * The form's own, as Flask-WTF names it.
 *
 * @param {any} body
 * @returns {string | undefined}
 */
export const tokenIn = (body) => body?.get?.("csrf_token") ?? undefined;
