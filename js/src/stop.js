/** Stops a run that the server keeps, for all who read it. */

import { addressOf, endStopped, isOver, tokenIn, wanting } from "./kept.js";
import { prepare } from "./request.js";
import { tell } from "./tell.js";

/** @typedef {import("./connect.js").Line} Line */

/** So long its end, with its last words, is waited for. */
const END_MS = 3000;

/** Stops of what had not begun, at an address that another question may have next. @type {Set<AbortController>} */
const pending = new Set();

/** A question was asked: what was stopped before it is not looked for any more, or it could be taken for that. */
export function forgetStops() {
  for (const each of pending) each.abort();
  pending.clear();
}

/** @param {Line} line */
export function stop(line) {
  if (line.isStopping) return;
  line.isStopping = true;
  if (line.url && line.id) stopBegun(line);
  else stopAhead(line);
}

/**
 * There is no word yet that its reader would wait for.
 *
 * @param {Line} line
 */
async function stopAhead(line) {
  const { init, isAsked, request, url } = line;
  endStopped(line);
  const isNamed = url || typeof init.resume === "string";
  if (!isNamed && !isAsked) return;
  const trying = new AbortController();
  if (isNamed) pending.add(trying);
  const { signal } = trying;
  warn(await tell(() => wanting("stop", { init, request, url }), { signal }));
  pending.delete(trying);
}

/** @param {Line} line */
async function stopBegun(line) {
  const end = () => endStopped(line);
  const late = setTimeout(end, END_MS);
  line.signal.addEventListener("abort", () => clearTimeout(late));
  const { init } = line;
  const address = addressOf(line, "/stop");
  const csrf = tokenIn(init.body) ?? init.csrf;
  const post = () => prepare(address, { ...init, method: "POST", body: null, key: undefined, csrf });
  const { signal } = new AbortController();
  const response = await tell(post, { signal, looks: 1, onLost: end });
  if (!warn(response)) return;
  // It goes on, so it is not shown as stopped; and Stop may be pressed again.
  clearTimeout(late);
  line.isStopping = false;
  if (!isOver(line)) line.enter(line.state);
}

/**
 * @param {Response | null} response
 * @returns {boolean} whether it was refused
 */
function warn(response) {
  if (!response || response.ok) return false;
  console.warn(`Stop was refused: HTTP ${response.status}`);
  return true;
}
