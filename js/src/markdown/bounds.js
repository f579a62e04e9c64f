/** What keeps the work for a text in bounds, whatever is in it. Sizes are in characters. */

/** What is read at once of a paragraph: each mark in it may cost a look at all of this. */
const LONGEST_PIECE = 4000;

/** A piece with more marks than this is no prose: it is shown as it was written. */
const MOST_MARKS = 1000;
/** What a long look may begin at; of a run, three at a time. */
const MARKS = /([*_~`])\1{0,2}|[[\]\\<]|:\/\/|www\./g;

/** What it costs to begin a line. */
const LINE = 8;

/** @param {string} piece */
export const isTangled = (piece) => (piece.match(MARKS)?.length ?? 0) > MOST_MARKS;

/**
 * Where to cut a text that is more work than so many characters: behind a line, else behind a word, else not within a
 * character; at its end where it is not.
 *
 * @param {string} text
 * @param {number} most
 */
export function place(text, most) {
  const head = text.slice(0, most);
  let at = 0;
  for (let left = most, end; (end = head.indexOf("\n", at) + 1) && (left -= LINE + end - at) >= 0; ) at = end;
  if (head.length === text.length && !head.includes("\n", at)) return text.length;
  return at || head.lastIndexOf(" ") + 1 || head.replace(/[\ud800-\udbff]$/, "").length;
}

/**
 * @param {string} source
 * @returns {string[]}
 */
export function pieces(source) {
  const end = place(source, LONGEST_PIECE);
  return end < source.length ? [source.slice(0, end), ...pieces(source.slice(end))] : [source];
}
