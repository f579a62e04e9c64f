/** What a browser would have sent for a form, as arguments for `stream`. */

/**
 * Attributes, not properties: a field named "action" or "method" hides the form's property.
 *
 * @param {HTMLFormElement} form
 * @param {HTMLElement | null} submitter
 * @param {string} name
 */
function attribute(form, submitter, name) {
  return submitter?.getAttribute(`form${name}`) ?? form.getAttribute(name);
}

/**
 * @param {HTMLFormElement} form
 * @param {HTMLElement | null} submitter
 */
export function methodOf(form, submitter) {
  return attribute(form, submitter, "method")?.toLowerCase();
}

/**
 * @param {HTMLFormElement} form
 * @param {HTMLElement | null} submitter the button that was pressed
 * @param {string | null} [method] in place of the form's own
 * @returns {[url: URL, options: RequestInit]}
 */
export function submission(form, submitter, method) {
  const url = new URL(attribute(form, submitter, "action") || document.URL, document.baseURI);
  const data = new FormData(form, submitter);
  // A form knows no other methods: to browsers, anything else is GET.
  method ??= methodOf(form, submitter) === "post" ? "POST" : "GET";
  if (method.toUpperCase() === "GET") {
    url.search = String(urlencoded(data));
    return [url, {}];
  }
  const multipart = attribute(form, submitter, "enctype")?.toLowerCase() === "multipart/form-data";
  return [url, { method, body: multipart ? data : urlencoded(data) }];
}

/**
 * Of a file, its name goes; line breaks go as CRLF: HTML, "Form submission algorithm".
 *
 * @param {FormData} data
 */
function urlencoded(data) {
  const text = (/** @type {any} */ item) => (item.name ?? item).replace(/\r\n?|\n/g, "\r\n");
  return new URLSearchParams([...data].map((pair) => pair.map(text)));
}
