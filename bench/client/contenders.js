/**
 * The ways to show a stream, each in the same box and from the same wire. Ours read it themselves; the others
 * get the words from a loop around fetch and our `parse`, so that it is only in showing that they differ.
 */

import { parse } from "/flask-stream.js";
import "/flask-stream-markdown.js"; // loaded now, as the others are: not while it is measured
import DOMPurify from "/npm/dompurify.js";
import { marked } from "/npm/marked.js";
import * as smd from "/npm/streaming-markdown.js";

/**
 * @typedef {object} Running
 * @property {Promise<unknown>} over
 * @property {() => number} length of what has arrived
 */
/** @typedef {(url: string) => Running} Contender */

const box = /** @type {HTMLElement} */ (document.getElementById("box"));

/** @type {Record<string, Contender>} */
const CONTENDERS = {
  "ours: text": ours("text"),
  "ours: markdown": ours("markdown"),

  "one text node, once a frame": plain(() => {
    const node = document.createTextNode("");
    box.append(node);
    return onceAFrame((text) => node.appendData(text));
  }),

  "a new block per blank line, once a frame": plain(() => {
    let node = newBlock();
    return onceAFrame((text) => {
      const [first, ...more] = text.split("\n\n");
      node.appendData(first);
      for (const block of more) {
        node = newBlock();
        node.appendData(block);
      }
    });
  }),

  "textContent += per delta": plain(() => {
    const follow = onceAFrame(() => {});
    return (text) => {
      box.textContent += text;
      follow("");
    };
  }),

  "streaming-markdown": reading(() => {
    const parser = smd.parser(smd.default_renderer(box));
    const follow = onceAFrame(() => {});
    const write = (/** @type {string} */ text) => {
      smd.parser_write(parser, text);
      follow("");
    };
    return Object.assign(write, { end: () => smd.parser_end(parser) });
  }),

  "marked per frame": reading(() => {
    let whole = "";
    return onceAFrame((text) => {
      whole += text;
      box.innerHTML = /** @type {string} */ (marked.parse(whole));
    });
  }),

  "marked + DOMPurify per frame": reading(() => {
    let whole = "";
    return onceAFrame((text) => {
      whole += text;
      box.innerHTML = DOMPurify.sanitize(/** @type {string} */ (marked.parse(whole)));
    });
  }),
};

/**
 * @param {string} render
 * @returns {Contender}
 */
function ours(render) {
  return (url) => {
    const element = /** @type {import("../../js/src/index.js").FlaskStreamElement} */ (
      document.createElement("flask-stream")
    );
    element.setAttribute("render", render);
    box.dataset.stream = "output";
    const main = /** @type {HTMLElement} */ (box.parentElement);
    element.append(box);
    main.append(element);
    const run = element.start(url);
    return { over: run.done, length: () => run.text.length };
  };
}

/**
 * What ours does in reading: fetch, `parse`, JSON. But no state, no events to the page, no check of the length.
 *
 * @param {() => ((text: string) => void) & { end?: () => void }} show
 * @returns {Contender}
 */
function reading(show) {
  return (url) => {
    let length = 0;
    const write = show();
    const read = async () => {
      const { body } = await fetch(url);
      for await (const { type, data } of parse(/** @type {any} */ (body))) {
        if (type !== "text") continue;
        const { text } = JSON.parse(data);
        length += text.length;
        write(text);
      }
      write.end?.();
    };
    return { over: read(), length: () => length };
  };
}

/** @type {typeof reading} */
function plain(show) {
  return (url) => {
    box.classList.add("plain");
    return reading(show)(url);
  };
}

function newBlock() {
  const node = document.createTextNode("");
  const block = document.createElement("p");
  block.append(node);
  box.append(block);
  return node;
}

/**
 * What has come since the last frame is shown at once; then the end of the box is scrolled to, wherever its
 * reader is: less than ours does, which leaves a reader who has scrolled up where he is.
 *
 * @param {(text: string) => void} show
 */
function onceAFrame(show) {
  let pending = "";
  let frame = 0;
  return (/** @type {string} */ text) => {
    pending += text;
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      show(pending);
      pending = "";
      box.scrollTop = box.scrollHeight;
    });
  };
}

let frames = 0;
/** @type {number[]} */
const longTasks = [];
/** @type {Running} */
let running;

const nextFrame = () => new Promise((done) => requestAnimationFrame(done));

async function countFrames() {
  for (;;) {
    await nextFrame();
    frames++;
  }
}

/** What measure.py calls. */
globalThis.bench = {
  names: Object.keys(CONTENDERS),

  /**
   * @param {string} name
   * @param {string} url
   */
  begin(name, url) {
    const observer = new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) longTasks.push(duration);
    });
    observer.observe({ type: "longtask" });
    countFrames();
    running = CONTENDERS[name](url);
  },

  length: () => running.length(),
  frames: () => frames,
  longTasks: () => longTasks,
  toTheEnd: () => box.scrollHeight - box.clientHeight - box.scrollTop,

  /** The words in the box, once all is painted. */
  async shown() {
    await running.over;
    await nextFrame();
    await nextFrame();
    return box.textContent;
  },
};
