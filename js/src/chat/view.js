/** The conversation's end, and how to get there; and the keyboard that a phone puts over the page. */

import { label } from "./markup.js";

/**
 * @param {import("./markup.js").Parts} parts
 * @param {AbortSignal} signal ends it
 */
export function view({ chat, stream, output, form, end }, signal) {
  let isNew = false; // words have come since its reader was there
  let frames = 0; // in which he is still to be taken there
  // Of the form and of the output, when they were last looked at.
  let height = Infinity;
  let room = 0;

  /** How much of the chat is below what is seen of the page. */
  const below = () => stream.getBoundingClientRect().bottom - innerHeight;

  /**
   * Either the output scrolls in itself, or what is around the chat. By what the form has grown (a status, Retry) nobody
   * has moved away.
   */
  function isAtEnd() {
    const near = 24 + Math.max(0, form.offsetHeight - height);
    return output.scrollHeight - output.scrollTop - output.clientHeight <= near && below() <= near;
  }

  /** Whether the page is about the chat. */
  const isAbout = () => chat.getBoundingClientRect().top + scrollY < innerHeight / 2;

  function look() {
    const isThere = isAtEnd();
    if (isThere) isNew = false;
    end.hidden = isThere;
    // Before they are drawn, the turns of a page that is loaded anew are of other heights: its end would be elsewhere.
    if (isAbout()) history.scrollRestoration = isThere ? "manual" : "auto";
    if (!isThere && end.hasAttribute("data-new") !== isNew) {
      end.toggleAttribute("data-new", isNew);
      label(end, isNew ? "New words below" : "To the end");
    }
  }

  /**
   * Downwards only, and of a page in which little comes behind the chat to its end, as where an answer is followed: that
   * has not been left then. At once, in a page that scrolls smoothly too.
   *
   * @param {unknown} [isElsewhere] the page stays where it is
   */
  function toEnd(isElsewhere) {
    output.scrollTop = output.scrollHeight;
    if (isElsewhere || below() <= 0) return;
    stream.scrollIntoView({ block: "end", behavior: "instant" });
    const top = document.documentElement.scrollHeight - scrollY - innerHeight;
    if (top <= innerHeight / 2) scrollBy({ top, behavior: "instant" });
  }

  /**
   * What comes into view is as high as it is some frames later (`content-visibility`), and the end further down. Words
   * that come meanwhile are followed as they are.
   *
   * @param {unknown} [isElsewhere]
   */
  function stayThere(isElsewhere) {
    frames = 5;
    const go = () => {
      toEnd(isElsewhere);
      requestAnimationFrame(() => frames-- > 0 && go());
    };
    go();
  }

  // A box that scrolls stays as large as it is: what is in it grows, and of that the last.
  const grown = new ResizeObserver(() => {
    // The field has grown, there are suggestions, or all was hidden: whoever was at the end is.
    if (end.hidden && (form.offsetHeight > height || output.clientHeight < room)) stayThere();
    height = form.offsetHeight;
    room = output.clientHeight;
    look();
  });
  /** @type {Element | null | undefined} */
  let last;
  const watch = () => {
    if (last === output.lastElementChild) return;
    last = output.lastElementChild;
    grown.disconnect();
    for (const element of [form, output, last]) if (element) grown.observe(element);
  };
  watch();
  signal.addEventListener("abort", () => grown.disconnect());
  for (const type of ["scroll", "wheel", "touchmove"]) {
    document.addEventListener(type, () => {
      if (type === "scroll") look();
      else frames = 0; // the reader goes elsewhere
    }, { capture: true, signal });
  }
  stream.addEventListener("stream:event", (/** @type {CustomEvent} */ { detail: { type } }) => {
    watch(); // the last may be another one
    if (type !== "text") return;
    isNew = true;
    frames = 0;
  }, { signal });
  // Who asks is taken to his question, from wherever he is; a page that goes on with a run leaves alone who is elsewhere.
  stream.addEventListener("stream:start", (/** @type {CustomEvent} */ { detail: { body } }) => {
    if (body || end.hidden) stayThere();
  }, { signal });
  output.addEventListener("click", (/** @type {any} */ { target }) => {
    const opened = target.closest("details:not([open]) > summary")?.nextElementSibling;
    requestAnimationFrame(() => opened?.scrollIntoView({ block: "nearest" }));
  }, { signal });
  end.addEventListener("click", () => stayThere(), { signal });

  const keyboard = /** @type {VisualViewport} */ (visualViewport);
  const onKeyboard = () => {
    // Of a page that is zoomed in, the rest is not covered.
    const covered = keyboard.scale > 1 ? 0 : Math.max(0, innerHeight - keyboard.height - keyboard.offsetTop);
    chat.style.setProperty("--flask-chat-keyboard", `${covered}px`);
  };
  for (const type of ["resize", "scroll"]) keyboard.addEventListener(type, onKeyboard, { signal });

  return {
    /** @param {() => void} paint what makes the chat longer */
    around(paint) {
      const isThere = isAtEnd();
      paint();
      if (isThere) toEnd();
    },

    /** Where it is hidden, once it is shown. The page goes along if it is about the chat, and has not been scrolled. */
    begin() {
      if (!stream.clientHeight) height = 0;
      stayThere(scrollY || location.hash || !isAbout());
    },
  };
}
