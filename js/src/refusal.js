/** Why a response is no event stream, in words. */

import { say } from "./words.js";

/** @typedef {ConstructorParameters<typeof import("./errors.js").StreamError>} ErrorFacts */

const SIGN_IN = "You are not signed in. Sign in, then ask again.";
const SENT_AWAY = "You are not signed in, it seems: the server answered with a redirect. Sign in, then ask again.";
const BAD_REQUEST = "The server answered with an error (HTTP {}). If this page is old, load it again.";
const OTHER_SITE = "This page may not ask here. Open the site itself, then ask again.";

/** How long the words of an error are waited for, and how many bytes of them are read. */
const BODY_MS = 5000;
const MOST = 64 * 1024;

/**
 * @param {Response} response
 * @returns {Promise<ErrorFacts>}
 */
export async function refusal(response) {
  const { status } = response;
  // One that was not followed. Browsers tell nothing more of it, not even its status; Node tells the status.
  if (response.type === "opaqueredirect" || /^30[12378]$/.test(`${status}`)) {
    return ["auth", say(SENT_AWAY), false, status || null];
  }
  if (!response.ok) return httpError(response);
  // The server's answer to a request for a run that it began before: EventSource would stop here too.
  if (status === 204) return ["no_content", say("The server does not run this request again. Ask again."), false, status];
  const contentType = mimeType(response);
  if (response.redirected && contentType === "text/html") return ["auth", say(SIGN_IN), false, status];
  const type = contentType || say("something without a type");
  return ["bad_response", say("The server sent {} where a stream was expected.", type), false, status];
}

/** @param {Response} response */
export function mimeType({ headers }) {
  return headers.get("Content-Type")?.split(";")[0].trim().toLowerCase();
}

/**
 * The words of a JSON body are shown, whoever wrote it: ours and most APIs say `message`, Werkzeug's `description`.
 *
 * @param {Response} response
 * @returns {Promise<ErrorFacts>}
 */
async function httpError(response) {
  const { status } = response;
  const body = await bodyOf(response);
  /** @param {any} value */
  const words = (value) => (typeof value === "string" ? value : "");
  // What the server says of another site's page is for whoever runs it.
  const said = body?.code === "cross_site" ? OTHER_SITE : words(body?.message);
  const message = said || words(body?.description);
  const mayPass = status >= 500 || status === 408 || status === 429;
  return [
    (message && words(body.code)) || (status === 401 ? "auth" : "http"),
    message ? say(message) : httpMessage(status),
    message && typeof body.retryable === "boolean" ? body.retryable : mayPass,
    status,
    seconds(response.headers.get("Retry-After")),
  ];
}

/**
 * What is longer, or comes later, is no error's JSON: a proxy's page may never end.
 *
 * @param {Response} response
 * @returns {Promise<any>} null where there is no JSON
 */
async function bodyOf({ body }) {
  if (!body) return null;
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const late = setTimeout(() => reader.cancel(), BODY_MS);
  let text = "";
  try {
    for (let size = 0; size <= MOST; ) {
      const { value } = await reader.read();
      if (!value) return JSON.parse(text);
      text += decoder.decode(value, { stream: true });
      size += value.length;
    }
    await reader.cancel();
  } catch {
    // A page, or a connection that broke.
  } finally {
    clearTimeout(late);
  }
  return null;
}

/** @param {number} status */
function httpMessage(status) {
  if (status === 401) return say(SIGN_IN);
  if (status === 429) return say("Too many requests. Wait a moment, then ask again.");
  return say(status === 400 ? BAD_REQUEST : "The server answered with an error (HTTP {}).", status);
}

/**
 * A number of seconds, or a date (RFC 9110, section 10.2.3).
 *
 * @param {string | null} value
 */
function seconds(value) {
  const given = value === null || /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Math.max(0, Math.ceil(given)) || 0;
}
