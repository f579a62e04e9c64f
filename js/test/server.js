/** A server whose every response is written by the test, down to the socket. */

import { createServer } from "node:http";
import { once } from "node:events";

/**
 * @param {import("node:test").TestContext} t
 * @param {import("node:http").RequestListener} [handler]
 */
export async function serve(t, handler = () => {}) {
  const server = createServer(handler).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const requests = [];
  server.on("request", (request) => requests.push(request));
  return { url: `http://127.0.0.1:${server.address().port}/`, requests };
}

/**
 * @param {string} type
 * @param {unknown} data
 * @param {string} [id]
 */
export function frame(type, data, id) {
  return `${id === undefined ? "" : `id: ${id}\n`}event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** @param {string[]} frames */
export function streaming(...frames) {
  return (_request, response) => {
    open(response);
    response.end(frames.join(""));
  };
}

/** @param {import("node:http").ServerResponse} response */
export function open(response) {
  response.writeHead(200, { "Content-Type": "text/event-stream; charset=utf-8" });
  response.flushHeaders();
}
