/** Where a link or a picture may lead. */

import { decode } from "./entities.js";

const LINK = ["http:", "https:", "mailto:", "tel:"];
/** In characters: each link with a definition's address has all of it. Longer ones do not work everywhere either. */
const LONGEST = 2000;
const PICTURE = ["http:", "https:"];

/**
 * An address as it stands in an attribute: percent-encoded and without character references.
 *
 * @param {string} written as in the markdown
 * @param {boolean} [literal] whether `&amp;` stands for itself, as in an autolink
 * @returns {string | null} null for one that cannot be encoded, or is too long
 */
export function address(written, literal) {
  if (written.length > LONGEST) return null;
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
 * @param {(url: URL) => boolean} [links] whether the page wants it
 */
export function isAllowed(href, base, picture, links = () => true) {
  let isUrl = false;
  try {
    const url = new URL(/** @type {string} */ (href), base);
    isUrl = true;
    return href !== null && (picture ? PICTURE : LINK).includes(url.protocol) && links(url);
  } catch (error) {
    if (isUrl) reportError(error); // the page's own
    return false;
  }
}
