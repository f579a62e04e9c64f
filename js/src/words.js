/** What the client says, in the page's language: each text is looked up by its English one. */

const NAME = Symbol.for("flask-stream words");

/**
 * By the English text; or by the code of an error. One for the page, whose files each have a copy of this module.
 *
 * @type {Record<string, string>}
 */
const table = (/** @type {any} */ (globalThis)[NAME] ??= Object.create(null));

/** @param {Record<string, string>} words what is to be said from now on; what is not among them stays as it was */
export const speak = (words) => void Object.assign(table, words);

/**
 * @param {string} text in English, where `{}` stands for a value
 * @param {...unknown} values
 */
export const say = (text, ...values) =>
  `${table[text] ?? text}`.replace(/\{\}/g, (place) => `${values.length ? values.shift() : place}`);
