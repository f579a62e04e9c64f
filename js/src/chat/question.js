/** What a request asks, and how to ask the same again in other words. */

import { submission } from "../index.js";

/**
 * The reader's words in a request; none where it goes on with a run.
 *
 * @param {Request} request
 * @param {any} body
 * @param {string} name of the field
 * @returns {string}
 */
export function wordsIn({ url }, body, name) {
  const fields = body?.getAll ? body : new URL(url).searchParams;
  const given = fields.getAll(name).map((/** @type {unknown} */ value) => `${value}`.replace(/\r\n?/g, "\n").trim());
  return given.find(Boolean) ?? ""; // a suggestion is before the field
}

/**
 * @param {any} body
 * @returns {File[]}
 */
export const filesIn = (body) => (body instanceof FormData ? [...body.values()].filter(isFile) : []);

/**
 * @param {unknown} value of a field; of one that no file was chosen for, a file without a name
 * @returns {value is File}
 */
const isFile = (value) => value instanceof File && !!value.name;

/**
 * A request for these words: what else has been asked with them goes along, else what the form has beside its files.
 *
 * @param {HTMLFormElement} form
 * @param {string} name of the field
 * @param {string} words
 * @param {any} [body] of the attempt before
 * @returns {[url: string | URL, init: RequestInit]}
 */
export function asking(form, name, words, body) {
  const [url, init] = submission(form, null, null);
  const fields = /** @type {any} */ (init.body);
  if (!fields) {
    url.searchParams.set(name, words);
    return [url, init];
  }
  const isForm = fields instanceof FormData;
  /** @type {any} */
  const sent = isForm ? new FormData() : new URLSearchParams();
  for (const [key, value] of body ?? fields) if (body || !(value instanceof File)) sent.append(key, value);
  const token = fields.get("csrf_token"); // of this page, which may be newer
  if (token) sent.set("csrf_token", token);
  sent.set(name, isForm ? words : words.replaceAll("\n", "\r\n"));
  return [url, { ...init, body: sent }];
}
