/** How long to wait before a connection is tried again. */

const FIRST_MS = 1000;
const LONGEST_MS = 16_000;

/** After these it may work at once: a network, a page that was away, a reader who looks. */
const HINTS = ["online", "pageshow", "visibilitychange"];

export const isOffline = () => globalThis.navigator?.onLine === false;

/**
 * Resolves when it is time, and the browser has a network.
 *
 * @param {number} fruitless how many tries have come to nothing: after none there is no wait
 * @param {number} seconds that the server wants to pass, whatever happens meanwhile
 * @param {AbortSignal} signal ends the wait
 */
export function rest(fruitless, seconds, signal) {
  // Not all the readers of a server that is back ask it at once.
  const backoff = fruitless && Math.min(FIRST_MS * 2 ** (fruitless - 1), LONGEST_MS) * (1 - Math.random() / 2);
  const isOver = new AbortController();
  return new Promise((resolve) => {
    const listening = { signal: isOver.signal };
    let isDue = false;
    const end = () => {
      isOver.abort();
      clearTimeout(timer);
      resolve(null);
    };
    const look = () => {
      const isHidden = globalThis.document?.visibilityState === "hidden"; // nobody looks: only time counts
      if ((isDue || (!seconds && !isHidden)) && !isOffline()) end();
    };
    const timer = setTimeout(
      () => {
        isDue = true;
        look();
      },
      Math.max(backoff, 1000 * seconds),
    );
    for (const hint of HINTS) globalThis.addEventListener?.(hint, look, listening);
    signal.addEventListener("abort", end, listening);
  });
}
