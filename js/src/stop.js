/** Stops a run that the server keeps, for all who read it. */

import { addressOf, endStopped, isOver } from "./kept.js";
import { prepare } from "./request.js";

/** So long its end, with its last words, is waited for; and so long the server may take to hear of it. */
const END_MS = 3000;
const POST_MS = 30_000;

/** @param {import("./connect.js").Line} line */
export async function stop(line) {
  if (line.isStopping) return;
  line.isStopping = true;
  const end = () => endStopped(line);
  const late = setTimeout(end, END_MS);
  line.signal.addEventListener("abort", () => clearTimeout(late));
  const { init } = line;
  const request = prepare(addressOf(line, "/stop"), {
    ...init,
    method: "POST",
    body: null,
    key: undefined,
    csrf: tokenIn(init.body) ?? init.csrf,
    keepalive: true,
    signal: AbortSignal.timeout(POST_MS),
  });
  const response = await fetch(request).catch(() => null);
  if (response?.ok) return;
  if (!response) return end();
  // It goes on, so it is not shown as stopped; and Stop may be pressed again.
  clearTimeout(late);
  line.isStopping = false;
  if (!isOver(line)) line.enter(line.state);
  console.warn(`Stop was refused: HTTP ${response.status}`);
}

/**
 * The form's own, as Flask-WTF names it.
 *
 * @param {any} body
 * @returns {string | undefined}
 */
const tokenIn = (body) => body?.get?.("csrf_token") ?? undefined;
