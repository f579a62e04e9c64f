/** Retry, where the server wants some time to pass before it is asked again. */

/** @type {WeakMap<HTMLElement, number>} */
const timers = new WeakMap();

/**
 * Locks the button, and shows the seconds that are left in `data-wait`, until they have passed or the button is hidden.
 *
 * @param {HTMLButtonElement} retry
 * @param {number} seconds
 */
export function countdown(retry, seconds) {
  const end = Date.now() + seconds * 1000; // timers stand still while the page sleeps

  function show() {
    const left = retry.hidden ? 0 : Math.ceil((end - Date.now()) / 1000);
    retry.disabled = left > 0;
    if (left <= 0) return delete retry.dataset.wait;
    retry.dataset.wait = `${left}`;
    // Out of the page nobody sees the seconds.
    timers.set(retry, setTimeout(show, retry.isConnected ? 1000 : 60_000));
  }

  clearTimeout(timers.get(retry));
  show();
}
