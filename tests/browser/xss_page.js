/** For the XSS tests: what an answer may be made of, and traps for whatever else gets into the page. */

/** Calls of what payloads call. */
export const calls = [];
/** The payload at work. */
let current = "";
for (const name of ["pwned", "alert", "confirm", "prompt", "print", "open"]) {
  window[name] = () => void calls.push(`${name} in ${JSON.stringify(current)}`);
}

// What an answer may be made of. Whatever is not here is a fault: elements, their attributes, and the values of these.

const NOTHING = /^$/;
const SHOWN = /^/; // words of the answer, which the browser shows and does nothing else with
const DIGITS = /^\d+$/;
const is = (...words) => new RegExp(`^(?:${words.join("|")})$`);
const STYLE = /^(?:(?:white-space: normal|overflow-anchor: none|text-align: (?:left|center|right));? ?)*$/;
const leadsTo = (...schemes) => ({
  test: (url) => schemes.includes(URL.parse(url, document.baseURI)?.protocol),
});
/** Only the element itself has parts with names. */
const partOfOurs = (...names) => ({
  test: (name, { parentElement }) => names.includes(name) && parentElement?.localName === "flask-stream",
});

const ELEMENTS = {
  "flask-stream": {
    "data-state": is("connecting", "waiting", "streaming", "done", "stopped", "failed"),
    "data-stop-reason": SHOWN,
    render: is("markdown"),
  },
  div: {
    "aria-busy": is("true", "false"),
    "aria-label": is("Table"),
    "data-code": NOTHING,
    "data-follow": NOTHING,
    "data-part": is("text", "reasoning"),
    "data-plain": NOTHING,
    "data-scroll": NOTHING,
    "data-stream": partOfOurs("output", "reasoning"),
    "data-turn": NOTHING,
    role: is("group"),
    style: STYLE,
    tabindex: is("0"),
  },
  p: {
    "data-html": NOTHING,
    "data-part": is("tool"),
    "data-state": is("running", "done", "failed", "stopped"),
    "data-stream": partOfOurs("status"),
    role: is("status"),
  },
  button: {
    "data-copy": NOTHING,
    "data-stream": partOfOurs("stop", "retry"),
    "data-wait": /^\d+ s$/,
    disabled: NOTHING,
    hidden: NOTHING,
    type: is("button"),
  },
  a: {
    href: leadsTo("http:", "https:", "mailto:", "tel:"),
    rel: is("noopener nofollow"),
    style: is("unicode-bidi: isolate;"),
    title: SHOWN,
  },
  img: {
    alt: SHOWN,
    loading: is("lazy"),
    referrerpolicy: is("no-referrer"),
    src: leadsTo("http:", "https:"),
    title: SHOWN,
  },
  input: { "aria-label": SHOWN, checked: NOTHING, disabled: NOTHING, type: is("checkbox") },
  code: { class: /^(?:language-[^\s]+)?$/ },
  blockquote: { dir: is("ltr", "rtl") },
  details: { "data-part": is("reasoning"), open: NOTHING },
  ol: { dir: is("ltr", "rtl"), start: DIGITS },
  pre: { tabindex: is("0") },
  td: { style: STYLE },
  th: { style: STYLE },
  ul: { "data-part": is("sources"), dir: is("ltr", "rtl") },
};
for (const name of ["bdi", "br", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "span", "strong"]) {
  ELEMENTS[name] = {};
}
for (const name of ["summary", "table", "tbody", "thead", "tr"]) ELEMENTS[name] = {};

const NEEDED = {
  a: ["href", "rel"],
  button: ["type"],
  img: ["referrerpolicy"],
  input: ["disabled", "type"],
};

/** What is not as it should be in an element, the worst first; nothing, if all is well. */
export function faults(root, images) {
  const found = [];
  const missing = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_ALL);
  for (let node = root; node; node = walker.nextNode()) {
    if (node.nodeType === Node.TEXT_NODE) continue;
    const name = node.nodeName.toLowerCase();
    const allowed = node instanceof HTMLElement && Object.hasOwn(ELEMENTS, name) && ELEMENTS[name];
    if (!allowed || node.shadowRoot || (name === "img" && !images)) {
      found.push(`<${name}>`);
      continue;
    }
    for (const { name: attribute, value } of Array.from(node.attributes)) {
      const rule = Object.hasOwn(allowed, attribute) && allowed[attribute];
      if (!rule || !rule.test(value, node)) found.push(`<${name} ${attribute}=${JSON.stringify(value)}>`);
    }
    for (const attribute of NEEDED[name] ?? []) {
      if (!node.hasAttribute(attribute)) missing.push(`no ${attribute} in <${name}>`);
    }
  }
  return [...found, ...missing];
}

/** The rest of the page, which no answer may change. */
export function surroundings() {
  const elements = Array.from(document.querySelectorAll(":not(flask-stream *, [data-test], [data-test] *, flask-stream)"));
  return {
    address: location.origin + location.pathname,
    cookies: document.cookie,
    elements: elements.map((element) => element.cloneNode().outerHTML),
    frames: window.length,
    prototypes: [Object, Array, String].map(({ prototype }) => Reflect.ownKeys(prototype).length),
    title: document.title,
  };
}

// What a reader does with an answer.

const TOUCHES = [
  ...["pointerover", "pointerenter", "pointerdown", "pointerup", "mouseover", "mouseenter", "mousemove", "mousedown"],
  ...["mouseup", "mouseout", "focusin", "keydown", "wheel", "input", "toggle", "scroll", "dragstart", "copy", "touchstart"],
];
const task = () => new Promise((resolve) => setTimeout(resolve));

/** The links to the web that have been followed: one to each origin, since to leave a page takes long. */
const followed = new Map();

export const addressesFollowed = () => Array.from(followed.values(), (url) => url.split("#")[0]);

/** Hovers over, focuses and clicks all there is. */
export async function touch(root) {
  for (const element of root.querySelectorAll("*")) {
    for (const type of TOUCHES) element.dispatchEvent(new Event(type, { bubbles: true }));
    element.focus?.({ preventScroll: true });
    const isLink = element.matches("a, area");
    if (isLink && /^(mailto|tel):$/.test(element.protocol)) continue; // this would ask the machine for a program
    if (isLink && /^https?:$/.test(element.protocol)) {
      if (followed.has(element.origin)) element.addEventListener("click", (event) => event.preventDefault());
      else followed.set(element.origin, element.href);
    }
    element.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
    if (isLink) await task(); // before the next one takes its place
  }
}

/** Asks for what is asked for last: what was begun before has been answered by then. */
export async function settled() {
  await task();
  await new Promise((resolve) => {
    const last = new Image();
    last.onload = last.onerror = resolve;
    last.src = "/test/last";
  });
  await task();
}

// Renderers, by name.

const markdown = (options) => import("/static/flask-stream-markdown.js").then((module) => module.markdown(options));
/** Made to fail: all of the text at each write, as HTML, in a way that runs its scripts too. */
const html = (toHTML) => (part) => {
  let all = "";
  const write = (text) => {
    all += text;
    part.replaceChildren(document.createRange().createContextualFragment(toHTML(all)));
  };
  return { write, end() {} };
};

export const RENDERERS = {
  text: async () => (await import("/test/text.js")).plainText,
  markdown: () => markdown(),
  pictures: () => markdown({ images: true }),
  html: async () => html((text) => text),
  marked: async () => html(await import("/test/marked.js").then(({ marked }) => (text) => marked.parse(text))),
};

/** A text in so many pieces, whole characters each. */
function cut(text, count) {
  const left = Array.from(text);
  const size = Math.ceil(left.length / count);
  const pieces = [];
  while (left.length) pieces.push(left.splice(0, size).join(""));
  return pieces;
}

/** Writes each text with a renderer and looks at the page after each write; gives the faults, one a text. `each`: waits for what each may do. */
export async function write(texts, name, { count = Infinity, touched = true, each = false } = {}) {
  const make = await RENDERERS[name]();
  const wrong = [];
  for (const text of texts) {
    current = text;
    const part = document.createElement("div");
    part.dataset.part = "text";
    const place = document.createElement("div");
    place.dataset.test = "";
    place.append(part);
    document.body.append(place);
    let seen = "";
    let found;
    const look = () => {
      found ??= faults(part, name === "pictures").map((fault) => ({ text, seen, fault }))[0];
    };
    try {
      const renderer = make(part);
      for (const piece of cut(text, Math.min(count, text.length))) {
        seen += piece;
        renderer.write(piece);
        look();
      }
      renderer.end();
    } catch (error) {
      found ??= { text, seen, fault: String(error) };
    }
    look();
    if (touched) await touch(part);
    look();
    if (name === "text" && part.textContent !== text) found ??= { text, seen, fault: "not the text" };
    if (found) wrong.push(found);
    if (each) await settled();
    place.remove();
  }
  await settled();
  return wrong;
}

const DEADLINE = 60_000;

/** Has `<flask-stream>` read each answer of the server, and looks at it before each event and at the end. */
export async function stream(way, texts, name) {
  const element = document.querySelector("flask-stream");
  if (name === "pictures") element.options = { renderer: await RENDERERS.pictures() };
  const output = element.querySelector("[data-stream=output]");
  const wrong = [];
  let found;
  let events = 0;
  const look = () => {
    events++;
    found ??= faults(element, name === "pictures").map((fault) => ({ text: current, way, fault }))[0];
  };
  element.addEventListener("stream:event", look);
  for (const [n, text] of texts.entries()) {
    current = text;
    found = undefined;
    const over = new Promise((resolve) => {
      for (const type of ["stream:done", "stream:error"]) element.addEventListener(type, resolve, { once: true });
      setTimeout(resolve, DEADLINE, { type: "no end" });
    });
    element.start(`/answer?way=${way}&n=${n}`);
    const { type, detail } = await over;
    look();
    const status = element.querySelector("[data-stream=status]").textContent;
    if (name === "pictures") await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    await touch(output);
    look();
    for (const [what, isRight] of Object.entries(EXPECTED[way]({ type, detail, status, element, output, text, name }))) {
      if (!isRight) found ??= { text, way, fault: what, type, detail, status };
    }
    if (found) wrong.push(found);
    if (type === "no end") break;
  }
  element.removeEventListener("stream:event", look);
  await settled();
  return { events, wrong };
}

/** Of a long message the beginning is shown. */
const isOf = (message, text) =>
  text.length > 500 ? message.length === 500 && text.startsWith(message.slice(0, -1)) : message === text;

/** That the answer has come to where it was sent: else there would be nothing to be seen. */
const EXPECTED = {
  text: ({ type, element, output, text, name }) => ({
    done: type === "stream:done",
    "stop reason": element.dataset.stopReason === text,
    text: name || output.textContent === text,
  }),
  parts: ({ type, detail, status, element, text }) => ({
    failed: type === "stream:error" && detail.code === text && isOf(detail.message, text),
    status: isOf(status, text),
    reasoning: Array.from(element.querySelectorAll("[data-part=reasoning]")).some((part) => part.textContent.includes(text)),
    tool: element.querySelectorAll("[data-part=tool]").length === 3 && element.textContent.includes(`${text} failed`),
    source: element.querySelector("[data-part=sources]").textContent.includes(text),
  }),
  json: ({ type, detail, status, text }) => ({
    failed: type === "stream:error" && detail.code === text && isOf(detail.message, text),
    status: isOf(status, text),
  }),
  kind: ({ type, detail }) => ({ failed: type === "stream:error" && detail.code === "bad_response" }),
};
