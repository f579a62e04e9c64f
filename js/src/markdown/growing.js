/** A list or a table that goes on: most of its items are settled, and what has to be read again stays short. */

import { isDefining } from "./lex.js";

/** @typedef {import("./lex.js").Token} Token */

/**
 * @typedef {object} Growing
 * @property {string} type
 * @property {string} text what is settled of it
 * @property {ChildNode} node what shows it
 * @property {ChildNode} last the item that shows the end of that
 * @property {string} prefix what the rest is read behind: a table's head, or an item that makes a list loose
 * @property {number} skip how many items the prefix has
 * @property {number} rows of a table, that are settled
 * @property {number} length of these
 */

/**
 * Whether what has been read behind the prefix goes on as before.
 *
 * @param {Growing} growing
 * @param {Token | undefined} token
 */
export function goesOn({ type, prefix }, token) {
  // A list that turns loose changes all its items. A definition may change what is settled.
  return token?.type === type && !!token.loose === (type === "list" && !!prefix) && !isDefining(token);
}

/**
 * Settles the items behind which another one has begun, and not only the beginning of its first line.
 *
 * @param {Growing | null} growing
 * @param {Token} token
 * @param {Element} element what shows it
 * @param {number} lineEnd where in the token's source the last complete line ends
 * @returns {Growing | null}
 */
export function settleItems(growing, token, element, lineEnd) {
  const { type, raw, items, loose } = token;
  if ((type !== "list" && type !== "table") || isDefining(token)) return null;
  const lines = raw.split(/(?<=\n)/);
  const head = type === "table" ? lines.slice(0, 2).join("") : "";
  /** @type {string[]} */
  const sources = head ? lines.slice(2) : items.map((/** @type {Token} */ item) => item.raw);
  let last = growing?.last ?? null;
  let at = growing ? growing.prefix.length : head.length;
  let text = growing?.text ?? head;
  const first = growing?.skip ?? 0;
  let next = first;
  for (; next + 1 < sources.length && at + sources[next].length <= lineEnd; next++) {
    at += sources[next].length;
    text += sources[next];
    last = last ? last.nextSibling : (head ? element.querySelector("tbody") : element)?.firstChild ?? null;
  }
  if (!last) return null;
  const prefix = head || (loose ? `${/^ *\S+/.exec(sources[next])} x\n\n` : "");
  const rows = (growing?.rows ?? 0) + next - first;
  return { type, text, node: element, last, prefix, skip: head || !loose ? 0 : 1, rows, length: text.length - head.length };
}
