/** The files that are loaded by the first that needs them. Without one the words are still to be read. */

import { plainText } from "./text.js";

/** @typedef {import("./text.js").MakeRenderer} MakeRenderer */

/** What few pages need: to go on with a run, EventSource, smooth words, the countdown. Node reports no errors. */
export const more = () => import("./more.js").catch(globalThis.reportError);

/**
 * @param {string | null} headingLevel what the attribute says
 * @returns {Promise<MakeRenderer>}
 */
export async function markdown(headingLevel) {
  const module = await import("./markdown.js").catch(reportError);
  return module ? module.markdown({ headingLevel: Number(headingLevel) }) : plainText;
}
