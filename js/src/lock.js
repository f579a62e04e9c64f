import { more } from "./load.js";

/** Keeps Retry from being used too early. */
export class Lock {
  isOpen = false;
  #retry;

  /**
   * Locks it at once, though what counts the seconds down is still to be loaded.
   *
   * @param {HTMLButtonElement} retry
   * @param {number} [seconds] that the server wants to pass before it is asked again
   */
  constructor(retry, seconds = 0) {
    this.#retry = retry;
    if (seconds) this.#close(seconds);
    else this.open();
  }

  open() {
    this.isOpen = true;
    this.#retry.disabled = false;
    delete this.#retry.dataset.wait;
  }

  /** @param {number} seconds */
  async #close(seconds) {
    this.#retry.disabled = true;
    const end = Date.now() + seconds * 1000; // of the refusal, however long the file takes
    const module = await more();
    if (this.isOpen) return; // something else was asked meanwhile
    if (module) module.countdown(this.#retry, end, this);
    else this.open();
  }
}
