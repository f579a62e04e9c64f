/** Where an element finds its run again, after its page was loaded anew. */

import { addressOf, isOver, KEY, wanting } from "./kept.js";
import { prepare } from "./request.js";

/** @typedef {import("./connect.js").Line} Line */
/** @typedef {import("./element.js").FlaskStreamElement} FlaskStreamElement */

/** Of an element whose server's pages say which run goes on: this one says that none does. */
const SERVER = "server";

/** The last run of each element. @type {WeakMap<Element, Line>} */
const lines = new WeakMap();

/** Those that have shown the run which their page names, if it does. @type {WeakSet<Element>} */
const begun = new WeakSet();

/**
 * Pages may be forbidden to keep anything: then a reload forgets.
 *
 * @param {(storage: Storage) => string | null | void} use
 */
function withStorage(use) {
  try {
    return use(sessionStorage);
  } catch {
    return null;
  }
}

/** @param {Element} element */
function keyOf(element) {
  const name = ["id", "form", "src"].map((name) => element.getAttribute(name)).find(Boolean);
  return `flask-stream ${location.pathname} ${name ?? ""}`;
}

/**
 * Keeps in mind where the run can be found, from its request to its end.
 *
 * @param {Element} element
 * @param {Line} line
 */
export function remember(element, line) {
  if (element.getAttribute("resume")) return; // the server's pages say it
  const { onEvent, request, init } = line;
  const key = request.headers.get(KEY); // the page may have given one
  // EventSource sends none.
  const asked = init.transport === "eventsource" ? "" : JSON.stringify([request.method, request.url, key]);
  /** @type {string | undefined} */
  let kept;
  const note = () => {
    const last = line.id || isOver(line) ? "" : asked;
    const url = line.url ? addressOf(line).href : last;
    if (url === kept || lines.get(element) !== line) return;
    kept = url;
    withStorage((storage) => (url ? storage.setItem(keyOf(element), url) : storage.removeItem(keyOf(element))));
  };
  lines.set(element, line);
  note();
  line.signal.addEventListener("abort", note);
  line.onEvent = (event) => {
    onEvent(event);
    note();
  };
}

/**
 * Goes on with the run that the page names, or with the one that was going on when the page was left.
 *
 * @param {FlaskStreamElement} element
 * @returns {Promise<boolean>} whether there is one
 */
export async function recall(element) {
  if (!element.isConnected) return false; // it was removed while this file was loaded
  const says = element.getAttribute("resume");
  if (says === SERVER) return false;
  // One that comes with the state of an end has its answer in its markup.
  const isShown = begun.has(element) || element.dataset.state !== "idle";
  begun.add(element);
  const named = isShown ? null : says;
  const last = lines.get(element);
  const csrf = element.getAttribute("csrf") ?? tokenOfForm(element);
  const url = says ? named : await found(element, csrf);
  if (lines.get(element) !== last) return true; // its reader has asked something meanwhile
  if (!url) return false;
  // Back in the page, it has the beginning of this answer already.
  if (last?.url && addressOf(last).href === url) element.querySelector("[data-turn]:last-child")?.remove();
  const options = { resume: url, isStored: !named, ...(csrf && { csrf }) };
  const { done } = element.start(url, options);
  done.catch(({ code }) => {
    // What would have been asked if nothing had been remembered.
    const src = element.getAttribute("src");
    const method = element.getAttribute("method") ?? "GET";
    if (!code && src) setTimeout(() => element.start(src, { method }));
  });
  return true;
}

/**
 * The address of the run that is remembered; the server is asked where it is, if the page was left before that came.
 *
 * @param {FlaskStreamElement} element
 * @param {string | undefined} csrf
 * @returns {Promise<string | null | void>}
 */
async function found(element, csrf) {
  const kept = withStorage((storage) => storage.getItem(keyOf(element)));
  if (!kept?.startsWith("[")) return kept;
  const [method, address, key] = JSON.parse(kept);
  const credentials = element.hasAttribute("with-credentials") ? "include" : undefined;
  /** @type {import("./connect.js").Line["init"]} */
  const init = { credentials, ...element.options, method, csrf, resume: true };
  const request = prepare(address, init);
  request.headers.set(KEY, key);
  const response = await fetch(wanting("find", { init, request, url: "" })).catch(() => null);
  const { url } = response?.status === 200 ? await response.json() : {};
  if (url) return addressOf({ request, url }).href;
  // It never came to the server, or is not kept any more.
  if (response && response.status < 500) withStorage((storage) => storage.removeItem(keyOf(element)));
}

/**
 * The token that a form's own request would carry.
 *
 * @param {Element} element
 * @returns {string | undefined}
 */
function tokenOfForm(element) {
  const root = /** @type {Document | ShadowRoot} */ (element.getRootNode());
  const form = /** @type {HTMLFormElement | null} */ (root.getElementById(element.getAttribute("form") ?? ""));
  const field = /** @type {HTMLInputElement | null | undefined} */ (form?.elements?.namedItem("csrf_token"));
  return field?.value;
}
