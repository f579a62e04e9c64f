/** A server that keeps one run, as `resumable=True` has it, and whose connections the test may cut. */

import assert from "node:assert/strict";

import { frame, open, serve } from "./server.js";

export const RUN = "a1b2";
export const PATH = `/app/_stream/${RUN}`;

const WORDS = ["Hello ", "wörld ", "🌍, ", "you ", "are ", "round."];
export const TEXT = WORDS.join("");
export const ANSWER = [
  ["meta", { model: "m" }],
  ...WORDS.map((text) => ["text", { text }]),
  ["done", { stop_reason: "stop", text_length: TEXT.length }],
];

export const errorOf = (run) =>
  run.done.then(
    () => assert.fail("it did not fail"),
    (error) => error,
  );

/** Resolves with the run once it is in that state. */
export function reaches(state, start) {
  return new Promise((resolve) => {
    const run = start((entered) => entered === state && queueMicrotask(() => resolve(run)));
  });
}

/** Answers with a status, as `instead` of a kept run. */
export const refuse = (response, status, headers = {}) => response.writeHead(status, headers).end();

export const isFollowing = (request) => request.after !== null;

/**
 * @param {import("node:test").TestContext} t
 * @param {[string, any][]} events behind `start`
 * @param {object} [how]
 * @param {(request: any, number: number) => any} [how.cut] after how many bytes a response is cut
 * @param {(request: any, response: any, number: number) => any} [how.instead] has answered, if it gives something
 */
export async function keep(t, events, { cut = () => undefined, instead = () => undefined } = {}) {
  const run = [["start", { id: RUN, url: PATH }], ...events];
  const frames = run.map(([type, data], index) => frame(type, data, `${RUN}.${index + 1}`));
  const asked = [];
  const followed = [];
  const stopped = [];
  const served = await serve(t, async (request, response) => {
    const url = new URL(request.url, "http://localhost");
    let body = "";
    for await (const piece of request) body += piece;
    Object.assign(request, { text: body, after: url.searchParams.get("after") });
    const list = url.pathname === PATH ? followed : url.pathname === `${PATH}/stop` ? stopped : asked;
    const number = list.push(request);
    if (instead(request, response, number)) return;
    if (list === stopped) return response.writeHead(204).end();
    const bytes = Buffer.from(frames.slice(Number(request.after ?? 0)).join(""));
    const length = cut(request, number) ?? bytes.length;
    open(response);
    if (length < bytes.length) response.write(bytes.subarray(0, length), () => response.destroy());
    else response.end(bytes);
  });
  return { ...served, frames, asked, followed, stopped };
}

/**
 * Time goes a hundred times as fast, for all but the network.
 *
 * @param {import("node:test").TestContext} t
 * @returns {number[]} the waits of the client so far, in milliseconds
 */
export function hurry(t) {
  const { setTimeout } = globalThis;
  const waits = [];
  t.mock.method(globalThis, "setTimeout", (call, wait = 0, ...rest) => {
    if (new Error().stack.includes("/src/")) waits.push(wait); // not the network's own
    return setTimeout(call, wait / 100, ...rest);
  });
  return waits;
}

/** Makes this process a page of that origin, as far as the client looks. */
export function page(t, { origin = "https://elsewhere.example", token, onLine = true } = {}) {
  const target = new EventTarget();
  globalThis.location = { origin };
  globalThis.document = { querySelector: () => (token ? { content: token } : null) };
  globalThis.addEventListener = target.addEventListener.bind(target);
  const navigator = Object.getOwnPropertyDescriptor(globalThis, "navigator");
  Object.defineProperty(globalThis, "navigator", { value: { onLine }, configurable: true, writable: true });
  t.after(() => {
    for (const name of ["location", "document", "addEventListener"]) delete globalThis[name];
    delete globalThis.navigator;
    if (navigator) Object.defineProperty(globalThis, "navigator", navigator);
  });
  const tell = (type) => target.dispatchEvent(new Event(type));
  return {
    tell,
    look(visibilityState) {
      globalThis.document.visibilityState = visibilityState;
      tell("visibilitychange");
    },
    goOnline() {
      globalThis.navigator.onLine = true;
      target.dispatchEvent(new Event("online"));
    },
  };
}
