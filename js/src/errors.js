/** What can go wrong with a stream, and the words for it. */

/**
 * @typedef {object} ErrorFacts
 * @property {string} code
 * @property {string} message fit to be shown to the reader
 * @property {boolean} [retryable] whether asking again may help
 * @property {number | null} [status] the HTTP status, where there is one to tell
 */

export class StreamError extends Error {
  /** @param {ErrorFacts} facts */
  constructor({ code, message, retryable = false, status = null }) {
    super(message);
    this.name = "StreamError";
    this.code = code;
    this.retryable = retryable;
    this.status = status;
  }
}

export function cutOff() {
  const message = "The connection was lost: this answer was cut off.";
  return new StreamError({ code: "cut", message, retryable: true });
}

export function unreachable(message = "The server could not be reached.") {
  return new StreamError({ code: "network", message, retryable: true });
}

/** @param {Partial<ErrorFacts> | null} facts those of a `failed` event, as far as there are any */
export function failure(facts) {
  const code = facts?.code || "failed";
  return new StreamError({ ...facts, code, message: facts?.message || "The answer failed." });
}

/** @param {string} message */
export function badResponse(message) {
  return new StreamError({ code: "bad_response", message });
}

/**
 * Why a response is no event stream, or null when it is one.
 *
 * @param {Response} response
 * @returns {Promise<StreamError | null>}
 */
export async function refusal(response) {
  const { status } = response;
  const contentType = (response.headers.get("Content-Type") ?? "").split(";")[0].trim().toLowerCase();
  if (!response.ok) return httpError(response);
  if (status === 204) {
    // The server's answer to a request for a run that it began before: EventSource would stop here too.
    const message = "The server does not run this request again. Ask again for a new answer.";
    return new StreamError({ code: "no_content", message, status });
  }
  if (contentType === "text/event-stream" && response.body) return null;
  if (response.redirected && contentType === "text/html") {
    return new StreamError({ code: "auth", message: "You are not signed in. Sign in, then ask again.", status });
  }
  return new StreamError({
    code: "bad_response",
    message: `The server sent ${contentType || "something without a type"} where a stream was expected.`,
    status,
  });
}

/**
 * The words of a JSON body are shown, whoever wrote it: ours and most APIs say `message`, Werkzeug's `description`.
 *
 * @param {Response} response
 */
async function httpError(response) {
  const { status } = response;
  const body = await response.json().catch(() => null);
  /** @param {any} value */
  const words = (value) => (typeof value === "string" ? value : "");
  const message = words(body?.message) || words(body?.description);
  const mayPass = status >= 500 || status === 408 || status === 429;
  return new StreamError({
    code: (message && words(body.code)) || (status === 401 ? "auth" : "http"),
    message: message || httpMessage(status),
    retryable: message && typeof body.retryable === "boolean" ? body.retryable : mayPass,
    status,
  });
}

/** @param {number} status */
function httpMessage(status) {
  if (status === 401) return "You are not signed in. Sign in, then ask again.";
  if (status === 429) return "Too many requests. Wait a moment, then ask again.";
  return `The server answered with an error (HTTP ${status}).`;
}
