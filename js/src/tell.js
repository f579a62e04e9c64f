/** Asks the server for something that is to be done once, until it is heard. */

import { rest } from "./rest.js";

/** So often: in vain where there is no network, and while a server is not ready. */
const TRIES = 8;

/** What was asked may still be on its way, with its run behind it: so often 404 is no answer. */
const LOOKS = 4;

/**
 * @param {() => Request} request
 * @param {object} how
 * @param {AbortSignal} how.signal ends the tries
 * @param {number} [how.looks]
 * @param {number} [how.patience] in milliseconds, of one try
 * @param {() => void} [how.onLost] called where there is no connection
 * @returns {Promise<Response | null>} null where nothing was heard
 */
export async function tell(request, { signal, looks = LOOKS, patience = 30_000, onLost }) {
  for (let tries = 1; ; tries++) {
    // The browser sends what has been given to it, though the page is left.
    const sending = { keepalive: true, signal: AbortSignal.timeout(patience) };
    const response = await fetch(request(), sending).catch(() => null);
    if (!response) onLost?.();
    const status = response?.status ?? 0;
    const mayPass = !status || status === 429 || status > 500 || (status === 404 && tries < looks);
    if (!mayPass || tries === TRIES || signal.aborted) return response;
    await rest(tries, 0, signal);
    if (signal.aborted) return response;
  }
}
