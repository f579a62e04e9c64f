/** For the markdown tests: answers drawn in pieces, and what they have to come to. */

import { markdown } from "/static/flask-stream-markdown.js";

export { markdown };
export { random } from "/test/counted.js";

/**
 * Draws an answer that arrives in these pieces; `each` looks at the page after each of them.
 *
 * Time stands still meanwhile: on a busy machine what is long would be drawn in several turns.
 */
export function draw(pieces, { options, each } = {}) {
  const part = document.createElement("div");
  document.body.append(part);
  performance.now = () => 0;
  try {
    const renderer = markdown(options)(part);
    for (const piece of pieces) {
      renderer.write(piece);
      each?.(part, piece);
    }
    renderer.end();
  } finally {
    delete performance.now; // a page of several tests goes on
  }
  part.remove();
  return part;
}

/** What a reader sees of it. */
export function shown(part) {
  const copy = part.cloneNode(true);
  copy.querySelectorAll("button").forEach((button) => button.remove());
  return copy.textContent;
}

export function texts(part) {
  const walker = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) found.push(walker.currentNode);
  return found;
}

/** Gives what has changed in it since. */
export function watch(part) {
  const observer = new MutationObserver(() => {});
  observer.observe(part, { subtree: true, childList: true, characterData: true, attributes: true });
  return () => observer.takeRecords();
}

/** Whole characters: a stream is cut between them. */
export const characters = (text) => Array.from(text);

export function cut(text, next, longest = 12) {
  const pieces = [];
  const left = characters(text);
  while (left.length) pieces.push(left.splice(0, 1 + Math.floor(next() * longest)).join(""));
  return pieces;
}

const BLOCK_PARENTS = "[data-test], blockquote, ul, ol, li, table, thead, tbody, tr, div";

/** A tree as text, one line a node: attributes in order, text in one piece, without the line ends between blocks. */
const LETTER = /\p{L}/u;

export function outline(node, indent = "") {
  node.normalize();
  const lines = [];
  for (const child of node.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) {
      const text = node.matches(BLOCK_PARENTS) ? child.data.replace(/^\n+|\n+$/g, "") : child.data;
      if (text) lines.push(indent + JSON.stringify(text));
    } else {
      // Without a letter that is to be seen, a direction shows nothing: the source may have one, in an address for instance.
      if (!LETTER.test(child.textContent)) child.removeAttribute("dir");
      const attributes = Array.from(child.attributes, ({ name, value }) => ` ${name}=${JSON.stringify(value)}`).sort();
      lines.push(`${indent}${child.localName}${attributes.join("")}`, ...outline(child, indent + "  "));
    }
  }
  return lines;
}

export function drawn(part) {
  part.dataset.test = "";
  return outline(part).join("\n");
}

// What marked makes of it, and our safety rules.

const escaped = (text) => text.replace(/[&<>]/g, (c) => `&#${c.charCodeAt(0)};`);

/** Raw HTML is text. */
const renderer = {
  html: ({ text, block }) => (block ? `<p data-html="">${escaped(text.trimEnd())}</p>` : escaped(text)),
};

const isAllowed = (url, schemes) => {
  try {
    return schemes.includes(new URL(url, document.baseURI).protocol);
  } catch {
    return false;
  }
};

const element = (name, attributes = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};

const RULES = {
  /** Links lead to http, https, mailto and tel; others are their text. */
  a(link) {
    const allowed = isAllowed(link.getAttribute("href"), ["http:", "https:", "mailto:", "tel:"]);
    if (!allowed) return link.replaceWith(...link.childNodes);
    link.rel = "noopener nofollow";
    link.style.unicodeBidi = "isolate";
  },
  /** Pictures are links to them, unless in a link; or text, where no picture may come from there. */
  img(picture) {
    const href = picture.getAttribute("src");
    if (!isAllowed(href, ["http:", "https:"]) || picture.closest("a")) return picture.replaceWith(picture.alt);
    const link = element("a", { href, rel: "noopener nofollow" }, picture.alt || href);
    link.style.unicodeBidi = "isolate";
    if (picture.title) link.title = picture.title;
    picture.replaceWith(link);
  },
  /** Checkboxes have a name. */
  input(box) {
    box.setAttribute("aria-label", "Task");
  },
  /** The markers of a list, and the bar of a quotation, stand where its words begin. */
  "ul, ol, blockquote"(directed) {
    const letter = LETTER.exec(directed.textContent)?.[0];
    if (letter) directed.dir = /[\p{sc=Hebrew}\p{sc=Arabic}]/u.test(letter) ? "rtl" : "ltr";
  },
  /** Code has a header with its language and a button. */
  pre(pre) {
    const language = pre.firstChild.className.replace("language-", "");
    pre.tabIndex = 0;
    const wrapper = element("div", { "data-code": "" });
    pre.replaceWith(wrapper);
    const button = element("button", { "data-copy": "", type: "button" }, "Copy");
    wrapper.append(element("div", {}, element("span", {}, language), button), pre);
  },
  /** Tables scroll in a box, and their cells are aligned by style. */
  table(table) {
    for (const cell of table.querySelectorAll("[align]")) {
      cell.style.textAlign = cell.align;
      cell.removeAttribute("align");
    }
    const box = element("div", { "data-scroll": "", tabindex: 0, role: "group", "aria-label": "Table" });
    table.replaceWith(box);
    box.append(table);
  },
};

const GROUP = 32;

/** The first blocks stand side by side, the rest in groups: a frame costs no more in a long answer. */
function group(root) {
  const blocks = [...root.children];
  for (let i = GROUP; i < blocks.length; i += GROUP) {
    const group = element("div", { "data-group": "" });
    group.style.isolation = "isolate";
    blocks[i].before(group);
    group.append(...blocks.slice(i, i + GROUP));
  }
}

/** What a text has to come to, by a `Marked` of marked's own build. */
export function expected(Marked, text) {
  const template = document.createElement("template");
  template.innerHTML = new Marked({ gfm: true, renderer }).parse(text);
  // In a document of its own, which fetches no pictures.
  const root = template.content.ownerDocument.createElement("div");
  root.dataset.test = "";
  root.append(template.content);
  for (const [name, rule] of Object.entries(RULES)) root.querySelectorAll(name).forEach(rule);
  group(root);
  return outline(root).join("\n");
}
