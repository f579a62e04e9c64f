/** When the page is painted: once a frame, and no more at a time than leaves the page to its reader. */

import { guarded } from "./guard.js";

/** @typedef {import("./text.js").Around} Around */
/** @typedef {import("./text.js").Renderer} Renderer */

/** So much is painted in a frame, in characters, and so many of them each part or change counts as. */
const FRAME = 16_000;
const STROKE = 200;

/** Lets the page do something else. */
export const pause = () => new Promise((go) => setTimeout(go));

/**
 * Holds what is to be painted until a frame paints it.
 *
 * @param {Around} around
 */
export function painter(around) {
  /** @type {Renderer | undefined} */
  let renderer;
  /** In order: words for the renderer, and what else changes the page. @type {(string | (() => void))[]} */
  const strokes = [];
  /** Of the renderers that have been told that no more comes. @type {Promise<void>[]} */
  const ends = [];
  let frame = 0;

  /** Paints now what waits, or what of it fits into a frame. */
  function flush() {
    cancelAnimationFrame(frame);
    frame = 0;
    let count = 0;
    for (let cost = 0; count < strokes.length && (cost < FRAME || document.hidden); count++) {
      const stroke = strokes[count];
      cost += STROKE + (typeof stroke === "string" ? stroke.length : 0);
    }
    const now = strokes.splice(0, count);
    around(() => {
      for (const stroke of now) guarded(() => (typeof stroke === "string" ? renderer?.write(stroke) : stroke()));
    });
    if (strokes.length) plan();
  }

  function plan() {
    if (document.hidden) flush(); // there are no frames now
    else frame ||= requestAnimationFrame(flush);
  }

  /** @param {() => void} stroke what changes the page */
  function add(stroke) {
    strokes.push(stroke);
    plan();
  }

  return {
    add,
    flush,

    /** Resolves once all renderers are done. */
    ended: () => Promise.all(ends),

    /** Resolves once nothing waits. Not by frames: there may be none any more. */
    async drained() {
      for (flush(); strokes.length; flush()) await pause();
    },

    /**
     * What was written before is for the last renderer.
     *
     * @param {() => Renderer} [make]
     */
    turnTo(make) {
      add(() => {
        const last = renderer;
        renderer = undefined;
        if (last) ends.push(Promise.resolve(last.end()).catch(reportError));
      });
      if (make) add(() => (renderer = make()));
    },

    /** @param {string} text */
    write(text) {
      const last = strokes.length - 1;
      if (typeof strokes[last] === "string") strokes[last] += text;
      else strokes.push(text);
      plan();
    },
  };
}
