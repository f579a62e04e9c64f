/** Where a link or a picture may lead. */

import { decode } from "./entities.js";

const LINK = ["http:", "https:", "mailto:", "tel:"];
const PICTURE = ["http:", "https:"];
/** In characters: each link has all of its definition's. Longer addresses do not work everywhere either. */
const LONGEST = 2000;
/** So many are kept in mind: there are no more definitions. */
const MOST_KNOWN = 1000;

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
    return href !== null && (picture ? PICTURE : LINK).includes(url.protocol) && links(url) === true;
  } catch (error) {
    if (isUrl) reportError(error); // the page's own
    return false;
  }
}

/**
 * What an answer's links need to know, each asked once, however many links have the same definition.
 *
 * @typedef {object} Targets
 * @property {(written: string) => string | null} link an address, or null where no link may lead
 * @property {(written: string) => string | null} autolink
 * @property {(written: string) => string | null} picture
 * @property {(written: string) => string | null} title
 */

/**
 * @param {((url: URL) => boolean) | undefined} links whether the page wants it
 * @returns {Targets}
 */
export function targets(links) {
  const allowed = (/** @type {string | null} */ href, /** @type {boolean} */ picture) =>
    isAllowed(href, document.baseURI, picture, links) ? href : null;
  return {
    link: once((written) => allowed(address(written), false)),
    autolink: once((written) => allowed(address(written, true), false)),
    picture: once((written) => allowed(address(written), true)),
    title: once((written) => (written && written.length <= LONGEST ? decode(written) : null)),
  };
}

/**
 * @param {(written: string) => string | null} find
 */
function once(find) {
  /** @type {Map<string, string | null>} */
  const known = new Map();
  return (/** @type {string} */ written) => {
    let found = known.get(written);
    if (found === undefined) {
      found = find(written);
      if (known.size >= MOST_KNOWN) known.clear();
      known.set(written, found);
    }
    return found;
  };
}
