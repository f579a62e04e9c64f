/** Where an element finds its run again, after its page was loaded anew. */

import { addressOf, KEY } from "./kept.js";

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
 * What the server's pages say: the URL of a run, or that there is none. React 18 and Svelte write "true" for no value.
 *
 * @param {Element} element
 */
const saidBy = (element) => element.getAttribute("resume")?.replace(/^true$/, "");

/**
 * Keeps in mind where the run can be found, from its request to its end.
 *
 * @param {Element} element
 * @param {Line} line
 */
export function remember(element, line) {
  if (saidBy(element)) return;
  const { onEvent, request, init } = line;
  const key = request.headers.get(KEY); // the page may have given one
  const place = keyOf(element); // what is kept there is removed there, though the page changes its address meanwhile
  // EventSource sends none.
  const asked = init.transport === "eventsource" ? "" : JSON.stringify([request.method, request.url, key]);
  /** @type {string | undefined} */
  let kept;
  const note = () => {
    // To leave it, as an element does that is removed, is no end of it.
    const isEnded = line.id || line.isStopping || /^(done|failed)$/.test(line.state);
    const url = line.url ? addressOf(line).href : isEnded ? "" : asked;
    if (url === kept || lines.get(element) !== line) return;
    kept = url;
    withStorage((storage) => (url ? storage.setItem(place, url) : storage.removeItem(place)));
  };
  lines.set(element, line);
  note();
  line.signal.addEventListener("abort", note);
  line.note = note;
  line.onEvent = (event) => {
    onEvent(event);
    note();
  };
}

/**
 * Goes on with the run that the page names, or with the one that was going on when the page was left.
 *
 * @param {FlaskStreamElement} element
 * @returns {boolean} whether there is one
 */
export function recall(element) {
  if (!element.isConnected) return false; // it was removed while this file was loaded
  const says = saidBy(element);
  // What was kept when the server did not say it may be of a run that it says nothing of any more.
  if (says) withStorage((storage) => storage.removeItem(keyOf(element)));
  if (says === SERVER) return false;
  // One that comes with the state of an end has its answer in its markup.
  const isShown = begun.has(element) || element.dataset.state !== "idle";
  begun.add(element);
  const named = isShown ? null : says;
  const kept = says ? named : withStorage((storage) => storage.getItem(keyOf(element)));
  if (!kept) return false;
  const last = lines.get(element);
  // Back in the page, it has the beginning of this answer already.
  if (last?.url && addressOf(last).href === kept) element.querySelector("[data-turn]:last-child")?.remove();
  const csrf = element.getAttribute("csrf") ?? tokenOfForm(element);
  const { url, ...how } = kept.startsWith("[") ? askedBefore(kept) : { url: kept, resume: kept };
  const options = { ...how, isStored: !named, ...(csrf && { csrf }) };
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
 * A request whose page was left before its answer began: the server finds the run by it.
 *
 * @param {string} kept
 */
function askedBefore(kept) {
  const [method, url, asked] = JSON.parse(kept);
  return { url, method, asked, resume: true };
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
