/** Stops a run that the server keeps, for all who read it. */

import { addressOf, endStopped, isOver, tokenIn, wanting } from "./kept.js";
import { prepare } from "./request.js";
import { rest } from "./rest.js";

/** @typedef {import("./connect.js").Line} Line */

/** So long its end, with its last words, is waited for; and so long the server may take to hear of it. */
const END_MS = 3000;
const POST_MS = 30_000;

/** So often it is told: in vain where there is no network, and where the run has not begun. */
const TRIES = 8;

/** A request that was cut off may still be on its way, with its run behind it: so often that is looked for. */
const LOOKS = 4;

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
function stopAhead(line) {
  const { init, isAsked, request, url } = line;
  endStopped(line);
  if (isAsked || url || typeof init.resume === "string") tell(() => wanting("stop", { init, request, url }), LOOKS);
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
  if (await tell(post, 1, end)) return;
  // It goes on, so it is not shown as stopped; and Stop may be pressed again.
  clearTimeout(late);
  line.isStopping = false;
  if (!isOver(line)) line.enter(line.state);
}

/**
 * Goes on though the page is left: the browser sends what has been given to it.
 *
 * @param {() => Request} request
 * @param {number} looks how often 404 is no answer
 * @param {() => void} [onLost] called where there is no connection
 * @returns {Promise<boolean>} whether it was heard
 */
async function tell(request, looks, onLost) {
  for (let tries = 1; ; tries++) {
    const signal = AbortSignal.timeout(POST_MS);
    const { ok, status } = await fetch(request(), { keepalive: true, signal }).catch(() => ({ ok: false, status: 0 }));
    if (!status) onLost?.();
    if (ok) return true;
    const mayPass = !status || status === 503 || (status === 404 && tries < looks);
    if (!mayPass || tries === TRIES) {
      if (status) console.warn(`Stop was refused: HTTP ${status}`);
      return !status;
    }
    await rest(tries, 0, new AbortController().signal);
  }
}
