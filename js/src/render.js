/** When text is painted: once a frame. */

import { guarded } from "./guard.js";

/** @typedef {import("./text.js").Renderer} Renderer */

/**
 * Holds what was written until a frame paints it.
 *
 * @param {(paint: () => void) => void} around is handed each paint, to do what has to be done before and after
 */
export function painter(around) {
  /** @type {Renderer | undefined} */
  let renderer;
  let pending = "";
  let frame = 0;

  /** Paints now what has been written. */
  function flush() {
    cancelAnimationFrame(frame);
    frame = 0;
    const text = pending;
    pending = "";
    if (text) around(() => guarded(() => renderer?.write(text)));
  }

  return {
    flush,

    /**
     * What was written for the last renderer is painted first.
     *
     * @param {() => Renderer} [make]
     */
    turnTo(make) {
      flush();
      guarded(() => renderer?.end());
      renderer = undefined;
      guarded(() => (renderer = make?.()));
    },

    /** @param {string} text */
    write(text) {
      pending += text;
      if (document.hidden) flush(); // there are no frames now
      else frame ||= requestAnimationFrame(flush);
    },
  };
}
