import { more } from "./load.js";

/**
 * Locks Retry for so many seconds, 0 for none: at once, though what counts them down is still to be loaded.
 *
 * @param {HTMLButtonElement} retry
 * @param {number} seconds
 */
export async function lock(retry, seconds) {
  retry.disabled = seconds > 0;
  delete retry.dataset.wait;
  if (!seconds) return;
  const module = await more();
  if (!retry.disabled) return; // something else was asked meanwhile
  if (module) module.countdown(retry, seconds);
  else retry.disabled = false;
}
