/** Stops a run that the server keeps, for all who read it. */

import { addressOf, endStopped, isOver } from "./kept.js";
import { prepare } from "./request.js";

/** So long its end, with its last words, is waited for; and so long the server may take to hear of it. */
const END_MS = 3000;
const POST_MS = 30_000;

/** So long a run may take to begin, of which nothing more is shown. */
const BEGIN_MS = 60_000;

/** @typedef {import("./connect.js").Line} Line */

/** @param {Line} line */
export function stop(line) {
  if (line.isStopping) return;
  line.isStopping = true;
  if (line.url) stopBegun(line);
  else stopOnceBegun(line);
}

/** @param {Line} line */
async function stopBegun(line) {
  const end = () => endStopped(line);
  const late = setTimeout(end, END_MS);
  line.signal.addEventListener("abort", () => clearTimeout(late));
  const response = await post(line, line.url);
  if (response?.ok) return;
  if (!response) return end();
  // It goes on, so it is not shown as stopped; and Stop may be pressed again.
  clearTimeout(late);
  line.isStopping = false;
  if (!isOver(line)) line.enter(line.state);
}

/**
 * There is no word yet that its reader would wait for; but his request may have reached the server, and where its run
 * is found only the answer tells.
 *
 * @param {Line} line
 */
function stopOnceBegun(line) {
  line.end("stopped", undefined, BEGIN_MS);
  line.onEvent = async ({ type, data }) => {
    if (type !== "start") return;
    const { url } = JSON.parse(data);
    if (url) await post(line, url);
    line.close(); // where the server does not keep it, that ends it
  };
}

/**
 * @param {Line} line
 * @param {string} url of the run
 */
async function post({ init, request }, url) {
  const address = addressOf({ request, url }, "/stop");
  const stopping = prepare(address, {
    ...init,
    method: "POST",
    body: null,
    key: undefined,
    csrf: tokenIn(init.body) ?? init.csrf,
    keepalive: true,
    signal: AbortSignal.timeout(POST_MS),
  });
  const response = await fetch(stopping).catch(() => null);
  if (response && !response.ok) console.warn(`Stop was refused: HTTP ${response.status}`);
  return response;
}

/**
 * The form's own, as Flask-WTF names it.
 *
 * @param {any} body
 * @returns {string | undefined}
 */
const tokenIn = (body) => body?.get?.("csrf_token") ?? undefined;
