/** As much of a page as the Markdown renderer needs, for tests in Node that count what it makes. */

class Item {
  parentNode = null;
  nextSibling = null;
  previousSibling = null;

  remove() {
    const { parentNode, previousSibling, nextSibling } = this;
    if (!parentNode) return;
    if (previousSibling) previousSibling.nextSibling = nextSibling;
    else parentNode.firstChild = nextSibling;
    if (nextSibling) nextSibling.previousSibling = previousSibling;
    else parentNode.lastChild = previousSibling;
    this.parentNode = this.nextSibling = this.previousSibling = null;
  }
}

class Words extends Item {
  constructor(data) {
    super();
    this.data = data;
    made.texts++;
  }

  get textContent() {
    return this.data;
  }

  replaceData(at, length, text) {
    this.data = this.data.slice(0, at) + text + this.data.slice(at + length);
  }

  appendData(text) {
    this.data += text;
  }
}

class Box extends Item {
  firstChild = null;
  lastChild = null;
  attributes = {};
  style = {};
  dataset = {};

  constructor(localName) {
    super();
    this.localName = localName;
    made.elements++;
  }

  get childNodes() {
    const nodes = [];
    for (let node = this.firstChild; node; node = node.nextSibling) nodes.push(node);
    return nodes;
  }

  get textContent() {
    return this.childNodes.map((node) => node.textContent).join("");
  }

  set textContent(text) {
    this.replaceChildren(...(text ? [new Words(text)] : []));
  }

  insertBefore(node, next) {
    node.remove();
    const previous = next ? next.previousSibling : this.lastChild;
    Object.assign(node, { parentNode: this, previousSibling: previous, nextSibling: next });
    if (previous) previous.nextSibling = node;
    else this.firstChild = node;
    if (next) next.previousSibling = node;
    else this.lastChild = node;
  }

  append(...nodes) {
    for (const node of nodes) this.insertBefore(node, null);
  }

  replaceChildren(...nodes) {
    while (this.firstChild) this.firstChild.remove();
    this.append(...nodes);
  }

  querySelector(name) {
    return all(this, name)[0] ?? null;
  }

  getAttribute(name) {
    return this.attributes[name] ?? null;
  }

  setAttribute(name, value) {
    this.attributes[name] = value;
  }

  removeAttribute(name) {
    delete this.attributes[name];
  }

  addEventListener() {}
}

/** How many nodes have been made. */
export const made = { elements: 0, texts: 0 };

Object.assign(globalThis, {
  Text: Words,
  document: {
    baseURI: "https://page.example/",
    createElement: (name) => new Box(name),
    createTextNode: (data) => new Words(data),
  },
});

/** All elements of a name, or all. */
export const all = (node, name) =>
  (node.childNodes ?? []).flatMap((child) => [
    ...(child.localName && (!name || child.localName === name) ? [child] : []),
    ...all(child, name),
  ]);

/** A tree as text, one line a node. */
export function outline(node, indent = "") {
  const lines = [];
  let text = "";
  const write = () => {
    if (text) lines.push(indent + JSON.stringify(text));
    text = "";
  };
  for (const child of node.childNodes) {
    if (child instanceof Words) {
      text += child.data;
      continue;
    }
    write();
    const { attributes, className, dataset, style } = child;
    lines.push(`${indent}${child.localName} ${JSON.stringify({ className, ...attributes, ...dataset, ...style })}`);
    lines.push(outline(child, indent + " "));
  }
  write();
  return lines.join("\n");
}

/**
 * Draws an answer that comes in these pieces, in turns that do not wait.
 *
 * @param {Function} markdown of the sources, or of the built file
 */
export async function draw(markdown, pieces, options, each) {
  const part = new Box("div");
  const renderer = markdown(options)(part);
  for (const piece of pieces) {
    renderer.write(piece);
    each?.(part);
  }
  await renderer.end();
  return part;
}

/** A text in pieces of so many characters. */
export const cut = (text, length) =>
  Array.from({ length: Math.ceil(text.length / length) }, (_, i) => text.slice(i * length, (i + 1) * length));
