/** Keeps the end in view, for a reader who is there, and leaves alone one who is reading further up. */

/** How far from its end, in CSS pixels, a box still counts as scrolled to its end: rounding at odd zoom levels. */
const BOTTOM_SLACK = 2;

/**
 * Each read of a position makes the browser lay out the page: what is known is not read again.
 *
 * @param {Element} content
 * @returns {(paint: () => void) => void} paints what makes the content grow, and follows
 */
export function follower(content) {
  /**
   * Where each box was when it was last scrolled to its end.
   *
   * @type {Map<Element, { top: number, end: number }>}
   */
  const left = new Map();

  /**
   * Above where it was left, a box has been scrolled up by its reader, be it by one pixel, unless
   * its end has come nearer, which moves the box too.
   *
   * @param {Element} box
   */
  function follows(box) {
    const was = left.get(box);
    const top = box.scrollTop;
    if (was?.top === top) return true;
    const end = endOf(box);
    const away = was && top < was.top && end >= was.end;
    if (away) was.top = top + 0.5; // the mark goes with him: he may come back to where it was
    return !away && end - top <= BOTTOM_SLACK;
  }

  return (paint) => {
    const followed = scrollersAround(content).filter(follows);
    content.toggleAttribute("data-follow", !!followed.length);
    paint();
    for (const box of followed) {
      const end = endOf(box);
      if (end !== left.get(box)?.end) box.scrollTo({ top: end, behavior: "instant" });
      left.set(box, { top: box.scrollTop, end });
    }
  };
}

/**
 * @param {Element} content
 * @returns {Element[]}
 */
function scrollersAround(content) {
  /** @type {Element[]} */
  const scrollers = [];
  for (let box = /** @type {Element | null} */ (content); box; box = box.parentElement) {
    const scrolls = box === document.scrollingElement || /auto|scroll/.test(getComputedStyle(box).overflowY);
    if (scrolls) scrollers.push(box);
  }
  return scrollers;
}

/** @param {Element} box */
function endOf(box) {
  return box.scrollHeight - box.clientHeight;
}
