/** What an answer has beside its text: reasoning, tools, sources. */

import { plainText } from "./text.js";
import { say } from "./words.js";

/** @typedef {import("./turn.js").TurnToPaint} TurnToPaint */
/** @typedef {{ name: string, state: string, line?: HTMLElement }} Tool */

/** With more tools than this, none moves while it runs: a browser looks at each at each frame. */
const MANY = 100;

/**
 * @param {TurnToPaint} turn
 * @param {Element | null} slot the page's place for the reasoning
 */
export function partsOf(turn, slot) {
  /** @type {HTMLElement[]} */
  const inSlot = [];
  /** @type {Map<string, Tool>} */
  const tools = new Map();
  /** Addresses and words. @type {Map<string, [string | undefined, string]>} */
  const sources = new Map();

  /** @param {string} [text] */
  function think(text) {
    const words = turn.opening("reasoning", text ?? "");
    if (!words) return;
    turn.begin("reasoning", () => {
      if (slot) {
        const part = turn.part("div", "reasoning", slot);
        inSlot.push(part);
        return plainText(part);
      }
      const details = turn.part("details", "reasoning");
      const summary = document.createElement("summary");
      summary.textContent = say("Reasoning");
      const content = document.createElement("div");
      details.append(summary, content);
      return plainText(content);
    });
    turn.write(words);
  }

  /**
   * @param {string} type
   * @param {any} data
   */
  function use(type, { id, name, is_error: failed }) {
    let tool = tools.get(id);
    if (!tool) {
      turn.begin("tool");
      tool = { name: name ?? say("a tool"), state: "" };
      tools.set(id, tool);
    }
    const ended = failed ? "failed" : "done";
    tell(tool, type === "tool_result" ? ended : "running");
  }

  /**
   * @param {Tool} tool
   * @param {string} state
   */
  function tell(tool, state) {
    if (tool.state === state) return;
    tool.state = state;
    turn.add(() => {
      if (tools.size > MANY) turn.element.dataset.many = "";
      tool.line ??= turn.part("p", "tool");
      showTool(tool.line, tool);
    });
  }

  /** @param {any} data */
  function cite({ url, title, document: name }) {
    const words = title || name || url;
    const key = url || words;
    if (key && !sources.has(key)) sources.set(key, [url, words]);
  }

  return {
    /**
     * @param {string} type
     * @param {any} data
     */
    show(type, data) {
      if (!data) return;
      if (type === "reasoning") think(data.text);
      else if (type === "source") cite(data);
      else use(type, data);
    },

    /** @param {string} state how the run ended */
    finish(state) {
      for (const tool of tools.values()) {
        // A call that has no result by then is one for the page, or for the next request.
        if (tool.state === "running") tell(tool, state === "done" ? "done" : "stopped");
      }
      /** @type {HTMLElement} */
      let list;
      for (const source of sources.values()) {
        turn.add(() => (list ??= turn.part("ul", "sources")).append(item(...source)));
      }
    },

    remove() {
      slot = null;
      for (const part of inSlot) part.remove();
    },
  };
}

/** @type {Record<string, string>} */
const WORDS = {
  running: "Using {}…",
  done: "Used {}",
  failed: "{} failed",
  stopped: "{} was stopped",
};

/**
 * As the tool is now: it may have ended before its beginning was painted.
 *
 * @param {HTMLElement} line
 * @param {Tool} tool
 */
function showTool(line, tool) {
  line.dataset.state = tool.state;
  const words = say(WORDS[tool.state]).split("{}"); // a page's own may leave the name out
  line.replaceChildren(...words.flatMap((word, i) => (i ? [isolated(tool.name), word] : word)));
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
 * A source.
 *
 * @param {string | undefined} url
 * @param {string} words
 */
function item(url, words) {
  const item = document.createElement("li");
  item.append(isWeb(url) ? link(url, words) : isolated(words));
  return item;
}

/**
 * A provider's or a web page's word is not trusted: it might be `javascript:`.
 *
 * @param {string | undefined} url
 * @returns {url is string}
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
