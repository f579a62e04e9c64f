import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";

import { stream } from "../src/connect.js";
import { refusal } from "../src/refusal.js";
import { frame, open, serve, streaming } from "./server.js";

const START = frame("start", { id: "run" }, "run");
const BEATING = frame("start", { id: "run", heartbeat: 15 }, "run");
const HELLO = frame("text", { text: "Hello " });
const WORLD = frame("text", { text: "wörld 🌍" });
const TEXT = "Hello wörld 🌍";
const DONE = frame("done", { stop_reason: "stop", text_length: TEXT.length });
const ANSWER = [START, HELLO, WORLD, DONE];

const unhandled = [];
process.on("unhandledRejection", (reason) => unhandled.push(reason));

async function collect(run) {
  const events = [];
  for await (const event of run) events.push(event);
  return events;
}

/** Rejects like `done`, after showing that a loop over the events throws the same. */
async function failureOf(run) {
  const fromLoop = await collect(run).catch((error) => error);
  const fromDone = await run.done.catch((error) => error);
  assert.equal(fromLoop, fromDone);
  assert.equal(run.state, "failed");
  return fromDone;
}

/** Resolves once the run is in that state. */
function reaches(state, start) {
  return new Promise((resolve) => {
    const run = start((entered) => entered === state && resolve(run));
  });
}

async function endless(t, ...frames) {
  let left = () => {};
  const gone = new Promise((resolve) => (left = resolve));
  const { url } = await serve(t, (_request, response) => {
    response.on("close", left);
    if (frames.length) open(response);
    response.write(frames.join("") || ":\n");
  });
  return { url, gone };
}

describe("a complete answer", () => {
  test("gives its events, its text, and the data of done", async (t) => {
    const { url } = await serve(t, streaming(...ANSWER));
    const run = stream(url);
    assert.deepEqual(await collect(run), [
      { type: "start", data: { id: "run" }, id: "run" },
      { type: "text", data: { text: "Hello " }, id: "run" },
      { type: "text", data: { text: "wörld 🌍" }, id: "run" },
      { type: "done", data: { stop_reason: "stop", text_length: TEXT.length }, id: "run" },
    ]);
    assert.deepEqual(await run.done, { stop_reason: "stop", text_length: TEXT.length });
    assert.equal(run.text, TEXT);
    assert.equal(run.state, "done");
  });

  test("goes through its states in order", async (t) => {
    const { url } = await serve(t, streaming(...ANSWER));
    const states = [];
    const run = stream(url, { onState: (state) => states.push(state) });
    assert.equal(run.state, "connecting");
    await run.done;
    assert.deepEqual(states, ["waiting", "streaming", "done"]);
  });

  test("needs nobody to iterate it, and gives all events to one who comes late", async (t) => {
    const { url } = await serve(t, streaming(...ANSWER));
    const run = stream(url);
    await run.done;
    assert.equal(run.text, TEXT);
    assert.equal((await collect(run)).length, 4);
  });

  test("is given word by word while the server is still sending", async (t) => {
    let send = () => {};
    const { url } = await serve(t, (_request, response) => {
      open(response);
      send = (text) => response.write(text);
      send(START);
    });
    const events = stream(url)[Symbol.asyncIterator]();
    assert.equal((await events.next()).value.type, "start");
    for (const part of [HELLO, WORLD, DONE]) {
      send(part); // only now: what the loop gives next cannot have waited for more
      assert.equal(frame((await events.next()).value.type, JSON.parse(part.split("data: ")[1])), part);
    }
    assert.equal((await events.next()).done, true);
  });

  test("ends at done: what follows is ignored, and may still come to its end", async (t) => {
    const { url, requests } = await serve(t, (request, response) => {
      if (request.url === "/other") return response.end();
      open(response);
      response.write(ANSWER.join("") + frame("text", { text: "!" }) + frame("failed", { code: "x", message: "x" }));
    });
    const run = stream(url);
    await run.done;
    await fetch(`${url}other`); // time enough for a client that closes at once to have done so
    assert.equal(requests[0].socket.destroyed, false, "the connection can be used again");
    assert.equal(run.text, TEXT);
    assert.equal(run.state, "done");
    assert.equal((await collect(run)).length, 4);
  });

  test("whose server does not end the response lets go of the connection", async (t) => {
    let closed;
    const { url } = await serve(t, (_request, response) => {
      closed = once(response, "close");
      open(response);
      response.write(ANSWER.join(""));
    });
    await stream(url).done;
    await closed;
  });
});

describe("what is sent", () => {
  test("fetch options go through, and Accept asks for an event stream", async (t) => {
    let body = "";
    const { url, requests } = await serve(t, async (request, response) => {
      for await (const part of request) body += part;
      streaming(...ANSWER)(request, response);
    });
    await stream(url, { method: "post", body: "question", headers: { "X-Mine": "1" } }).done;
    const [{ method, headers }] = requests;
    assert.deepEqual([method, body, headers["x-mine"]], ["POST", "question", "1"]);
    assert.equal(headers.accept, "text/event-stream");
  });

  test("an Accept of one's own is kept", async (t) => {
    const { url, requests } = await serve(t, streaming(...ANSWER));
    await stream(url, { headers: { Accept: "text/event-stream;format=native" } }).done;
    assert.equal(requests[0].headers.accept, "text/event-stream;format=native");
  });

  test("arguments that cannot be a request throw at once", () => {
    assert.throws(() => stream("http://["), TypeError);
    assert.throws(() => stream("http://127.0.0.1/", { headers: { "not a name": "" } }), TypeError);
    assert.throws(() => stream("http://127.0.0.1/", { body: "GET has none" }), TypeError);
  });

  describe("the CSRF token", () => {
    async function tokenSent(t, options, { origin, meta } = {}) {
      const { url, requests } = await serve(t, streaming(...ANSWER));
      globalThis.location = { origin: origin ?? new URL(url).origin };
      globalThis.document = { querySelector: () => (meta ? { content: meta } : null) };
      t.after(() => {
        delete globalThis.location;
        delete globalThis.document;
      });
      await stream(url, options).done;
      return requests[0].headers["x-csrftoken"];
    }
    test("is the one that was given", async (t) => {
      const options = { method: "POST", csrf: "given" };
      assert.equal(await tokenSent(t, options, { meta: "from the page" }), "given");
    });
    test("comes from the page", async (t) => {
      assert.equal(await tokenSent(t, { method: "POST", body: "{}" }, { meta: "from the page" }), "from the page");
    });
    test("of a form's own field stays in the body, where it counts first", async (t) => {
      const body = new URLSearchParams({ csrf_token: "from the form" });
      assert.equal(await tokenSent(t, { method: "POST", body }), undefined);
    });
    test("is not sent with GET", async (t) => {
      assert.equal(await tokenSent(t, {}, { meta: "from the page" }), undefined);
    });
    test("is not sent to another origin", async (t) => {
      const elsewhere = { origin: "http://127.0.0.2", meta: "from the page" };
      assert.equal(await tokenSent(t, { method: "POST", csrf: "given" }, elsewhere), undefined);
    });
    test("of one's own is kept", async (t) => {
      const options = { method: "POST", headers: { "X-CSRFToken": "mine" } };
      assert.equal(await tokenSent(t, options, { meta: "from the page" }), "mine");
    });
  });
});

describe("a cut", () => {
  const cuts = {
    "behind the headers": "",
    "between events": START + HELLO,
    "inside an event": START + HELLO + WORLD.slice(0, 20),
    "in the blank line of done": ANSWER.join("").slice(0, -1),
  };
  for (const [where, sent] of Object.entries(cuts)) {
    for (const [how, cut] of Object.entries({ "a clean end": "end", "a broken connection": "destroy" })) {
      test(`${where}, by ${how}, never looks like success`, async (t) => {
        const { url, requests } = await serve(t, (_request, response) => {
          open(response);
          response.write(sent || ":\n", () => response[cut]());
        });
        const run = stream(url, { method: "POST", body: "question" });
        const { code, message, retryable, status } = await failureOf(run);
        assert.deepEqual({ code, retryable, status }, { code: "cut", retryable: true, status: null });
        assert.match(message, /cut off/);
        assert.equal(run.text, TEXT.slice(0, run.text.length));
        assert.equal(requests.length, 1, "a POST is not repeated");
      });
    }
  }

  test("keeps the text so far", async (t) => {
    const { url } = await serve(t, streaming(START, HELLO));
    const run = stream(url);
    await failureOf(run);
    assert.equal(run.text, "Hello ");
  });

  test("is also a done whose text_length is not what arrived", async (t) => {
    const { url } = await serve(t, streaming(START, HELLO, DONE));
    const run = stream(url);
    assert.equal((await failureOf(run)).code, "cut");
    assert.equal(run.text, "Hello ");
  });

  test("of an EOF without any event is a cut too", async (t) => {
    const { url } = await serve(t, streaming());
    assert.equal((await failureOf(stream(url))).code, "cut");
  });
});

test("an onState that throws is reported, and the run comes to its end", async (t) => {
  const reported = [];
  globalThis.reportError = (error) => reported.push(error.message);
  t.after(() => delete globalThis.reportError);
  const { url } = await serve(t, (_request, response) => {
    open(response);
    response.write(ANSWER.join("")); // and no end: the client has to close the connection
  });
  const run = stream(url, {
    onState: (state) => {
      throw new Error(state);
    },
  });
  assert.equal((await collect(run)).length, 4);
  assert.equal((await run.done).stop_reason, "stop");
  assert.deepEqual(reported, ["waiting", "streaming", "done"]);
  const stopped = stream(url, {
    onState: () => {
      throw new Error("again");
    },
  });
  stopped.stop();
  assert.equal(await stopped.done, undefined);
});

describe("a failure", () => {
  test("that the server tells of has its code, message and whether to retry", async (t) => {
    const facts = { code: "overloaded", message: "Try later.", retryable: true };
    const { url } = await serve(t, streaming(START, HELLO, frame("failed", facts)));
    const run = stream(url);
    const { code, message, retryable, status } = await failureOf(run);
    assert.deepEqual({ code, message, retryable }, facts);
    assert.equal(status, null);
    assert.equal(run.text, "Hello ");
  });

  test("is an event without end: the connection is closed, and the words so far are kept", async (t) => {
    let leave;
    const left = new Promise((resolve) => (leave = resolve));
    const { url } = await serve(t, (request, response) => {
      response.on("close", leave);
      open(response);
      response.write(START + HELLO + "event: text\ndata: ");
      const more = () => {
        while (!response.destroyed && response.write("a".repeat(2 ** 16)));
      };
      response.on("drain", more);
      more();
    });
    const run = stream(url);
    const { code, message, retryable } = await failureOf(run);
    assert.deepEqual([code, retryable], ["bad_response", false]);
    assert.match(message, /^The server sent an event that is too long/);
    assert.equal(run.text, "Hello ");
    await left;
  });

  test("is an event that is not JSON", async (t) => {
    const { url } = await serve(t, streaming(START, "data: <p>\n\n"));
    assert.equal((await failureOf(stream(url))).code, "bad_response");
  });

  test("of the network has the code network", async (t) => {
    const { url, requests } = await serve(t, (request) => request.socket.destroy());
    const { code, retryable } = await failureOf(stream(url, { method: "POST" }));
    assert.deepEqual([code, retryable], ["network", true]);
    assert.equal(requests.length, 1, "a POST is not repeated");
  });

  const responses = {
    "a JSON error": {
      status: 401,
      type: "application/json",
      body: JSON.stringify({ code: "auth", message: "Sign in first.", retryable: false }),
      wanted: { code: "auth", message: "Sign in first.", retryable: false, status: 401 },
    },
    "a JSON error that may pass": {
      status: 503,
      type: "application/json",
      body: JSON.stringify({ code: "overloaded", message: "Busy.", retryable: true }),
      wanted: { code: "overloaded", message: "Busy.", retryable: true, status: 503 },
    },
    "JSON with nothing but a message": {
      status: 401,
      type: "application/json",
      body: JSON.stringify({ message: "Your key has expired." }),
      wanted: { code: "auth", message: "Your key has expired.", retryable: false, status: 401 },
    },
    "JSON as Werkzeug's errors are": {
      status: 503,
      type: "application/json",
      body: JSON.stringify({ code: 503, name: "Service Unavailable", description: "Back at noon." }),
      wanted: { code: "http", message: "Back at noon.", retryable: true, status: 503 },
    },
    "JSON whose message is no string": {
      status: 400,
      type: "application/json",
      body: JSON.stringify({ message: { q: ["missing"] } }),
      wanted: { code: "http", message: "The server answered with an error (HTTP 400). If this page is old, load it again.", retryable: false, status: 400 },
    },
    "JSON that is null": { status: 400, type: "application/json", body: "null", wanted: { code: "http", status: 400 } },
    "JSON of another shape": {
      status: 400,
      type: "application/json",
      body: JSON.stringify({ error: "no" }),
      wanted: { code: "http", message: "The server answered with an error (HTTP 400). If this page is old, load it again.", retryable: false, status: 400 },
    },
    "an HTML error page": {
      status: 500,
      type: "text/html",
      body: "<h1>Internal Server Error</h1>",
      wanted: { code: "http", message: "The server answered with an error (HTTP 500).", retryable: true, status: 500 },
    },
    "an empty 401": { status: 401, wanted: { code: "auth", retryable: false, status: 401 } },
    "an empty 429": { status: 429, wanted: { code: "http", retryable: true, status: 429 } },
    "a 204: the run is not run again": { status: 204, wanted: { code: "no_content", retryable: false, status: 204 } },
    "a page where a stream was expected": {
      status: 200,
      type: "text/html; charset=utf-8",
      body: "<p>data: no</p>",
      wanted: {
        code: "bad_response",
        message: "The server sent text/html where a stream was expected.",
        retryable: false,
        status: 200,
      },
    },
    "a response without a type": { status: 200, wanted: { code: "bad_response", status: 200 } },
  };
  for (const [name, { status, type, body, wanted }] of Object.entries(responses)) {
    test(`is ${name}`, async (t) => {
      const { url } = await serve(t, (_request, response) => {
        response.writeHead(status, type && { "Content-Type": type }).end(body);
      });
      const error = await failureOf(stream(url));
      for (const [key, value] of Object.entries(wanted)) assert.equal(error[key], value, key);
    });
  }

  test("has a body of which no more than 64 KB is read, and no more is asked for", async () => {
    for (const piece of ['{"message": "No", "a": "', "a", "<p>", '{"message": "No"}' + " ".repeat(200)]) {
      let given = 0;
      let left = false;
      const chunk = new TextEncoder().encode(piece.padEnd(1024, " "));
      const pull = (controller) => {
        controller.enqueue(chunk);
        given += chunk.length;
        if (given > 2 ** 20) controller.close();
      };
      const body = new ReadableStream({ pull, cancel: () => (left = true) });
      const [code, message] = await refusal(new Response(body, { status: 500 }));
      assert.deepEqual([code, message], ["http", "The server answered with an error (HTTP 500)."]);
      assert.ok(left, "the server is let go");
      assert.ok(given <= 66 * 1024, `${given} bytes`);
    }
  });

  test("has words that are shown though its body has no end, once they are whole", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    let left = () => {};
    const gone = new Promise((resolve) => (left = resolve));
    const start = (controller) => controller.enqueue(new TextEncoder().encode('{"message": "Back at noon."}'));
    const body = new ReadableStream({ start, cancel: left });
    const told = refusal(new Response(body, { status: 503 }));
    t.mock.timers.tick(5000);
    assert.deepEqual((await told).slice(0, 2), ["http", "Back at noon."]);
    await gone;
  });

  test("has a message that is cut to 500 characters, and not within one", async (t) => {
    for (const [unit, wanted] of [["a", 500], ["😀", 999]]) {
      const message = unit.repeat(5000);
      const { url } = await serve(t, (request, response) => {
        if (request.method === "GET") return streaming(START, frame("failed", { code: "x", message }))(request, response);
        response.writeHead(500, { "Content-Type": "application/json" }).end(JSON.stringify({ message }));
      });
      for (const method of ["GET", "POST"]) {
        const error = await failureOf(stream(url, { method }));
        assert.equal(error.message.length, wanted);
        assert.ok(error.message.isWellFormed());
        assert.ok(error.message.startsWith(unit) && error.message.endsWith("…"));
      }
    }
  });

  test("is a redirect that ended at a login page: auth", async (t) => {
    const { url } = await serve(t, (request, response) => {
      if (request.url === "/login") response.writeHead(200, { "Content-Type": "text/html" }).end("<form>");
      else response.writeHead(302, { Location: "/login" }).end();
    });
    assert.equal((await failureOf(stream(url))).code, "auth");
    assert.equal((await failureOf(stream(url, { method: "POST", redirect: "follow" }))).code, "auth");
  });

  for (const status of [301, 302, 303, 307, 308]) {
    test(`is a redirect by ${status} of what is no GET, which is not followed: auth`, async (t) => {
      const { url, requests } = await serve(t, (_request, response) => {
        response.writeHead(status, { Location: "/login" }).end();
      });
      for (const method of ["POST", "put", "DELETE"]) {
        const error = await failureOf(stream(url, { method, redirect: undefined }));
        assert.deepEqual([error.code, error.retryable, error.status], ["auth", false, status]);
        assert.match(error.message, /a redirect.*Sign in, then ask again/);
      }
      assert.deepEqual(requests.map((request) => request.url), ["/", "/", "/"]);
    });
  }

  test("is a redirect of a GET that has headers of the page's, which gets none of them: auth", async (t) => {
    const stranger = await serve(t, streaming(...ANSWER));
    const { url, requests } = await serve(t, (_request, response) => {
      response.writeHead(307, { Location: stranger.url.replace("127.0.0.1", "localhost") }).end();
    });
    const given = { "X-Api-Key": "k" };
    for (const headers of [given, new Headers(given), () => given]) {
      const error = await failureOf(stream(url, { headers }));
      assert.deepEqual([error.code, error.retryable, error.status], ["auth", false, 307]);
    }
    assert.deepEqual(requests.map((request) => request.headers["x-api-key"]), ["k", "k", "k"]);
    assert.equal(stranger.requests.length, 0);
    await stream(url, { headers: given, redirect: "follow" }).done;
    assert.equal(stranger.requests.length, 1);
  });

  test("is a page of another site, as the server has it: cross_site, in words for its reader", async (t) => {
    const { url } = await serve(t, (_request, response) => {
      response.writeHead(403, { "Content-Type": "application/json" });
      response.end(JSON.stringify({ code: "cross_site", message: "For the operator.", retryable: false }));
    });
    const error = await failureOf(stream(url));
    assert.deepEqual([error.code, error.retryable, error.status], ["cross_site", false, 403]);
    assert.equal(error.message, "This page may not ask here. Open the site itself, then ask again.");
  });

  test("is a redirect that ended at something else: bad_response", async (t) => {
    const { url } = await serve(t, (request, response) => {
      if (request.url === "/there") response.writeHead(200, { "Content-Type": "text/plain" }).end("hi");
      else response.writeHead(307, { Location: "/there" }).end();
    });
    assert.equal((await failureOf(stream(url))).code, "bad_response");
  });

  test("is no redirect that ended at a stream", async (t) => {
    const { url } = await serve(t, (request, response) => {
      if (request.url === "/there") streaming(...ANSWER)(request, response);
      else response.writeHead(307, { Location: "/there" }).end();
    });
    await stream(url).done;
    await stream(url, { method: "POST", redirect: "follow" }).done;
  });
});

describe("stop", () => {
  /** A server that sends that much, and then nothing; `left` resolves when its client has gone. */
  test("closes the connection and keeps the text", async (t) => {
    const { url, gone } = await endless(t, START, HELLO);
    const run = await reaches("streaming", (onState) => stream(url, { onState }));
    run.stop();
    assert.equal(run.state, "stopped");
    assert.equal(await run.done, undefined);
    await gone;
    assert.equal(run.text, "Hello ");
    assert.deepEqual((await collect(run)).map(({ type }) => type), ["start", "text"]);
  });

  test("works before the server has answered", async (t) => {
    let arrived = () => {};
    const response = new Promise((resolve) => (arrived = resolve));
    const { url } = await serve(t, (_request, unanswered) => arrived(unanswered));
    const run = stream(url);
    const gone = once(await response, "close");
    run.stop();
    await run.done;
    await gone;
  });

  test("counts though the response is just arriving", async (t) => {
    const { url } = await endless(t, START);
    const { fetch } = globalThis;
    t.mock.method(globalThis, "fetch", async (...args) => {
      const response = await fetch(...args);
      run.stop();
      return response;
    });
    const states = [];
    const run = stream(url, { onState: (state) => states.push(state) });
    await run.done;
    await new Promise((turn) => setImmediate(turn));
    assert.deepEqual(states, ["stopped"]);
  });

  test("ends a loop that waits for the next event", async (t) => {
    const { url } = await endless(t, START);
    const run = stream(url);
    for await (const { type } of run) {
      assert.equal(type, "start");
      setImmediate(() => run.stop());
    }
    assert.equal(run.state, "stopped");
  });

  test("comes of leaving the loop", async (t) => {
    const { url, gone } = await endless(t, START, HELLO);
    const run = stream(url);
    for await (const { type } of run) if (type === "text") break;
    assert.equal(run.state, "stopped");
    await gone;
  });

  test("comes of the signal that was given", async (t) => {
    const { url, gone } = await endless(t, START, HELLO);
    const controller = new AbortController();
    const { signal } = controller;
    const run = await reaches("streaming", (onState) => stream(url, { onState, signal }));
    controller.abort();
    assert.equal(run.state, "stopped");
    await run.done;
    await gone;
  });

  test("of a signal that was aborted before sends nothing", async (t) => {
    const { url, requests } = await serve(t, streaming(...ANSWER));
    const run = stream(url, { signal: AbortSignal.abort() });
    assert.equal(run.state, "stopped");
    await run.done;
    await stream(url).done;
    assert.equal(requests.length, 1);
  });

  test("changes nothing after the end", async (t) => {
    const { url } = await serve(t, streaming(...ANSWER));
    const run = stream(url);
    await run.done;
    run.stop();
    assert.equal(run.state, "done");
  });
});

describe("a silent connection", () => {
  const BEAT = ":\n\n";

  test("is given up as cut off after two heartbeats, and what one may be late by", async (t) => {
    t.mock.timers.enable({ apis: ["setInterval", "Date"] });
    const { url, gone } = await endless(t, BEATING, HELLO);
    const run = await reaches("streaming", (onState) => stream(url, { onState }));
    for (let elapsed = 0; elapsed < 34_000; elapsed += 2000) t.mock.timers.tick(2000);
    await new Promise((turn) => setImmediate(turn));
    assert.equal(run.state, "streaming");
    for (let elapsed = 0; elapsed < 6000; elapsed += 2000) t.mock.timers.tick(2000);
    assert.equal((await failureOf(run)).code, "cut");
    assert.equal(run.text, "Hello ");
    await gone;
  });

  test("is none while there are heartbeats", async (t) => {
    t.mock.timers.enable({ apis: ["setInterval", "Date"] });
    let beat;
    const { url } = await serve(t, (_request, response) => {
      open(response);
      response.write(BEATING);
      beat = (words) => new Promise((sent) => response.write(words, sent));
    });
    const run = await reaches("waiting", (onState) => stream(url, { onState }));
    const heard = t.mock.method(TextDecoder.prototype, "decode");
    for (let beats = 0; beats < 10; beats += 1) {
      const before = heard.mock.callCount();
      await beat(BEAT);
      while (heard.mock.callCount() === before) await new Promise((turn) => setImmediate(turn));
      for (let elapsed = 0; elapsed < 15_000; elapsed += 3000) t.mock.timers.tick(3000);
    }
    await beat(ANSWER.slice(1).join(""));
    await run.done;
  });

  test("is never given up where the server says nothing of heartbeats, nor while the headers are still to come", async (t) => {
    t.mock.timers.enable({ apis: ["setInterval", "Date"] });
    const { url } = await endless(t, START);
    const run = await reaches("waiting", (onState) => stream(url, { onState }));
    const { url: mute, requests } = await serve(t, () => {});
    const waiting = stream(mute);
    t.mock.timers.tick(24 * 3600 * 1000);
    await new Promise((turn) => setImmediate(turn));
    assert.deepEqual([run.state, waiting.state, requests.length <= 1], ["waiting", "connecting", true]);
    run.stop();
    waiting.stop();
  });

  for (const heartbeat of [1e9, "soon", -1, null, {}]) {
    test(`may be told as ${JSON.stringify(heartbeat)}, which is no timer's time`, async (t) => {
      const { mock } = t.mock.method(globalThis, "setInterval");
      const { url } = await endless(t, START.replace("}", `,"heartbeat":${JSON.stringify(heartbeat)}}`), HELLO);
      const run = await reaches("streaming", (onState) => stream(url, { onState }));
      const waits = mock.calls.map(({ arguments: [, wait] }) => wait);
      assert.ok(waits.every((wait) => wait < 2 ** 31), `${waits}`);
      run.stop();
    });
  }

  for (const type of ["pageshow", "visibilitychange", "online"]) {
    test(`has half the time after ${type}, as it may have died unnoticed`, async (t) => {
      const page = new EventTarget();
      globalThis.addEventListener = page.addEventListener.bind(page);
      t.after(() => delete globalThis.addEventListener);
      t.mock.timers.enable({ apis: ["setInterval", "Date"] });
      const { url } = await endless(t, BEATING, HELLO);
      const run = await reaches("streaming", (onState) => stream(url, { onState }));
      page.dispatchEvent(new Event(type));
      for (let ticks = 0; ticks < 4; ticks += 1) t.mock.timers.tick(3500);
      await new Promise((turn) => setImmediate(turn));
      assert.equal(run.state, "streaming");
      for (let ticks = 0; ticks < 2; ticks += 1) t.mock.timers.tick(3500);
      assert.equal((await failureOf(run)).code, "cut");
    });
  }
});

test("headers may be a function, which is asked at each run", async (t) => {
  const { url, requests } = await serve(t, streaming(...ANSWER));
  let token = 0;
  const headers = () => ({ Authorization: `Bearer ${++token}` });
  await stream(url, { headers }).done;
  await stream(url, { headers }).done;
  assert.deepEqual(requests.map((request) => request.headers.authorization), ["Bearer 1", "Bearer 2"]);
});

test("no rejection was left unhandled, though nobody looked at most", async (t) => {
  const { url } = await serve(t, streaming(START));
  await reaches("failed", (onState) => stream(url, { onState }));
  await new Promise((turn) => setImmediate(turn));
  assert.deepEqual(unhandled, []);
});
