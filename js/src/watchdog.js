/** Notices a connection that has died without a word: in some browsers, after sleep or a change of network. */

/** In milliseconds. A timer for longer than 2^31, Infinity for one, would fire at once. */
const LONGEST_INTERVAL = 6000;

/** A page in which timers were this many times late was asleep, or hidden for long. */
const LATE = 3;

/**
 * Chromium hands a page that was frozen nothing more of a response before its end: that looks like silence too.
 *
 * @param {number} silence after so many milliseconds without a sign of life the connection is given up. After sleep,
 *   in the back/forward cache for one, and after a change of the network half as many have to do.
 * @param {AbortSignal} signal ends the watch
 * @param {() => void} onSilence
 * @returns {() => void} to be called at each sign of life
 */
export function watchdog(silence, signal, onSilence) {
  const interval = Math.min(silence / 10, LONGEST_INTERVAL);
  let lookedAt = Date.now();
  let due = lookedAt + silence;
  // What came meanwhile may still be on its way through the browser.
  const doubt = () => (due = Date.now() + silence / 2);

  const timer = setInterval(() => {
    if (signal.aborted) return clearInterval(timer);
    const now = Date.now();
    if (now - lookedAt > LATE * interval) doubt();
    lookedAt = now;
    if (now > due) onSilence();
  }, interval);
  for (const type of ["pageshow", "visibilitychange", "online"]) {
    globalThis.addEventListener?.(type, doubt, { signal });
  }
  return () => (due = Date.now() + silence);
}
