/** Retry, where the server wants some time to pass before it is asked again. */

/**
 * Shows the seconds that are left in `data-wait`, until they have passed or the lock is opened.
 *
 * @param {HTMLButtonElement} retry
 * @param {number} seconds
 * @param {import("./lock.js").Lock} lock
 */
export function countdown(retry, seconds, lock) {
  const end = Date.now() + seconds * 1000; // timers stand still while the page sleeps

  function show() {
    if (lock.isOpen) return;
    const left = Math.ceil((end - Date.now()) / 1000);
    if (left <= 0) return lock.open();
    retry.disabled = true; // whatever the page's scripts have made of it
    retry.dataset.wait = `${left}`;
    // Out of the page nobody sees the seconds.
    setTimeout(show, retry.isConnected ? 1000 : Math.min(1000 * left, 60_000));
  }

  show();
}
