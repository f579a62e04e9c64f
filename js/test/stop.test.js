import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";

import { stream } from "../src/connect.js";
import { ANSWER, hurry, isFollowing, keep, page, PATH, reaches, refuse, RUN } from "./keeper.js";
import { frame, open } from "./server.js";

const BEGINNING = frame("start", { id: RUN, url: PATH }, `${RUN}.1`) + frame("text", { text: "Hello " }, `${RUN}.2`);

describe("to stop a run that the server keeps", () => {
  /** Two words, and the rest once it was stopped, or never. */
  async function stoppable(t, { status = 204, ends = true } = {}) {
    let end = () => {};
    const { url, ...kept } = await keep(t, [], {
      instead(request, response) {
        if (request.url.endsWith("/stop")) {
          refuse(response, status);
          if (ends) end();
        } else {
          open(response);
          response.write(BEGINNING);
          const last = frame("text", { text: "wörld" }, `${RUN}.3`);
          end = () => response.end(last + frame("done", { stop_reason: "stopped", text_length: 11 }, `${RUN}.4`));
        }
        return true;
      },
    });
    const run = await reaches("streaming", (onState) => stream(url, { onState, method: "POST" }));
    return { url, run, ...kept };
  }

  test("is told to the server, and waits for the run's own end, with the words until then", async (t) => {
    const { run, stopped } = await stoppable(t);
    run.stop();
    assert.equal(run.state, "streaming");
    run.stop();
    assert.deepEqual(await run.done, { stop_reason: "stopped", text_length: 11 });
    assert.deepEqual([run.state, run.text, run.url], ["stopped", "Hello wörld", ""]);
    assert.deepEqual(stopped.map(({ method, url, text }) => [method, url, text]), [["POST", `${PATH}/stop`, ""]]);
    run.stop();
    assert.equal(stopped.length, 1);
  });

  for (const status of [404, 403, 500]) {
    test(`is not shown where the server refuses it with ${status}, and may be tried again`, async (t) => {
      const told = new Promise((resolve) => t.mock.method(console, "warn", resolve));
      const { run } = await stoppable(t, { status, ends: false });
      run.stop();
      assert.match(await told, new RegExp(`Stop was refused: HTTP ${status}`));
      assert.deepEqual([run.state, run.text, run.url], ["streaming", "Hello ", PATH]);
      const toldAgain = new Promise((resolve) => t.mock.method(console, "warn", resolve));
      run.stop();
      await toldAgain;
      run.leave();
      assert.equal(await run.done, undefined);
      assert.equal(run.state, "stopped");
    });
  }

  test("counts here after three seconds though nothing more is heard", async (t) => {
    const { run, requests } = await stoppable(t, { ends: false });
    const waits = hurry(t);
    run.stop();
    const gone = once(requests[0].socket, "close");
    await run.done;
    await gone;
    assert.equal(run.state, "stopped");
    assert.ok(waits.includes(3000));
  });

  test("counts while the connection is lost", async (t) => {
    hurry(t);
    let posted = () => {};
    const isPosted = new Promise((resolve) => (posted = resolve));
    const { url, stopped } = await keep(t, ANSWER, {
      cut: (request) => (isFollowing(request) ? undefined : 250),
      instead(request, response) {
        if (request.url.endsWith("/stop")) posted();
        return isFollowing(request) && refuse(response, 503);
      },
    });
    const run = await reaches("reconnecting", (onState) => stream(url, { onState }));
    run.stop();
    await run.done;
    assert.equal(run.state, "stopped");
    await isPosted;
    assert.equal(stopped.length, 1);
  });

  test("comes of leaving the loop", async (t) => {
    const { run, stopped } = await stoppable(t);
    for await (const { type } of run) if (type === "text") break;
    await run.done;
    assert.equal(stopped.length, 1);
  });

  test("carries the token of the form, or that which was given, or the page's", async (t) => {
    for (const [body, csrf, token, wanted] of [
      [new URLSearchParams({ csrf_token: "of the form" }), "given", "of the page", "of the form"],
      [new URLSearchParams({ q: "hi" }), "given", "of the page", "given"],
      ["{}", undefined, "of the page", "of the page"],
    ]) {
      let end = () => {};
      const kept = await keep(t, [], {
        instead(request, response) {
          if (request.url.endsWith("/stop")) return refuse(response, 204) && end();
          open(response);
          response.write(BEGINNING);
          end = () => response.end(frame("done", { stop_reason: "stopped", text_length: 6 }, `${RUN}.3`));
          return true;
        },
      });
      page(t, { origin: new URL(kept.url).origin, token });
      const run = await reaches("streaming", (onState) => stream(kept.url, { onState, method: "POST", body, csrf }));
      run.stop();
      await run.done;
      assert.equal(kept.stopped[0].headers["x-csrftoken"], wanted);
    }
  });

  test("is not what leaving is: nothing is posted, and the run can be followed", async (t) => {
    for (const how of ["leave", "signal"]) {
      const { url, requests, stopped } = await keep(t, [], {
        instead(_request, response) {
          open(response);
          return response.write(BEGINNING);
        },
      });
      const leaving = new AbortController();
      const { signal } = leaving;
      const run = await reaches("streaming", (onState) => stream(url, { onState, signal }));
      const gone = once(requests[0].socket, "close");
      if (how === "leave") run.leave();
      else leaving.abort();
      assert.deepEqual([run.state, run.url], ["stopped", PATH]);
      await gone;
      assert.equal(await run.done, undefined);
      assert.equal(stopped.length, 0);
    }
  });

  describe("before it has begun", () => {
    /** A server that has heard the question, and has not begun to answer. */
    async function late(t, answer = (response) => refuse(response, 204)) {
      const told = [];
      let hear = () => {};
      const heard = new Promise((resolve) => (hear = resolve));
      let hearStop = () => {};
      const isTold = new Promise((resolve) => (hearStop = resolve));
      const { url, requests, asked } = await keep(t, [], {
        instead(request, response) {
          if (request.headers["flask-stream"]) {
            told.push(request);
            if (answer(response, told.length) !== false) hearStop();
          } else {
            hear(request);
          }
          return true;
        },
      });
      return { url, requests, asked, told, heard, isTold };
    }

    test("is shown at once, and told where the question was asked, with its key", async (t) => {
      const { url, told, heard, isTold } = await late(t);
      const run = stream(url, { method: "POST", body: "question", resume: true });
      const asked = await heard;
      const gone = once(asked.socket, "close");
      run.stop();
      assert.deepEqual([run.state, run.url], ["stopped", ""]);
      run.stop();
      await gone;
      await isTold;
      assert.equal(await run.done, undefined);
      assert.equal(told.length, 1);
      const [{ method, headers, text, url: path }] = told;
      assert.deepEqual([method, path, text, headers["flask-stream"]], [asked.method, asked.url, "", "stop"]);
      assert.equal(headers["idempotency-key"], asked.headers["idempotency-key"]);
    });

    test("is told with the key that the page gave it, though it makes one for each request", async (t) => {
      const { url, told, heard, isTold } = await late(t);
      let made = 0;
      const headers = () => ({ "Idempotency-Key": `own ${(made += 1)}`, Authorization: "token" });
      const run = stream(url, { method: "POST", resume: true, headers });
      await heard;
      run.stop();
      await isTold;
      assert.deepEqual([told[0].headers["idempotency-key"], told[0].headers.authorization], ["own 1", "token"]);
    });

    test("is told to the run that the page named, by its address", async (t) => {
      const { url, told, heard, isTold } = await late(t);
      const run = stream(url, { method: "POST", resume: "/answers/1" });
      await heard;
      run.stop();
      await isTold;
      assert.equal(run.state, "stopped");
      assert.deepEqual(told.map(({ method, url }) => [method, url]), [["GET", "/answers/1"]]);
      assert.equal(told[0].headers["idempotency-key"], undefined);
    });

    test("is told no more to an address that the page gave, once another question is asked", async (t) => {
      hurry(t);
      const { url, told, heard, isTold } = await late(t, (response, number) => {
        refuse(response, 503);
        return number === 2;
      });
      const run = stream(url, { resume: "/chat/1/stream" });
      await heard;
      run.stop();
      await isTold;
      const another = stream(url, { method: "POST", resume: true });
      await new Promise((resolve) => setTimeout(resolve, 3000)); // 30 ms
      const { length } = told;
      await new Promise((resolve) => setTimeout(resolve, 60_000)); // 600 ms
      assert.equal(told.length, length);
      assert.ok(length < 8);
      another.leave();
    });

    test("is told again while the run is not there, or the server is not", async (t) => {
      const waits = hurry(t);
      const statuses = [404, 503, 204];
      const { url, told, heard, isTold } = await late(t, (response, number) => {
        if (number === 1) return response.destroy() && false;
        refuse(response, statuses[number - 2]);
        return statuses[number - 2] === 204;
      });
      const run = stream(url, { method: "POST", resume: true });
      await heard;
      run.stop();
      await isTold;
      assert.equal(told.length, 4);
      assert.ok(waits.length > 2);
    });

    test("is given up where there is no such run", async (t) => {
      hurry(t);
      const warned = new Promise((resolve) => t.mock.method(console, "warn", resolve));
      const { url, told, heard } = await late(t, (response) => refuse(response, 404) && false);
      const run = stream(url, { method: "POST", resume: true });
      await heard;
      run.stop();
      assert.match(await warned, /Stop was refused: HTTP 404/);
      assert.equal(told.length, 4);
      assert.equal(run.state, "stopped");
    });

    test("and before it has been asked: it never is, and there is nothing to tell", async (t) => {
      const { url, requests } = await late(t);
      const run = stream(url, { method: "POST", resume: true });
      run.stop();
      assert.equal(run.state, "stopped");
      await run.done;
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.equal(requests.length, 0);
    });

    test("closes the connection at once, where nothing is known of a server that keeps it", async (t) => {
      const { url, told, heard } = await late(t);
      const run = stream(url, { method: "POST" });
      const gone = once((await heard).socket, "close");
      run.stop();
      await gone;
      assert.equal(run.state, "stopped");
      assert.equal(told.length, 0);
    });

    test("and while the connection is lost: it is asked for no more", async (t) => {
      hurry(t);
      const { url, told, asked, isTold } = await (async () => {
        const told = [];
        let hearStop = () => {};
        const isTold = new Promise((resolve) => (hearStop = resolve));
        const kept = await keep(t, [], {
          instead(request, response) {
            if (!request.headers["flask-stream"]) return response.destroy() ?? true;
            told.push(request);
            hearStop();
            return refuse(response, 204);
          },
        });
        return { ...kept, told, isTold };
      })();
      const run = await reaches("reconnecting", (onState) => stream(url, { onState, method: "POST", resume: true }));
      const before = asked.length;
      run.stop();
      assert.equal(run.state, "stopped");
      await isTold;
      assert.equal(asked.length, before + told.length);
    });
  });
});
