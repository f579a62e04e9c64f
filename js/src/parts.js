/** What an answer has beside its text: reasoning, tools, sources. */

import { plainText } from "./text.js";

/** @typedef {import("./turn.js").TurnToPaint} TurnToPaint */

export class Parts {
  #turn;
  #slot;
  /** @type {HTMLElement[]} */
  #inSlot = [];
  /** @type {Map<string, { line: HTMLElement, name: string }>} */
  #tools = new Map();
  /** @type {Map<string, HTMLElement>} */
  #sources = new Map();

  /**
   * @param {TurnToPaint} turn
   * @param {Element | null} slot the page's place for the reasoning
   */
  constructor(turn, slot) {
    this.#turn = turn;
    this.#slot = slot;
  }

  /**
   * @param {string} type
   * @param {any} data
   */
  show(type, data) {
    if (!data) return;
    if (type === "reasoning") this.#think(data.text);
    else if (type === "source") this.#cite(data);
    else this.#tool(type, data);
  }

  /** @param {string} state how the run ended */
  finish(state) {
    for (const { line, name } of this.#tools.values()) {
      // A call that has no result by then is one for the page, or for the next request.
      if (line.dataset.state === "running") tell(line, name, state === "done" ? "done" : "stopped");
    }
    if (!this.#sources.size) return;
    const list = this.#turn.part("ul", "sources");
    this.#turn.around(() => list.append(...this.#sources.values()));
  }

  remove() {
    this.#slot = null;
    for (const part of this.#inSlot) part.remove();
  }

  /** @param {string} [text] */
  #think(text) {
    const words = this.#turn.opening("reasoning", text ?? "");
    if (!words) return;
    this.#turn.begin("reasoning", () => {
      if (this.#slot) {
        const part = this.#turn.part("div", "reasoning", this.#slot);
        this.#inSlot.push(part);
        return plainText(part);
      }
      const details = this.#turn.part("details", "reasoning");
      const summary = document.createElement("summary");
      summary.textContent = "Reasoning";
      const content = document.createElement("div");
      details.append(summary, content);
      return plainText(content);
    });
    this.#turn.write(words);
  }

  /**
   * @param {string} type
   * @param {any} data
   */
  #tool(type, { id, name, is_error: failed }) {
    let tool = this.#tools.get(id);
    if (!tool) {
      this.#turn.begin("tool");
      tool = { line: this.#turn.part("p", "tool"), name: name ?? "a tool" };
      this.#tools.set(id, tool);
    }
    const ended = failed ? "failed" : "done";
    const { line, name: known } = tool;
    this.#turn.around(() => tell(line, known, type === "tool_result" ? ended : "running"));
  }

  /** @param {any} data */
  #cite({ url, title, document: name }) {
    const words = title || name || url;
    const key = url || words;
    if (!key || this.#sources.has(key)) return;
    const item = document.createElement("li");
    item.append(isWeb(url) ? link(url, words) : isolated(words));
    this.#sources.set(key, item);
  }
}

/** What stands around a tool's name. @type {Record<string, [string, string]>} */
const WORDS = {
  running: ["Using ", "…"],
  done: ["Used ", ""],
  failed: ["", " failed"],
  stopped: ["", " was stopped"],
};

/**
 * @param {HTMLElement} line
 * @param {string} name
 * @param {string} state
 */
function tell(line, name, state) {
  if (line.dataset.state === state) return;
  line.dataset.state = state;
  const [before, after] = WORDS[state];
  line.replaceChildren(before, isolated(name), after);
}

/**
 * A word that we did not choose: what turns the direction of its letters ends with it.
 *
 * @param {string} word
 */
function isolated(word) {
  const element = document.createElement("bdi");
  element.textContent = word;
  return element;
}

/**
 * A provider's or a web page's word is not trusted: it might be `javascript:`.
 *
 * @param {string} [url]
 */
function isWeb(url) {
  try {
    return /^https?:$/.test(new URL(url ?? "").protocol);
  } catch {
    return false;
  }
}

/**
 * @param {string} url
 * @param {string} words
 */
function link(url, words) {
  const anchor = document.createElement("a");
  anchor.href = url;
  anchor.rel = "noopener nofollow";
  anchor.append(isolated(words));
  return anchor;
}
