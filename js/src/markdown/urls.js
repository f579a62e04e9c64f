/** Where a link or a picture may lead. */

import { decode } from "./entities.js";

const LINK = ["http:", "https:", "mailto:", "tel:"];
const PICTURE = ["http:", "https:"];

/**
 * An address as it stands in an attribute: percent-encoded and without character references.
 *
 * @param {string} written as in the markdown
 * @param {boolean} [literal] whether `&amp;` stands for itself, as in an autolink
 * @returns {string | null} null for one that cannot be encoded
 */
export function address(written, literal) {
  try {
    const encoded = encodeURI(written).replace(/%25/g, "%");
    return literal ? encoded : decode(encoded);
  } catch {
    return null; // half of a surrogate pair
  }
}

/**
 * The URL parser decides, as it will for the browser: it drops tabs, line ends and leading control characters.
 *
 * @param {string | null} href
 * @param {string} base
 * @param {boolean} [picture]
 */
export function isAllowed(href, base, picture) {
  try {
    return href !== null && (picture ? PICTURE : LINK).includes(new URL(href, base).protocol);
  } catch {
    return false;
  }
}
