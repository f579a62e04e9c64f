/** What a chat is made of: what the page has of it is used, the rest is made. */

import { say } from "../index.js";

/** What of a chat's attributes is its `<flask-stream>`'s. */
const OF_STREAM = ["resume", "smooth", "csrf", "announce", "with-credentials", "heading-level"];

let count = 0;

/** @typedef {ReturnType<typeof build>} Parts */

/**
 * @param {string} tag
 * @param {Record<string, string>} [attributes]
 * @param {...(Node | string)} children
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/**
 * A button that may be shown as no more than a picture: its words are there for who hears them, and in its tip.
 *
 * @param {string} name
 * @param {string} words in English
 */
export function button(name, words) {
  return label(make("button", { type: "button", "data-chat": name }), words);
}

/**
 * @param {Element} button
 * @param {string} words
 */
export function label(button, words) {
  const text = say(words);
  button.replaceChildren(make("span", {}, text));
  button.setAttribute("title", text);
  return /** @type {HTMLButtonElement} */ (button);
}

/**
 * What the page itself calls it stays. Its server may have written our English words: those are said in its language.
 *
 * @param {HTMLElement} button
 * @param {string} words
 */
const relabel = (button, words) =>
  button.title || button.childElementCount || label(button, /** @type {string} */ (button.textContent).trim() || words);

/** @param {HTMLElement} chat */
export function build(chat) {
  /** @type {(selector: string, parent?: Element) => any} */
  const find = (selector, parent = chat) => parent.querySelector(selector);
  /**
   * @param {Element} parent
   * @param {string} name
   * @param {() => Element} create
   * @param {Node | null} [before]
   * @returns {any}
   */
  const ensure = (parent, name, create, before = null) =>
    find(`[data-chat="${name}"]`) ?? parent.insertBefore(create(), before?.parentNode === parent ? before : null);

  const stream = find("flask-stream") ?? make("flask-stream", { render: "markdown", append: "", "heading-level": "3" });
  for (const name of OF_STREAM) {
    const value = stream.isConnected ? null : chat.getAttribute(name);
    if (value !== null) stream.setAttribute(name, value);
  }
  const output = find("[data-stream=output]") ?? stream.insertBefore(make("div", { "data-stream": "output" }), null);
  /** @type {HTMLFormElement} */
  const form = find("form:not([data-chat=editor])") ?? make("form", { method: "post" });
  // By its attributes: a field may be named as a property.
  if (!form.hasAttribute("data-chat")) form.setAttribute("data-chat", "composer");
  if (!form.hasAttribute("action")) form.setAttribute("action", chat.getAttribute("action") ?? "");
  // By which what goes on is found again: where the chat has an id, it has to be that one's. And no other chat's.
  let id = form.getAttribute("id") || `flask-chat-of-${chat.id || ++count}`;
  while ((document.querySelector(`form[id="${CSS.escape(id)}"]`) ?? form) !== form) id += "-2";
  form.setAttribute("id", id);
  /** @type {HTMLTextAreaElement} */
  const field = find("textarea:not([data-chat=editor] *)") ?? make("textarea", { required: "" });
  for (const [name, value] of [
    ["name", "question"],
    ["rows", "1"],
    ["dir", "auto"],
    ["enterkeyhint", "send"],
  ]) {
    if (!field.hasAttribute(name)) field.setAttribute(name, value);
  }
  for (const [name, words] of [
    ["aria-label", "Your question"],
    ["placeholder", "Ask something"],
  ]) {
    field.setAttribute(name, say(field.getAttribute(name) ?? words));
  }
  const row = ensure(form, "field", () => make("div", { "data-chat": "field" }));
  if (!field.isConnected) row.append(field);
  const stop = find("[data-stream=stop]") ?? make("button", { type: "button", "data-stream": "stop", hidden: "" });
  const send = ensure(row, "send", () => make("button", { "data-chat": "send" }));
  relabel(send, "Send");
  // The element of its own would have put it at its end.
  if (!form.contains(stop)) row.append(stop);
  relabel(stop, "Stop");
  const suggestions = ensure(form, "suggestions", () => make("div", { "data-chat": "suggestions" }), form.firstChild);
  const hint = ensure(form, "hint", () => make("p", { "data-chat": "hint", role: "status" }), row);
  const status = find("[data-stream=status]") ?? make("p", { "data-stream": "status", role: "status" });
  const retry = find("[data-stream=retry]") ?? make("button", { type: "button", "data-stream": "retry", hidden: "" });
  relabel(retry, "Retry");
  const end = ensure(form, "end", () => button("end", "To the end"), form.firstChild);
  end.hidden = true;
  if (!chat.contains(form)) stream.appendChild(form);
  // In the form they stay in view with it. Where the page has put them elsewhere, they are there.
  if (stream.contains(form) && (!status.parentNode || status.parentNode === stream)) form.prepend(status, retry);
  else if (!status.parentNode) output.after(status, retry);
  stream.setAttribute("form", id);
  if (!stream.isConnected) chat.append(stream);
  return { chat, stream, output, form, field, send, suggestions, hint, end };
}
