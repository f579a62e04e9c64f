/** `<flask-chat>`: a conversation, made of a form and of `<flask-stream>`. */

import { actions } from "./actions.js";
import { composer } from "./composer.js";
import { conversation } from "./conversation.js";
import { more } from "./load.js";
import { build } from "./markup.js";
import { drawSaved } from "./turns.js";
import { view } from "./view.js";

/**
 * Attributes: `action` (where questions go, if the page has no form in it), `actions` (which of "copy", "copy-markdown",
 * "regenerate", "edit", "rate" there are), `feedback` (a URL that ratings are posted to), and those of `<flask-stream>`
 * where that is made: `resume`, `smooth`, `csrf`, `announce`, `with-credentials`, `heading-level`.
 *
 * @fires stream:rate - detail: `{ submission, value }`: "up", "down", or "" where it was taken back
 */
export class FlaskChatElement extends HTMLElement {
  /** @type {import("./markup.js").Parts | null} */
  #parts = null;
  /** @type {ReturnType<typeof conversation> | null} */
  #conversation = null;
  #connection = new AbortController();

  connectedCallback() {
    const { signal } = this.#connection;
    // While the page is being parsed, the children that it supplies are still to come.
    if (document.readyState !== "loading") this.#begin(signal);
    else document.addEventListener("DOMContentLoaded", () => this.#begin(signal), { signal });
  }

  disconnectedCallback() {
    this.#connection.abort();
    this.#connection = new AbortController();
  }

  /**
   * Asks, as the reader would.
   *
   * @param {string} question
   * @returns {boolean} false where it cannot be asked now: then it is in the field, where that was empty
   */
  ask(question) {
    return !!this.#conversation?.ask(question);
  }

  /** @param {AbortSignal} signal */
  #begin(signal) {
    const isNew = !this.#parts;
    this.#parts ??= build(this);
    const place = view(this.#parts, signal);
    if (isNew) this.#converse(this.#parts, place);
  }

  /**
   * @param {import("./markup.js").Parts} parts
   * @param {ReturnType<typeof view>} place
   */
  #converse(parts, { around, begin }) {
    const { output, stream } = parts;
    /** @type {import("./files.js").Attachments | undefined} */
    let files;
    const typing = composer(parts, () => talk.isRunning(), () => files);
    const talk = conversation(parts, typing, {
      onTurn: (turn, about) => buttons.add(turn, about),
      around,
      onRefused: (question, words) => buttons.edit(question, words),
    });
    const buttons = actions(parts, talk, typing.tell);
    /** @type {HTMLInputElement | null} */
    const input = parts.form.querySelector("input[type=file]");
    if (input) more().then((module) => (files = module?.attachments(parts, input, typing.tell)));
    stream.addEventListener("stream:event", (/** @type {CustomEvent} */ event) => {
      const { type, data } = event.detail;
      if (type !== "title" && type !== "suggestions") return;
      more().then((module) => event.defaultPrevented || around(() => module?.told(parts, type, data)));
    });
    this.#conversation = talk;
    this.toggleAttribute("data-empty", !output.childElementCount);
    const renderer = async () => {
      const module = await import("../markdown.js").catch(reportError); // meanwhile a page may say which is its own
      return stream.options?.renderer ?? module?.markdown({ headingLevel: Number(stream.getAttribute("heading-level")) });
    };
    drawSaved(output, renderer, (turn) => buttons.add(/** @type {HTMLElement} */ (turn))).then(begin, reportError);
  }
}
