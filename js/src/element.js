/** `<flask-stream>`: a stream in the page, with its words, its state, and its Stop and Retry buttons. */

import { stream } from "./connect.js";
import { showControls } from "./controls.js";
import { ending } from "./ending.js";
import { badResponse } from "./errors.js";
import { isEscape } from "./escape.js";
import { methodOf, submission } from "./form.js";
import { markdown, more } from "./load.js";
import { play } from "./play.js";
import { SUBMISSION } from "./request.js";
import { slots } from "./slots.js";
import { isResting } from "./states.js";
import { plainText } from "./text.js";
import { beginTurn } from "./turn.js";
import { say } from "./words.js";

/** @typedef {import("./connect.js").Run} Run */
/** @typedef {import("./connect.js").State} State */
/** @typedef {import("./connect.js").StreamEvent} StreamEvent */
/** @typedef {import("./connect.js").StreamOptions} StreamOptions */
/** @typedef {import("./errors.js").StreamError} StreamError */
/** @typedef {import("./text.js").MakeRenderer} MakeRenderer */
/** @typedef {import("./turn.js").Turn} Turn */

/** @typedef {StreamOptions & { renderer?: MakeRenderer }} ElementOptions `renderer` is the page's own, for the text */

/** A worker, which imports this file for `stream`, has no elements. */
const Base = globalThis.HTMLElement ?? /** @type {typeof HTMLElement} */ (/** @type {unknown} */ (Object));

/** @typedef {{ again?: boolean, asked?: boolean, resume?: string }} How `asked`: by the reader; `resume`: which run */

/**
 * Attributes: `src` (streamed with GET as soon as it is in the page) or `form` (the id of a form whose
 * submit is streamed), `method` (in place of GET or the form's own), `render` ("markdown", or text), `heading-level`
 * (1 to 6: where Markdown's headings begin), `append` (each answer after the last one, not in its place), `resume`
 * (a page that is loaded anew goes on with the run; or the URL of one, which is followed), `transport` ("eventsource",
 * or fetch), `csrf` (the token), `with-credentials`, `smooth` (bursts are spread over up to 400 ms), `autoscroll`
 * ("off": the end is not kept in view), `announce` ("answer": screen readers read the answer too, once it is whole;
 * "off": nothing).
 * For CSS alone it sets `data-state`; after a `done` also `data-stop-reason`, and `data-empty` where nothing came.
 *
 * Children marked `data-stream="output|status|stop|retry"` are used where the page has them, else made;
 * so is `reasoning`, else it is in the output.
 *
 * @fires stream:start - detail: `{ request, body, submission, attempt }`; before the request leaves
 * @fires stream:open - the server accepted the request
 * @fires stream:event - detail: `{ type, data, id }`; cancelable: what the page shows itself
 * @fires stream:done - detail: the data of the `done` event
 * @fires stream:stop
 * @fires stream:retry - detail: `{ attempt }`
 * @fires stream:error - detail: `{ status, code, message, retryable, attempt }`
 */
export class FlaskStreamElement extends Base {
  static observedAttributes = ["src"];

  /**
   * For every run. A page may have set it before this file was loaded.
   *
   * @type {ElementOptions}
   */
  options = /** @type {any} */ (this).options ?? {};

  /** The run's, to the reader: of one that is done, words may still be shown. @type {State} */
  #state = "idle";
  /** @type {Run | null} */
  #run = null;
  /** @type {Turn | null} */
  #turn = null;
  /** Of the attempts before this one. @type {Turn[]} */
  #earlier = [];
  /** The `src` that has been run: to move the element does not run it again. @type {string | null} */
  #ran = null;
  /** @type {[url: string | URL, options: StreamOptions] | null} */
  #request = null;
  #attempt = 0;
  #submission = ""; // the question's, of all its attempts
  /** Of Retry. @type {import("./lock.js").Lock | undefined} */
  #lock;
  /** Whether the reader has sent a question whose answer has not begun. */
  #isAsked = false;
  #hasBegun = false;
  #connection = new AbortController();

  connectedCallback() {
    const whileConnected = { signal: this.#connection.signal };
    const root = this.getRootNode();
    this.addEventListener("click", (event) => this.#onClick(event), whileConnected);
    // Before the page's own listeners, which may begin the answer themselves.
    root.addEventListener("submit", (event) => this.#onAsking(event), { ...whileConnected, capture: true });
    root.addEventListener("submit", (event) => this.#onSubmit(/** @type {SubmitEvent} */ (event)), whileConnected);
    root.addEventListener("keydown", (event) => this.#onKey(/** @type {KeyboardEvent} */ (event)), whileConnected);
    // While the page is being parsed, the children that it supplies are still to come.
    if (document.readyState !== "loading") this.#begin();
    else document.addEventListener("DOMContentLoaded", () => this.#begin(), whileConnected);
  }

  disconnectedCallback() {
    this.#connection.abort();
    this.#connection = new AbortController();
    // An element that is only moved is back in the page by then.
    queueMicrotask(() => {
      if (this.isConnected) return;
      this.#run?.leave(); // who goes away does not stop what the server keeps
      this.stop();
    });
  }

  attributeChangedCallback() {
    if (this.#hasBegun) this.#runSrc();
  }

  /**
   * Streams the answer of a URL into the output; a run that is still going on is stopped.
   *
   * @param {string | URL} url
   * @param {ElementOptions} [options]
   */
  start(url, options = {}) {
    return this.#start([url, options], { asked: this.#isAsked });
  }

  stop() {
    this.#run?.stop();
    // At once: a file that the answer needs may still be on its way, and much of what has come be still to be drawn.
    if (this.#run?.state === "stopped") this.#show("stopped", say("Stopped"));
    else if (this.#isRunning) slots(this).stop.setAttribute("aria-disabled", "true"); // its end has yet to come
    this.#turn?.hurry();
  }

  /** Goes on with what the server has of it, or sends the last request again, in place of the answer that failed. */
  retry() {
    this.#retry(false);
  }

  /** @param {boolean} asked whether the reader has */
  #retry(asked) {
    if (!this.#request || this.#isRunning) return;
    this.#emit("stream:retry", { attempt: this.#attempt + 1 });
    // The page may have started another one.
    if (!this.#isRunning) this.#tryToStart(this.#request, { again: true, asked, resume: this.#run?.url });
  }

  #makeRenderer() {
    return this.getAttribute("render") === "markdown" ? markdown(this.getAttribute("heading-level")) : plainText;
  }

  get #isRunning() {
    return !isResting(this.#state);
  }

  /**
   * @param {[url: string | URL, options: ElementOptions]} request
   * @param {How} [how]
   */
  #start(request, { again = false, asked = false, resume } = {}) {
    this.#run?.stop();
    this.#run?.leave(); // another takes its place now
    this.#isAsked = false;
    this.#ran = this.getAttribute("src");
    delete this.dataset.stopReason;
    delete this.dataset.empty;
    const [url, given] = request;
    const { renderer, ...options } = { ...this.options, ...given };
    const attempt = again ? this.#attempt + 1 : (options.attempt ?? 1);
    let isOpen = false;
    const run = stream(url, {
      transport: this.getAttribute("transport"),
      csrf: this.getAttribute("csrf"),
      credentials: this.hasAttribute("with-credentials") ? "include" : undefined,
      resume: this.hasAttribute("resume"),
      element: this,
      ...options,
      ...(resume && { resume }),
      ...(again && { attempt, submission: this.#submission }),
      onRequest: (request) => {
        this.#submission = request.headers.get(SUBMISSION) ?? "";
        this.#emit("stream:start", { request, body: options.body, submission: this.#submission, attempt });
      },
      onState: (state) => {
        if (!isResting(state)) this.#show(state, state === "reconnecting" ? say("Reconnecting…") : undefined);
        if (state === "waiting" && !isOpen) {
          isOpen = true;
          for (const turn of this.#earlier.splice(0)) turn.remove();
          this.#emit("stream:open");
        }
        options.onState?.(state);
      },
    });
    this.#turn?.flush();
    const { output } = slots(this);
    // What came before a failure stays in the page until there is something to take its place.
    if (!again) this.#earlier = [];
    else if (this.#turn) this.#earlier.push(this.#turn);
    // In a saved page there is an earlier answer. React 19 and Vue set a property, and so hide the method `append`.
    // @ts-expect-error for types it is a function
    if (!again && !this.hasAttribute("append") && this.append !== "" && this.append !== true) {
      this.#turn?.remove();
      output.replaceChildren();
      for (const part of this.querySelectorAll("[data-stream] [data-part]")) part.remove();
    }
    this.#run = run;
    this.#request = request;
    this.#attempt = attempt;
    this.#turn = beginTurn(output, {
      smooth: this.hasAttribute("smooth"),
      resume: resume || options.resume,
      follow: this.getAttribute("autoscroll") !== "off",
      asked,
      renderer: renderer ?? this.#makeRenderer(),
      reasoning: this.querySelector('[data-stream="reasoning"]'),
    });
    // What is shown now, Stop for one, makes the page longer.
    this.#turn.around(() => this.#show(run.state));
    this.#playToEnd(run, this.#turn);
    return run;
  }

  async #begin() {
    // Loads Markdown's file, if it is that: a server that does one thing at a time would send it behind the answer.
    this.#makeRenderer();
    if (!this.#hasBegun && !this.#run) this.#showSaved();
    this.#hasBegun = true;
    const module = this.hasAttribute("resume") && (await more());
    if (!module || this.#isRunning || !module.recall(this)) this.#runSrc();
  }

  /** One that has a state in its markup, in a saved page for instance, has had its run. */
  #showSaved() {
    const { state = "idle" } = this.dataset;
    if (state !== "idle") this.#ran = this.getAttribute("src");
    if (isResting(state)) this.#show(/** @type {State} */ (state), slots(this).status.textContent);
    else this.#show("stopped", say("Stopped"));
  }

  #runSrc() {
    const src = this.getAttribute("src");
    if (!src || src === this.#ran || !this.isConnected) return;
    this.#tryToStart([src, { method: this.getAttribute("method") ?? "GET" }]);
  }

  /** @param {MouseEvent} event */
  #onClick({ detail, target }) {
    // The second click of a double click on Send, where Stop has come under the pointer.
    if (detail > 1) return;
    const name = /** @type {Element} */ (target).closest("[data-stream]")?.getAttribute("data-stream");
    if (name === "stop") this.stop();
    if (name === "retry" && this.#lock?.isOpen) this.#retry(true);
  }

  /** @param {Event} event */
  #onAsking({ target }) {
    const id = this.getAttribute("form");
    if (!id || /** @type {Element} */ (target).getAttribute("id") === id) this.#isAsked = true;
  }

  /** @param {Event} event */
  #onSubmit(event) {
    const form = event.target;
    const id = this.getAttribute("form");
    if (event.defaultPrevented || !id || !(form instanceof HTMLFormElement) || form.getAttribute("id") !== id) return;
    const { submitter } = /** @type {SubmitEvent} */ (event);
    if (methodOf(form, submitter) === "dialog") return; // it sends nothing, and closes the dialog around it
    // Before the form is read: `formdata` is where a page takes what it sends for sent.
    if (this.#isRunning) return event.preventDefault();
    // A form that cannot be read is left to the browser.
    const sent = submission(form, submitter, this.getAttribute("method"));
    event.preventDefault();
    this.#tryToStart(sent, { asked: true });
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (!this.#isRunning || !isEscape(event, this)) return;
    event.preventDefault(); // it does one thing: a dialog stays open, a search field keeps its words
    this.stop();
  }

  /**
   * A mistake of the page's is shown: there is no caller to throw it to.
   *
   * @param {[url: string | URL, options: StreamOptions]} request
   * @param {How} [how]
   */
  #tryToStart(request, how) {
    try {
      this.#start(request, how);
    } catch (error) {
      this.#run = null; // its ending is not to be shown in place of this one
      this.#fail(badResponse(/** @type {Error} */ (error).message));
    }
  }

  /**
   * @param {Run} run
   * @param {Turn} turn
   */
  async #playToEnd(run, turn) {
    // Of an answer that had to wait for a file, another run may have taken the place.
    const isShown = (/** @type {StreamEvent} */ event) => run !== this.#run || this.#emit("stream:event", event);
    const { last, error, isEmpty } = await play(run, turn, isShown);
    if (run !== this.#run) return; // another start took its place
    if (error) {
      this.#fail(error);
    } else if (run.state === "done") {
      const reason = last?.stop_reason;
      if (typeof reason === "string") this.dataset.stopReason = reason;
      if (isEmpty) this.dataset.empty = "";
      turn.around(() => this.#show("done", ending(reason, isEmpty)));
      this.#emit("stream:done", last);
    } else {
      this.#show("stopped", say("Stopped"));
      this.#emit("stream:stop");
    }
  }

  /** @param {StreamError} error */
  #fail({ status, code, message, retryable, retryAfter }) {
    if (!code) {
      // A run that the page had when it was left, long ago.
      this.#turn?.remove();
      return this.#show("idle", null);
    }
    this.#show("failed", message, retryable ? retryAfter : undefined);
    this.#emit("stream:error", { status, code, message, retryable, attempt: this.#attempt });
  }

  /**
   * @param {State} state
   * @param {string | null} [words] for the status
   * @param {number} [wait] seconds before Retry may be used, where it is offered
   */
  #show(state, words, wait) {
    this.#state = state;
    this.dataset.state = state;
    this.#lock?.open();
    this.#lock = showControls(this, this.#isRunning, words, wait);
  }

  /**
   * @param {string} type
   * @param {unknown} [detail]
   * @returns {boolean} false where the page has prevented what the element does of itself
   */
  #emit(type, detail) {
    return this.dispatchEvent(new CustomEvent(type, { bubbles: true, cancelable: type === "stream:event", detail }));
  }
}
