/** `<flask-stream>`: a stream in the page, with its words, its state and a Stop button. */

import { stream } from "./connect.js";
import { badResponse } from "./errors.js";
import { closesDialog, submission } from "./form.js";
import { Painter } from "./render.js";

/** @typedef {import("./connect.js").Run} Run */
/** @typedef {import("./connect.js").State} State */
/** @typedef {import("./connect.js").StreamOptions} StreamOptions */
/** @typedef {import("./errors.js").StreamError} StreamError */

const RUNNING = new Set(["connecting", "waiting", "streaming", "reconnecting"]);

/**
 * Attributes: `src` (streamed with GET as soon as it is in the page) or `form` (the id of a form whose
 * submit is streamed), `method` (in place of GET or the form's own), `append` (each answer after the
 * last one, not in its place), `transport` ("eventsource", or fetch). For CSS it sets `data-state` and,
 * after a `done`, `data-stop-reason`.
 *
 * Children marked `data-stream="output|status|stop"` are used where the page has them, else made.
 *
 * @fires stream:open - the server accepted the request
 * @fires stream:event - detail: `{ type, data, id }`
 * @fires stream:done - detail: the data of the `done` event
 * @fires stream:stop
 * @fires stream:error - detail: `{ status, code, message, retryable }`
 */
export class FlaskStreamElement extends HTMLElement {
  static observedAttributes = ["src"];

  /** @type {Run | null} */
  #run = null;
  /** @type {Painter | null} */
  #painter = null;
  /**
   * The `src` that has been run: to move the element does not run it again.
   *
   * @type {string | null}
   */
  #ran = null;
  #connection = new AbortController();

  constructor() {
    super();
    this.addEventListener("click", (event) => {
      // The second click of a double click on Send, where Stop has come under the pointer.
      if (event.detail > 1) return;
      if (event.target instanceof Element && event.target.closest('[data-stream="stop"]')) this.stop();
    });
  }

  connectedCallback() {
    const whileConnected = { signal: this.#connection.signal };
    this.getRootNode().addEventListener("submit", (event) => this.#onSubmit(event), whileConnected);
    // While the page is being parsed, the children that it supplies are still to come.
    if (document.readyState !== "loading") this.#begin();
    else document.addEventListener("DOMContentLoaded", () => this.#begin(), whileConnected);
  }

  disconnectedCallback() {
    this.#connection.abort();
    this.#connection = new AbortController();
    // An element that is only moved is back in the page by then.
    queueMicrotask(() => this.isConnected || this.stop());
  }

  attributeChangedCallback() {
    if (this.isConnected && document.readyState !== "loading") this.#runSrc();
  }

  /**
   * Streams the answer of a URL into the output; a run that is still going on is stopped.
   *
   * @param {string | URL} url
   * @param {StreamOptions} [options]
   */
  start(url, options) {
    this.stop();
    delete this.dataset.stopReason;
    const run = stream(url, {
      transport: this.getAttribute("transport") ?? undefined,
      ...options,
      onState: (state) => {
        if (state === "waiting") this.#emit("stream:open");
        if (RUNNING.has(state)) this.#show(state);
        options?.onState?.(state);
      },
    });
    this.#painter?.flush();
    const { output } = this.#parts();
    if (!this.hasAttribute("append")) output.replaceChildren();
    this.#run = run;
    this.#painter = new Painter(output);
    this.#show(run.state);
    this.#follow(run, this.#painter);
    return run;
  }

  stop() {
    this.#run?.stop();
  }

  #begin() {
    if (!this.#run) this.#show("idle");
    this.#runSrc();
  }

  #runSrc() {
    const src = this.getAttribute("src");
    if (!src || src === this.#ran) return;
    this.#ran = src;
    this.#tryToStart(src, { method: this.getAttribute("method") ?? "GET" });
  }

  /** @param {Event} event */
  #onSubmit(event) {
    const form = event.target;
    if (event.defaultPrevented || !(form instanceof HTMLFormElement)) return;
    const id = this.getAttribute("form");
    if (!id || form.getAttribute("id") !== id) return;
    const { submitter } = /** @type {SubmitEvent} */ (event);
    if (closesDialog(form, submitter)) return;
    if (this.#run && RUNNING.has(this.#run.state)) return event.preventDefault();
    // A form that cannot be read is left to the browser.
    const { url, options } = submission(form, submitter, this.getAttribute("method"));
    event.preventDefault();
    this.#tryToStart(url, options);
  }

  /**
   * A mistake in the page's attributes is shown: there is no caller to throw it to.
   *
   * @param {string | URL} url
   * @param {StreamOptions} options
   */
  #tryToStart(url, options) {
    try {
      this.start(url, options);
    } catch (error) {
      this.#run = null; // its ending is not to be shown in place of this one
      this.#fail(badResponse(/** @type {Error} */ (error).message));
    }
  }

  /**
   * @param {Run} run
   * @param {Painter} painter
   */
  async #follow(run, painter) {
    let last = null;
    let error = null;
    try {
      for await (const event of run) {
        last = event.data;
        if (event.type === "text" || event.type === "refusal") painter.write(last?.text ?? "");
        this.#emit("stream:event", event);
      }
    } catch (thrown) {
      error = /** @type {StreamError} */ (thrown);
    }
    if (run !== this.#run) return; // another start took its place
    painter.flush();
    if (error) {
      this.#fail(error);
    } else if (run.state === "done") {
      const reason = last?.stop_reason;
      if (reason) this.dataset.stopReason = reason;
      this.#show("done", reason === "length" ? "The answer reached its length limit" : "Complete");
      this.#emit("stream:done", last);
    } else {
      this.#show("stopped", "Stopped");
      this.#emit("stream:stop");
    }
  }

  /** @param {StreamError} error */
  #fail({ status, code, message, retryable }) {
    this.#show("failed", message);
    this.#emit("stream:error", { status, code, message, retryable });
  }

  /**
   * @param {State} state
   * @param {string} [words] for the status; while running, one text for all states: a screen reader reads each change
   */
  #show(state, words = "") {
    const running = RUNNING.has(state);
    const { output, status, stop } = this.#parts();
    this.dataset.state = state;
    output.setAttribute("aria-busy", String(running));
    // Hidden, it would lose the focus to the page's beginning.
    if (!running && stop.matches(":focus")) {
      if (!output.hasAttribute("tabindex")) output.tabIndex = -1;
      output.focus({ preventScroll: true });
    }
    stop.hidden = !running;
    if (running) words = "Generating…";
    if (status.textContent !== words) status.textContent = words;
  }

  #parts() {
    const output = this.#part("output", "div");
    const status = this.#part("status", "p");
    const stop = this.#part("stop", "button");
    if (!status.hasAttribute("role")) status.setAttribute("role", "status");
    stop.setAttribute("type", "button");
    if (!stop.hasChildNodes()) stop.textContent = "Stop";
    return { output, status, stop };
  }

  /**
   * @param {string} name
   * @param {string} tag
   * @returns {HTMLElement}
   */
  #part(name, tag) {
    const supplied = /** @type {HTMLElement | null} */ (this.querySelector(`[data-stream="${name}"]`));
    if (supplied) return supplied;
    const part = document.createElement(tag);
    part.dataset.stream = name;
    this.append(part);
    return part;
  }

  /**
   * @param {string} type
   * @param {unknown} [detail]
   */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { bubbles: true, detail }));
  }
}
