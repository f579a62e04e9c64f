/** What is sent: fetch's request, with what a stream and a Flask app need in its headers. */

/** @typedef {import("./connect.js").StreamOptions} StreamOptions */

const SAFE_METHODS = /^(GET|HEAD|OPTIONS)$/;

/**
 * What may change something carries the question and the token, and headers that the page gave may have a key.
 * fetch would take all of it along to wherever a redirect leads, so none is followed then, unless the page says
 * so: `redirect: "follow"`.
 *
 * @param {string | URL} url
 * @param {StreamOptions} options
 */
export function prepare(url, { headers: given, csrf, ...init }) {
  const method = init.method?.toUpperCase() ?? "GET";
  const request = new Request(url, {
    cache: "no-store",
    ...init,
    headers: typeof given === "function" ? given() : given,
    method,
    redirect: init.redirect ?? (SAFE_METHODS.test(method) && !given ? "follow" : "manual"),
  });
  const { headers } = request;
  if (!headers.has("Accept")) headers.set("Accept", "text/event-stream");
  const token = csrfToken(request, csrf);
  if (token && !headers.has("X-CSRFToken")) headers.set("X-CSRFToken", token);
  return request;
}

/**
 * Flask-WTF's token: the one given, or the page's meta element's. (A form's own hidden field is in its body.)
 * Only this origin's own pages may be given it.
 *
 * @param {Request} request
 * @param {string | null | undefined} given
 */
function csrfToken({ method, url }, given) {
  if (SAFE_METHODS.test(method) || new URL(url).origin !== globalThis.location?.origin) return null;
  /** @type {HTMLMetaElement | null | undefined} */
  const meta = globalThis.document?.querySelector("meta[name=csrf-token]"); // a worker has no document
  return given ?? meta?.content;
}
