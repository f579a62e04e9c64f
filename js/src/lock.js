import { more } from "./load.js";

/** @typedef {ReturnType<typeof lock>} Lock */

/**
 * Keeps Retry from being used too early: at once, though what counts the seconds down is still to be loaded.
 *
 * @param {HTMLButtonElement} retry
 * @param {number} [seconds] that the server wants to pass before it is asked again
 */
export function lock(retry, seconds = 0) {
  const end = Date.now() + seconds * 1000; // of the refusal, however long the file takes
  const lock = {
    isOpen: false,
    open() {
      lock.isOpen = true;
      retry.disabled = false;
      delete retry.dataset.wait;
    },
  };
  retry.disabled = true;
  if (!seconds) lock.open();
  else {
    more().then((module) => {
      if (lock.isOpen) return; // something else was asked meanwhile
      if (module) module.countdown(retry, end, lock);
      else lock.open();
    });
  }
  return lock;
}
