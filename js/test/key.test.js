import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { stream } from "../src/connect.js";
import { ANSWER, errorOf, hurry, isFollowing, keep, page, refuse, TEXT } from "./keeper.js";
import { open } from "./server.js";

describe("the key of a request", () => {
  const keyOf = (request) => request.headers["idempotency-key"];

  test("is new for each run, and 128 bits", async (t) => {
    const { url, asked } = await keep(t, ANSWER);
    page(t, { origin: new URL(url).origin });
    for (const method of ["POST", "PUT"]) await stream(url, { method }).done;
    await stream(url, { resume: true }).done;
    const keys = asked.map(keyOf);
    assert.equal(new Set(keys).size, 3);
    for (const key of keys) assert.match(key, /^\d{1,10}(-\d{1,10}){3}$/);
  });

  test("goes where another origin would have to allow it only if the run is known to be kept", async (t) => {
    const { url, asked } = await keep(t, ANSWER);
    const { origin } = new URL(url);
    for (const [from, method] of [
      ["https://elsewhere.example", "POST"],
      [origin, "GET"], // which may be redirected there
    ]) {
      page(t, { origin: from });
      for (const resume of [false, true]) await stream(url, { method, resume }).done;
    }
    assert.deepEqual(asked.map((request) => typeof keyOf(request)), ["undefined", "string", "undefined", "string"]);
  });

  test("of the page's own is left", async (t) => {
    const { url, asked } = await keep(t, ANSWER);
    await stream(url, { method: "POST", resume: true, headers: { "Idempotency-Key": "mine" } }).done;
    assert.equal(keyOf(asked[0]), "mine");
  });

  const cutBehind = (response, words) => {
    open(response);
    response.write(words, () => response.destroy());
    return true;
  };

  /** Where a request is lost, and how. */
  const losses = {
    "before the headers": (response) => response.destroy() || true,
    "behind the headers": (response) => cutBehind(response, ":\n"),
    "inside start": (response, frames) => cutBehind(response, frames[0].slice(0, -1)),
  };
  for (const [where, lose] of Object.entries(losses)) {
    test(`goes with the request once more that is lost ${where}, where the run is known to be kept`, async (t) => {
      hurry(t);
      const kept = await keep(t, ANSWER, {
        instead: (request, response, number) => !isFollowing(request) && number < 3 && lose(response, kept.frames),
      });
      const { url, asked } = kept;
      const states = [];
      const body = new URLSearchParams({ q: "question" });
      const run = stream(url, { method: "POST", body, resume: true, onState: (state) => states.push(state) });
      await run.done;
      assert.equal(run.text, TEXT);
      assert.deepEqual(asked.map(({ method, text }) => [method, text]), Array(3).fill(["POST", "q=question"]));
      assert.equal(new Set(asked.map(keyOf)).size, 1);
      assert.ok(states.includes("reconnecting"));
    });

    test(`is of no use elsewhere: what is lost ${where} is not sent again`, async (t) => {
      const kept = await keep(t, ANSWER, { instead: (_request, response) => lose(response, kept.frames) });
      await errorOf(stream(kept.url, { method: "POST", body: "question" }));
      assert.equal(kept.asked.length, 1);
    });
  }

  test("is not sent again where the server has answered: a status is an answer", async (t) => {
    const { url, asked } = await keep(t, ANSWER, { instead: (_request, response) => refuse(response, 503) });
    const { status, retryable } = await errorOf(stream(url, { method: "POST", resume: true }));
    assert.deepEqual([status, retryable, asked.length], [503, true, 1]);
  });

  test("cannot go with a body that is read but once: what went wrong is told", async (t) => {
    const { url, asked } = await keep(t, ANSWER, { instead: (_request, response) => response.destroy() });
    const body = new Blob(["question"]).stream();
    const error = await errorOf(stream(url, { method: "POST", body, duplex: "half", resume: true }));
    assert.deepEqual([error.code, asked.length], ["network", 1]);
  });
});
