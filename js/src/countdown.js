/** Retry, where the server wants some time to pass before it is asked again. */

import { say } from "./words.js";

/**
 * Shows how long it still takes in `data-wait`, until that has passed or the lock is opened.
 *
 * @param {HTMLButtonElement} retry
 * @param {number} end as `Date.now()` tells it: timers stand still while the page sleeps
 * @param {import("./lock.js").Lock} lock
 */
export function countdown(retry, end, lock) {
  function show() {
    if (lock.isOpen) return;
    const left = Math.ceil((end - Date.now()) / 1000);
    if (left <= 0) return lock.open();
    retry.disabled = true; // whatever the page's scripts have made of it
    retry.dataset.wait = say("{} s", left);
    // Out of the page nobody sees the seconds.
    setTimeout(show, retry.isConnected ? 1000 : Math.min(1000 * left, 60_000));
  }

  show();
}
