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
    /** A server that has heard the question, and begins to answer once the test says so. */
    async function late(t, start) {
      let begin = () => {};
      let posted = () => {};
      const isPosted = new Promise((resolve) => (posted = resolve));
      const heard = new Promise((resolve) => (begin = resolve));
      const { url, requests, asked, stopped } = await keep(t, [], {
        instead(request, response) {
          if (request.url.endsWith("/stop")) return posted(refuse(response, 204)) ?? true;
          begin(() => {
            open(response);
            response.write(frame("start", start, `${RUN}.1`));
          });
          return true;
        },
      });
      return { url, requests, asked, stopped, isPosted, heard };
    }

    test("is shown at once, and told to the server as soon as it says where the run is", async (t) => {
      hurry(t);
      const { url, requests, asked, stopped, heard, isPosted } = await late(t, { id: RUN, url: PATH });
      const run = stream(url, { method: "POST", body: "question", resume: true });
      const begin = await heard;
      run.stop();
      run.stop();
      assert.equal(await run.done, undefined);
      assert.deepEqual([run.state, run.url], ["stopped", ""]);
      const gone = once(requests[0].socket, "close");
      begin();
      await isPosted;
      await gone;
      assert.deepEqual([asked.length, stopped.length], [1, 1]);
      assert.equal(stopped[0].url, `${PATH}/stop`);
      assert.deepEqual([run.state, run.text, run.url], ["stopped", "", ""]);
    });

    test("closes the connection to a server that does not keep it", async (t) => {
      hurry(t);
      const { url, requests, stopped, heard } = await late(t, { id: RUN });
      const run = stream(url, { method: "POST", resume: true });
      const begin = await heard;
      const gone = once(requests[0].socket, "close");
      run.stop();
      begin();
      await gone;
      assert.equal(stopped.length, 0);
    });

    test("does not ask again, where the request was lost", async (t) => {
      hurry(t);
      const { url, asked } = await keep(t, [], { instead: (_request, response) => response.destroy() ?? true });
      const run = await reaches("reconnecting", (onState) => stream(url, { onState, method: "POST", resume: true }));
      const { length } = asked;
      run.stop();
      assert.equal(await run.done, undefined);
      await new Promise((resolve) => setTimeout(resolve, 3000)); // 30 ms
      assert.equal(asked.length, length);
    });

    test("closes the connection at once, where nothing is known of a server that keeps it", async (t) => {
      const { url, requests, heard } = await late(t, { id: RUN, url: PATH });
      const run = stream(url, { method: "POST" });
      await heard;
      const gone = once(requests[0].socket, "close");
      run.stop();
      await gone;
      assert.equal(run.state, "stopped");
    });
  });
});
