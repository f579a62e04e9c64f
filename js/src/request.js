/** What is sent: fetch's request, with what a stream and a Flask app need in its headers. */

/** @typedef {import("./connect.js").StreamOptions} StreamOptions */

export const SUBMISSION = "Flask-Stream-Submission";

/**
 * What may change something carries the question and the token, and headers that the page gave may have a key.
 * fetch would take all of it along to wherever a redirect leads, so none is followed then, unless the page says
 * so: `redirect: "follow"`.
 *
 * @param {string | URL} url
 * @param {StreamOptions & { key?: string }} options `key`: of what is to be done once, however often it is sent
 */
export function prepare(url, { headers: given, csrf, key, submission, attempt, ...init }) {
  const method = init.method?.toUpperCase() ?? "GET";
  const isSafe = /^(GET|HEAD|OPTIONS)$/.test(method);
  const request = new Request(url, {
    cache: "no-store",
    ...init,
    headers: typeof given === "function" ? given() : given,
    method,
    redirect: init.redirect ?? (isSafe && !given ? "follow" : "manual"),
  });
  const { headers } = request;
  /** @type {(name: string, value: string | number | null | undefined) => void} */
  const add = (name, value) => {
    if (value && !headers.has(name)) headers.set(name, `${value}`);
  };
  const mayChange = !isSafe && new URL(request.url).origin === globalThis.location?.origin;
  add("Accept", "text/event-stream");
  // Only this origin's own pages may be given the token. (A form's own hidden field is in its body.)
  if (mayChange) add("X-CSRFToken", csrf ?? tokenOfPage()?.content);
  // Another origin, to which a GET may be redirected, would be asked first whether it takes this header.
  if (mayChange || init.resume) add("Idempotency-Key", key);
  if (mayChange) add(SUBMISSION, submission);
  if (mayChange) add("Flask-Stream-Attempt", attempt);
  return request;
}

/**
 * Flask-WTF's; a worker has no document.
 *
 * @returns {HTMLMetaElement | null | undefined}
 */
const tokenOfPage = () => globalThis.document?.querySelector("meta[name=csrf-token]");
