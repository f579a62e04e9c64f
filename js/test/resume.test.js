import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { stream } from "../src/connect.js";
import { random } from "./counted.js";
import { ANSWER, errorOf, hurry, isFollowing, keep, page, PATH, reaches, refuse, RUN, TEXT } from "./keeper.js";
import { frame, open, serve, streaming } from "./server.js";

async function collect(run) {
  const events = [];
  for await (const event of run) events.push(event);
  return events;
}

describe("a run that the server keeps", () => {
  test("is read to its end, however often and wherever its connection drops", async (t) => {
    hurry(t);
    const next = random(12);
    const start = frame("start", { id: RUN, url: PATH }, `${RUN}.1`).length;
    for (let round = 0; round < 60; round += 1) {
      // Some connections drop before their first byte, some inside an event or a character.
      const cut = ({ after }) => (after === null ? start : next() < 0.3 ? 0 : 1) + Math.floor(next() * 220);
      const { url, asked, followed } = await keep(t, ANSWER, { cut });
      const run = stream(url, { method: "POST", body: "question" });
      const events = await collect(run);
      assert.equal(run.text, TEXT);
      assert.deepEqual(events.map(({ type }) => type), ["start", ...ANSWER.map(([type]) => type)]);
      assert.equal(asked.length, 1, "the model is asked once");
      assert.ok(followed.length > 0);
      assert.ok(followed.every(({ method, text }) => method === "GET" && text === ""));
    }
  });

  test("that ends without an end is gone on with at once: its worker went away", async (t) => {
    const waits = hurry(t);
    const { url, frames, followed } = await keep(t, ANSWER, {
      instead(request, response) {
        if (isFollowing(request)) return false;
        open(response);
        return response.end(frames.slice(0, 3).join(""));
      },
    });
    const states = [];
    const run = stream(url, { onState: (state) => states.push(state) });
    await run.done;
    assert.equal(run.text, TEXT);
    assert.deepEqual(followed.map(({ after }) => after), ["3"]);
    assert.deepEqual(states, ["waiting", "streaming", "reconnecting", "streaming", "done"]);
    assert.equal(waits.find((wait) => wait < 15_000), 0);
  });

  test("goes back to waiting where no word had come", async (t) => {
    const { url, frames } = await keep(t, ANSWER, {
      instead(request, response) {
        if (isFollowing(request)) return false;
        open(response);
        return response.end(frames[0]);
      },
    });
    const states = [];
    await stream(url, { onState: (state) => states.push(state) }).done;
    assert.deepEqual(states, ["waiting", "reconnecting", "waiting", "streaming", "done"]);
  });

  test("may be sent again from its beginning: nothing is told twice", async (t) => {
    const { url, frames } = await keep(t, ANSWER, {
      cut: (_request, number) => (number === 1 ? 300 : undefined),
      instead(request, response) {
        if (!isFollowing(request)) return false;
        open(response);
        return response.end(frames.join(""));
      },
    });
    const run = stream(url);
    const ids = (await collect(run)).map(({ id }) => id);
    assert.equal(run.text, TEXT);
    assert.deepEqual(ids, frames.map((_frame, index) => `${RUN}.${index + 1}`));
  });

  test("is asked for as the request was: with the page's headers, and without its body and key", async (t) => {
    const cut = (request) => (isFollowing(request) ? undefined : 250);
    const { url, asked, followed } = await keep(t, ANSWER, { cut });
    let renewed = 0;
    const headers = () => ({ Authorization: `Bearer ${++renewed}` });
    page(t, { origin: new URL(url).origin });
    await stream(`${url}chat?q=1`, { method: "POST", body: "question", headers }).done;
    assert.equal(asked[0].headers.authorization, "Bearer 1");
    assert.deepEqual(followed.map((request) => request.headers.authorization), ["Bearer 2"]);
    assert.equal(followed[0].headers.accept, "text/event-stream");
    assert.equal(followed[0].headers["idempotency-key"], undefined);
    assert.match(followed[0].url, /^\/app\/_stream\/a1b2\?after=\d$/);
  });

  test("is looked for on the origin that was asked, whatever the server says", async (t) => {
    const stranger = await serve(t, streaming());
    const { url, followed } = await keep(t, ANSWER, {
      instead(request, response) {
        if (isFollowing(request)) return false;
        open(response);
        return response.end(frame("start", { id: RUN, url: stranger.url.slice(0, -1) + PATH }, `${RUN}.1`));
      },
    });
    await stream(url).done;
    assert.equal(followed.length, 1);
    assert.equal(stranger.requests.length, 0);
  });

  test("that has gone silent is read on another connection", async (t) => {
    t.mock.timers.enable({ apis: ["setInterval", "Date"] });
    const { url, frames, followed } = await keep(t, ANSWER, {
      instead(request, response) {
        if (isFollowing(request)) return false;
        open(response);
        const start = frame("start", { id: RUN, url: PATH, heartbeat: 15 }, `${RUN}.1`);
        return response.write(start + frames.slice(1, 4).join(""));
      },
    });
    const run = await reaches("streaming", (onState) => stream(url, { onState }));
    for (let elapsed = 0; elapsed < 40_000; elapsed += 2000) t.mock.timers.tick(2000);
    await run.done;
    assert.equal(run.text, TEXT);
    assert.equal(followed.length, 1);
  });

  test("is not repeated and not followed where the server keeps none", async (t) => {
    const frames = [frame("start", { id: RUN }, RUN), frame("text", { text: "Hi" })];
    const { url, requests } = await serve(t, streaming(...frames));
    for (const resume of [false, true]) assert.equal((await errorOf(stream(url, { resume }))).code, "cut");
    assert.equal(requests.length, 2);
  });
});

describe("while it cannot be reached", () => {
  /** Cut in mid-answer, and refused from then on so many times. */
  const refusing = (t, times, status, headers) =>
    keep(t, ANSWER, {
      cut: (request) => (isFollowing(request) ? undefined : 250),
      instead: (request, response, number) =>
        isFollowing(request) && number <= times && refuse(response, status, headers),
    });

  for (const status of [429, 500, 502, 503, 504]) {
    test(`with ${status}, it is tried again, after longer and longer waits`, async (t) => {
      const waits = hurry(t);
      const { url, followed } = await refusing(t, 5, status);
      const run = stream(url);
      await run.done;
      assert.equal(run.text, TEXT);
      assert.equal(followed.length, 6);
      // Not those for an answer, and for a refusal's words.
      const between = waits.filter((wait) => ![15_000, 5000].includes(wait));
      for (const [index, most] of [0, 1000, 2000, 4000, 8000, 16_000].entries()) {
        assert.ok(between[index] <= most && between[index] >= most / 2, `${between}`);
      }
    });
  }

  test("that has not begun yet is waited for, and nothing is said to be lost", async (t) => {
    hurry(t);
    const body = JSON.stringify({ code: "overloaded", message: "Not yet.", retryable: true });
    const { url, followed } = await keep(t, ANSWER, {
      instead: (_request, response, number) =>
        number <= 3 && response.writeHead(503, { "Content-Type": "application/json" }).end(body),
    });
    const states = [];
    const run = stream(url, { resume: new URL(PATH, url).href, onState: (state) => states.push(state) });
    await run.done;
    assert.equal(run.text, TEXT);
    assert.equal(followed.length, 4);
    assert.deepEqual(states, ["waiting", "streaming", "done"]);
  });

  test("with Retry-After, it is left alone for so long, whatever the page is told meanwhile", async (t) => {
    const waits = hurry(t);
    const { url, followed } = await refusing(t, 1, 503, { "Retry-After": "30" });
    const { tell } = page(t);
    const run = stream(url, { onState: () => setTimeout(() => tell("online"), 5000) });
    await run.done;
    assert.equal(followed.length, 2);
    assert.ok(waits.includes(30_000));
  });

  test("for longer than a minute, as the server says, its reader is told", async (t) => {
    const { url, followed } = await refusing(t, 1, 503, { "Retry-After": "90" });
    const run = stream(url);
    const { code, retryable, retryAfter } = await errorOf(run);
    assert.deepEqual([code, retryable, retryAfter], ["http", true, 90]);
    assert.equal(followed.length, 1);
    assert.equal(run.url, PATH, "it may still be there");
  });

  test("it is given up after eight tries in vain, and can still be followed", async (t) => {
    hurry(t);
    const { url, asked, followed } = await refusing(t, 8, 503);
    const run = stream(url, { method: "POST", body: "question" });
    assert.equal((await errorOf(run)).retryable, true);
    assert.equal(followed.length, 8);
    assert.equal(run.url, PATH);
    const again = stream(url, { method: "POST", body: "question", resume: run.url });
    await again.done;
    assert.equal(again.text, TEXT);
    assert.equal(asked.length, 1);
  });

  test("each event that comes begins the count anew", async (t) => {
    hurry(t);
    const { url, followed } = await keep(t, ANSWER, {
      cut: ({ after }) => (after === null ? 180 : 90),
      instead: (request, response, number) => isFollowing(request) && number % 7 && refuse(response, 503),
    });
    const run = stream(url);
    await run.done;
    assert.equal(run.text, TEXT);
    assert.ok(followed.length > 20, `${followed.length}`);
  });

  test("since it is not kept any longer, that is said, and nothing is asked anew", async (t) => {
    const { url, asked, followed } = await refusing(t, 9, 404);
    const run = stream(url);
    const { code, retryable, status } = await errorOf(run);
    assert.deepEqual([code, retryable, status], ["gone", true, 404]);
    assert.equal(run.url, "");
    assert.deepEqual([asked.length, followed.length], [1, 1]);
  });

  test("since it has ended, and its end was lost on the way, it was cut off", async (t) => {
    const { url, followed } = await refusing(t, 9, 204);
    const run = stream(url);
    const { code, retryable } = await errorOf(run);
    assert.deepEqual([code, retryable], ["cut", true]);
    assert.equal(followed.length, 1);
    assert.equal(run.url, PATH, "from its beginning it may be whole");
  });

  test("since nobody is signed in any more, that is said", async (t) => {
    const { url, followed } = await refusing(t, 9, 401);
    const { code, retryable } = await errorOf(stream(url));
    assert.deepEqual([code, retryable], ["auth", false]);
    assert.equal(followed.length, 1);
  });

  test("since a server says nothing at all, another try is made", async (t) => {
    hurry(t);
    const { url, followed } = await keep(t, ANSWER, {
      cut: (request) => (isFollowing(request) ? undefined : 250),
      instead: (request, _response, number) => isFollowing(request) && number === 1,
    });
    await stream(url).done;
    assert.equal(followed.length, 2);
  });

  test("without a network no try is made, and one at once when that is back", async (t) => {
    hurry(t);
    const { url, followed } = await refusing(t, 0);
    const { goOnline, tell } = page(t, { onLine: false });
    const run = await reaches("reconnecting", (onState) => stream(url, { onState }));
    await new Promise((turn) => setTimeout(turn, 10_000));
    tell("pageshow");
    await new Promise((turn) => setTimeout(turn, 1000));
    assert.equal(followed.length, 0);
    assert.equal(run.state, "reconnecting");
    goOnline();
    await run.done;
    assert.equal(run.text, TEXT);
    assert.equal(followed.length, 1);
  });

  for (const type of ["online", "pageshow", "visibilitychange"]) {
    test(`${type} ends the wait`, async (t) => {
      const { url, followed } = await refusing(t, 3, 503);
      const { tell } = page(t);
      t.mock.method(Math, "random", () => 0); // half the waits would take seven seconds; none is waited out
      const { setTimeout } = globalThis;
      t.mock.method(globalThis, "setTimeout", (call, wait) => setTimeout(call, wait >= 500 ? 1e6 : wait).unref());
      const run = stream(url);
      const telling = setInterval(() => tell(type), 10);
      await run.done;
      clearInterval(telling);
      assert.equal(followed.length, 4);
    });
  }
});

describe("a page that nobody sees", () => {
  test("waits its time, however often it is hidden, and tries at once where it is shown", async (t) => {
    const { url, followed } = await keep(t, ANSWER, {
      cut: (request) => (isFollowing(request) ? undefined : 250),
      instead: (request, response, number) => isFollowing(request) && number <= 1 && refuse(response, 503),
    });
    const { look } = page(t);
    const { setTimeout } = globalThis;
    let isResting = () => {};
    const rests = new Promise((resolve) => (isResting = resolve));
    t.mock.method(globalThis, "setTimeout", (call, wait) => {
      if (wait >= 500 && wait <= 1000) isResting();
      return setTimeout(call, wait >= 500 ? 1e6 : wait).unref();
    });
    const run = stream(url);
    await rests;
    for (let turn = 0; turn < 20; turn += 1) look("hidden");
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(followed.length, 1);
    look("visible");
    await run.done;
    assert.equal(followed.length, 2);
    assert.equal(run.text, TEXT);
  });
});

describe("a run that is followed by its address", () => {
  test("is read from its beginning, and nothing is asked", async (t) => {
    const { url, asked, followed } = await keep(t, ANSWER);
    const run = stream(url, { method: "POST", body: "question", resume: PATH });
    assert.equal((await collect(run)).length, ANSWER.length + 1);
    assert.equal(run.text, TEXT);
    assert.deepEqual([asked.length, followed.map(({ after }) => after)], [0, ["0"]]);
  });

  test("goes from connecting to waiting as any other", async (t) => {
    const { url } = await keep(t, ANSWER);
    const states = [];
    await stream(url, { resume: PATH, onState: (state) => states.push(state) }).done;
    assert.deepEqual(states, ["waiting", "streaming", "done"]);
  });

  test("and is not kept any longer is gone: there is something to ask only where something was", async (t) => {
    const { url, asked } = await keep(t, ANSWER, { instead: (_request, response) => refuse(response, 404) });
    const anew = await errorOf(stream(url, { resume: PATH }));
    assert.deepEqual([anew.code, anew.retryable], ["gone", true]);
    const alone = await errorOf(stream(new URL(PATH, url), { resume: PATH }));
    assert.deepEqual([alone.code, alone.retryable], ["gone", false]);
    assert.equal(asked.length, 0);
  });

  test("was stopped elsewhere: it is stopped here too, with what its end says", async (t) => {
    const end = { stop_reason: "stopped", text_length: 6 };
    const { url } = await keep(t, [["text", { text: "Hello " }], ["done", end]]);
    const run = stream(url, { resume: PATH });
    assert.deepEqual(await run.done, end);
    assert.equal(run.state, "stopped");
  });
});
