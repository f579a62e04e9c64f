/** Goes on with a run whose connection was lost, over as many others as that takes. */

import { cutOff, gone, unreachable } from "./errors.js";
import { overEventSource } from "./eventsource.js";
import { addressOf, endStopped, isOver, KEY, lose, onlyNew, positionOf, recover, wanting } from "./kept.js";
import { remember } from "./memory.js";
import { prepare } from "./request.js";
import { isOffline, rest } from "./rest.js";
import { forgetStops } from "./stop.js";
import { tell } from "./tell.js";

/** @typedef {import("./connect.js").Line} Line */
/** @typedef {import("./errors.js").StreamError} StreamError */

/** So many tries in a row may bring nothing: that is about a minute. */
const TRIES = 8;

/** A server that keeps the run answers at once: a connection that says nothing for so long leads nowhere. */
const ANSWER_MS = 15_000;

/** In seconds. Where a server wants more time to pass, its reader is told: Retry counts it down. */
const PATIENCE = 60;

/**
 * For a run that is known to be kept before it begins, or that is read over EventSource.
 *
 * @type {import("./transport.js").Transport<Line>}
 */
export async function connect(request, signal, line) {
  if (signal.aborted) return; // its reader has stopped it while this file was loaded
  const { asked, element, resume, transport } = line.init;
  if (asked) request.headers.set(KEY, asked);
  else if (typeof resume !== "string") forgetStops();
  if (typeof resume === "string") line.url = resume;
  if (element?.hasAttribute("resume")) remember(element, line);
  if (typeof resume === "string") {
    if (line.request.url === addressOf(line).href) onlyShow(line);
    return goOn(line, null);
  }
  if (transport === "eventsource") return overEventSource(request, signal, line);
  line.isAsked = true; // EventSource sends no key
  if (asked) return find(line);
  const error = await lossOf(() => line.connect(request, signal, line));
  return goOn(line, error);
}

/**
 * Its page was left before it was known where it is.
 *
 * @param {Line} line
 */
async function find(line) {
  const { signal } = line;
  const response = await tell(() => wanting("find", line), { signal, patience: ANSWER_MS });
  const { url } = response?.status === 200 ? await response.json().catch(() => ({})) : {};
  if (url) line.url = url;
  else if (!response || response.status >= 500) throw unreachable();
  else throw quietly(gone(false)); // it never came, or is not kept any more
  return goOn(line, null);
}

/**
 * Without a code nobody is to hear of it.
 *
 * @param {StreamError} error
 */
const quietly = (error) => Object.assign(error, { code: "" });

/**
 * Where a run was all that was wanted, there is nothing that could be asked again once it has failed.
 *
 * @param {Line} line
 */
function onlyShow(line) {
  const { onEvent } = line;
  line.onEvent = (event) => {
    const isEnd = event.type === "failed" && event.data.startsWith("{");
    onEvent(isEnd ? { ...event, data: JSON.stringify({ ...JSON.parse(event.data), retryable: false }) } : event);
  };
}

/**
 * Resolves once the run is over, and rejects with what went wrong where it is given up.
 *
 * @param {Line} line
 * @param {StreamError | null} [error] why its connection is lost; null where it has had none
 */
export async function goOn(line, error = cutOff()) {
  let fruitless = error && !line.id ? 1 : 0;
  while (!isOver(line) && fruitless < TRIES && (!error || mayPass(line, error))) {
    // Who is asked to come again, since a task has not begun for instance, has lost nothing.
    if (error && (line.id || error.code !== "overloaded")) lose(line);
    await rest(fruitless, error?.retryAfter ?? 0, line.signal);
    if (isOver(line)) break;
    const { id } = line;
    error = await (line.url ? follow(line) : ask(line));
    if (line.id !== id) fruitless = 0;
    else if (!isOffline()) fruitless++;
  }
  if (line.isStopping) endStopped(line);
  if (error) throw error;
}

/**
 * Whether another try may help. A status is an answer to a request for a run, so that one is not made again.
 *
 * @param {Line} line
 * @param {StreamError} error
 */
function mayPass({ id, init, url }, { retryable, retryAfter, status }) {
  if (!retryable || retryAfter > PATIENCE || status === 204) return false;
  if (url) return true;
  return !!init.resume && !id && status === null && !(init.body instanceof ReadableStream);
}

/**
 * The request that begins the run, once more: the server knows it by its key.
 *
 * @param {Line} line
 */
const ask = (line) => connectOnce(line, prepare(line.request.url, line.init));

/** @param {Line} line */
async function follow(line) {
  const address = addressOf(line);
  address.searchParams.set("after", `${positionOf(line)}`);
  const request = prepare(address, { ...line.init, method: "GET", body: null, key: undefined });
  const error = await connectOnce(line, request, ANSWER_MS);
  // It has ended, and how was lost on the way.
  if (error.status === 204) return Object.assign(cutOff(), { status: 204 });
  if (error.status !== 404) return error;
  const isAllThatWasWanted = line.request.url === addressOf(line).href;
  line.url = "";
  const lost = gone(!isAllThatWasWanted);
  return line.init.isStored ? quietly(lost) : lost;
}

/**
 * @param {Line} line
 * @param {Request} request
 * @param {number} [patience] in milliseconds, until there is an answer
 * @returns {Promise<StreamError>} what is wrong, if that was not the end of the run
 */
async function connectOnce(line, request, patience) {
  const connection = new AbortController();
  const { signal } = connection;
  const end = () => connection.abort();
  const late = patience && setTimeout(end, patience);
  line.signal.addEventListener("abort", end, { signal });
  const onOpen = () => {
    clearTimeout(late);
    recover(line);
  };
  // What comes to be known of silence meanwhile, this knows too.
  const listener = Object.assign(Object.create(line), { onOpen, onEvent: onlyNew(line) });
  const error = await lossOf(() => line.connect(request, signal, listener));
  clearTimeout(late);
  end();
  return error;
}

/**
 * Why a connection is lost that has been read to its end.
 *
 * @param {() => Promise<any>} read
 * @returns {Promise<StreamError>}
 */
async function lossOf(read) {
  try {
    await read();
    return cutOff();
  } catch (error) {
    return /** @type {StreamError} */ (error);
  }
}
