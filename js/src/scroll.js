/** Keeps the answer's end in view, for a reader who is there, and leaves alone one who is reading elsewhere. */

/** How far from where it is kept, in CSS pixels, a box still counts as being there: rounding at odd zoom levels. */
const SLACK = 2;

/**
 * A paint costs one layout: all positions are read before it, and again behind it.
 *
 * @param {Element} content what grows
 * @param {Element} anchor its lower edge is kept in view: what belongs to the answer ends there
 * @param {boolean} insists whether the reader has just asked for the answer, and so is taken to it from wherever he
 *   is: Stop, or a bubble of the page's, makes the page longer before the first word comes
 * @returns {(paint: () => void) => void} paints what makes the content grow, and follows
 */
export function follower(content, anchor, insists) {
  /**
   * Where each box was left, and where it had to be.
   *
   * @type {Map<Element, { top: number, goal: number }>}
   */
  const left = new Map();
  /** Whose reader has gone on to the end by himself. */
  const passed = new Set();
  for (const box of scrollersAround(content)) {
    const top = box.scrollTop;
    if (insists || isAtEnd(box)) left.set(box, { top, goal: top });
  }

  /**
   * What is to be seen of the answer in a box: of one that is around the words alone, these.
   *
   * @param {Element} box
   */
  const inside = (box) => (box !== anchor && box.contains(anchor) ? anchor : content);

  /**
   * Above where it was left, a box has been scrolled up by its reader, be it by one pixel, unless its
   * end has come nearer, which moves the box too.
   *
   * @param {Element} box
   */
  function follows(box) {
    const was = left.get(box);
    const top = box.scrollTop;
    if (insists || was?.top === top) return true;
    if (!was) return isAtEnd(box);
    const away = top < was.top && goalOf(box, inside(box)) >= was.goal;
    if (away) was.top = top + 0.5; // the mark goes with him: he may come back to where it was
    const isThere = !away && placeOf(box, content) - top <= SLACK;
    if (isThere && top > was.top) passed.add(box);
    return isThere;
  }

  return (paint) => {
    const followed = scrollersAround(content).filter(follows);
    content.toggleAttribute("data-follow", !!followed.length);
    paint();
    for (const box of followed) {
      const goal = Math.min(goalOf(box, inside(box)), passed.has(box) ? Infinity : limitOf(box, content));
      // Upwards only to an answer that is above what is in view.
      if (goal > box.scrollTop || (insists && isAbove(box, inside(box)))) box.scrollTo({ top: goal, behavior: "instant" });
      left.set(box, { top: box.scrollTop, goal });
    }
    insists = false;
  };
}

/**
 * From the innermost on.
 *
 * @param {Element} content
 * @returns {Element[]}
 */
function scrollersAround(content) {
  /** @type {Element[]} */
  const scrollers = [];
  for (let box = /** @type {Element | null} */ (content); box; box = box.parentElement) {
    const scrolls = isPage(box) || /auto|scroll/.test(getComputedStyle(box).overflowY);
    if (scrolls) scrollers.push(box);
  }
  return scrollers;
}

/**
 * An answer that is longer than the view is read from its beginning: the question above it stays in view; of a long one,
 * no more than the answer leaves.
 *
 * @param {Element} box
 * @param {Element} answer
 */
function limitOf(box, answer) {
  const question = answer.previousElementSibling;
  if (!question?.matches("[data-turn=user]")) return Infinity;
  const first = question.clientHeight > box.clientHeight / 2 ? answer : question;
  const padding = pixels(getComputedStyle(box).scrollPaddingTop);
  return Math.floor(box.scrollTop + first.getBoundingClientRect().top - upperEdge(box) - padding);
}

/** @param {string} length not "auto", nor "10%" */
const pixels = (length) => (length.endsWith("px") ? parseFloat(length) : 0);

/** @param {Element} box */
const isPage = (box) => box === document.scrollingElement;

/** @param {Element} box */
const endOf = (box) => box.scrollHeight - box.clientHeight;

/** @param {Element} box */
const isAtEnd = (box) => endOf(box) - box.scrollTop <= SLACK;

/** @param {Element} box */
const upperEdge = (box) => (isPage(box) ? 0 : box.getBoundingClientRect().top + box.clientTop);

/**
 * Where a box has to be scrolled to: to its end, if what comes behind the answer is little (the form, a footer);
 * else so that the answer's end is just in view.
 *
 * @param {Element} box
 * @param {Element} anchor
 */
function goalOf(box, anchor) {
  const [end, place] = [endOf(box), placeOf(box, anchor)];
  return end - place <= box.clientHeight / 2 ? end : Math.max(0, place);
}

/**
 * How far a box is scrolled where the lower edge of what is in it is just in view, as far from the box's own as its
 * `scroll-padding-bottom` says (CSS Scroll Snap 1, section 4.2), in CSS pixels.
 *
 * @param {Element} box
 * @param {Element} inside
 */
function placeOf(box, inside) {
  let { bottom } = inside.getBoundingClientRect();
  // Of what is in a smaller box that scrolls, no more is to be seen than that box.
  for (const inner of scrollersAround(inside)) {
    if (inner === box) break;
    bottom = Math.min(bottom, inner.getBoundingClientRect().bottom);
  }
  const padding = pixels(getComputedStyle(box).scrollPaddingBottom);
  return Math.ceil(box.scrollTop + bottom - upperEdge(box) - box.clientHeight + padding);
}

/**
 * @param {Element} box
 * @param {Element} anchor
 */
function isAbove(box, anchor) {
  return anchor.getBoundingClientRect().bottom <= upperEdge(box);
}
