/** The conversation's end, and how to get there; and the keyboard that a phone puts over the page. */

import { label } from "./markup.js";

/** In CSS pixels: so near is at the end. */
const NEAR = 24;

/**
 * @param {import("./markup.js").Parts} parts
 * @param {AbortSignal} signal ends it
 */
export function view({ chat, stream, output, end }, signal) {
  let isNew = false; // words have come since its reader was there
  let frame = 0;

  /** Either the output scrolls in itself, or what is around the chat. */
  const isAtEnd = () =>
    output.scrollHeight - output.scrollTop - output.clientHeight <= NEAR &&
    stream.getBoundingClientRect().bottom <= innerHeight + NEAR;

  function look() {
    frame = 0;
    const isThere = isAtEnd();
    if (isThere) isNew = false;
    if (end.hidden !== isThere) end.hidden = isThere;
    if (!isThere && end.hasAttribute("data-new") !== isNew) {
      end.toggleAttribute("data-new", isNew);
      label(end, isNew ? "New words below" : "To the end");
    }
  }

  const plan = () => void (frame ||= requestAnimationFrame(look));

  function toEnd() {
    output.scrollTop = output.scrollHeight;
    stream.scrollIntoView({ block: "end" });
  }

  let height = 0;
  // A box that scrolls stays as large as it is: what is in it grows, and of that the last.
  const grown = new ResizeObserver(() => {
    // The field has grown, or there are suggestions: whoever was at the end is.
    if (output.clientHeight < height && end.hidden) toEnd();
    height = output.clientHeight;
    plan();
  });
  const watch = () => {
    grown.disconnect();
    for (const element of [output, output.lastElementChild]) if (element) grown.observe(element);
  };
  const changed = new MutationObserver(watch);
  changed.observe(output, { childList: true });
  watch();
  signal.addEventListener("abort", () => {
    changed.disconnect();
    grown.disconnect();
  });
  document.addEventListener("scroll", plan, { capture: true, passive: true, signal });
  stream.addEventListener("stream:event", (/** @type {CustomEvent} */ { detail: { type } }) => {
    if (type === "text") isNew = true;
  }, { signal });
  end.addEventListener("click", toEnd, { signal });

  const { visualViewport } = globalThis;
  const onKeyboard = () => {
    if (!visualViewport) return;
    const { height, offsetTop, scale } = visualViewport;
    // Of a page that is zoomed in, the rest is not covered.
    const covered = scale > 1 ? 0 : Math.max(0, innerHeight - height - offsetTop);
    chat.style.setProperty("--flask-chat-keyboard", `${Math.round(covered)}px`);
  };
  visualViewport?.addEventListener("resize", onKeyboard, { signal });
  visualViewport?.addEventListener("scroll", onKeyboard, { signal });

  return {
    /** @param {() => void} paint what makes the chat longer */
    around(paint) {
      const isThere = isAtEnd();
      paint();
      if (isThere) toEnd();
    },

    /** Where the page is about the chat, and its reader has not been elsewhere. */
    begin() {
      const isBox = getComputedStyle(output).overflowY !== "visible" && output.scrollHeight > output.clientHeight;
      if (!isBox && (scrollY || location.hash || chat.getBoundingClientRect().top >= innerHeight / 2)) return plan();
      // What comes into view is as high as it is some frames later (`content-visibility`), and the end further down.
      let frames = 5;
      const go = () => {
        if (isBox) output.scrollTop = output.scrollHeight;
        else toEnd();
        if (frames--) requestAnimationFrame(go);
      };
      go();
      plan();
    },
  };
}
