import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { parse } from "../src/parse.js";

const OWN_CASES = new URL("sse_cases.json", import.meta.url);
const SHARED = process.env.FLASK_STREAM_SHARED ?? fileURLToPath(new URL("../../../shared", import.meta.url));
const SHARED_CASES = join(SHARED, "sse_cases.json");

/** @param {string | Uint8Array} text */
const bytes = (text) => (typeof text === "string" ? new TextEncoder().encode(text) : text);

async function* each(chunks) {
  yield* chunks;
}

async function outcome(chunks) {
  const events = [];
  let retry = null;
  let lastId = "";
  const options = { onRetry: (value) => (retry = value), onId: (value) => (lastId = value) };
  for await (const event of parse(each(chunks), options)) events.push(event);
  return { events, lastId, retry };
}

function* twoWaySplits(body) {
  for (let cut = 0; cut <= body.length; cut++) yield [body.subarray(0, cut), body.subarray(cut)];
}

function holds(file) {
  for (const { name, body, body_base64, chunks, ...expected } of JSON.parse(readFileSync(file, "utf8"))) {
    const whole = body_base64 === undefined ? bytes(body) : new Uint8Array(Buffer.from(body_base64, "base64"));
    const wanted = { events: expected.expected, lastId: expected.expected_last_id, retry: expected.expected_retry };

    describe(name, () => {
      test("whole", async () => assert.deepEqual(await outcome([whole]), wanted));
      test("byte by byte", async () => {
        assert.deepEqual(await outcome([...whole].map((byte) => Uint8Array.of(byte))), wanted);
      });
      test("at every two-way split", async () => {
        for (const split of twoWaySplits(whole)) {
          assert.deepEqual(await outcome(split), wanted, `cut behind byte ${split[0].length}`);
        }
      });
      if (chunks) test("cut as recorded", async () => assert.deepEqual(await outcome(chunks.map(bytes)), wanted));
    });
  }
}

describe("the project's own cases", () => holds(OWN_CASES));

if (existsSync(SHARED_CASES)) describe("the collected cases", () => holds(SHARED_CASES));
else test.skip(`the collected cases: no ${SHARED_CASES} (FLASK_STREAM_SHARED names its folder)`);

describe("how events leave", () => {
  test("an event leaves with the CR that completes it, before the stream goes on", async () => {
    async function* chunks() {
      yield bytes("data: a\r\r");
      assert.fail("the parser asked for more before it gave the event");
    }
    const { value } = await parse(chunks()).next();
    assert.equal(value?.data, "a");
  });

  test("a consumer that leaves ends the source", async () => {
    let ended = false;
    async function* chunks() {
      try {
        for (;;) yield bytes("data: a\n\n");
      } finally {
        ended = true;
      }
    }
    for await (const event of parse(chunks())) {
      assert.equal(event.data, "a");
      break;
    }
    assert.ok(ended);
  });

  test("an error of the source comes through", async () => {
    async function* chunks() {
      yield bytes("data: a\n");
      throw new Error("broken");
    }
    await assert.rejects(parse(chunks()).next(), /broken/);
  });
});

describe("cost", () => {
  test("a long line in small pieces is read once: no text is searched again", async (t) => {
    const pieces = 20_000;
    let searched = 0;
    const { matchAll } = String.prototype;
    t.mock.method(String.prototype, "matchAll", function (pattern) {
      searched += this.length;
      return matchAll.call(this, pattern);
    });
    async function* chunks() {
      yield bytes("data: ");
      for (let piece = 0; piece < pieces; piece++) yield bytes("0123456789");
      yield bytes("\n\n");
    }
    const { value } = await parse(chunks()).next();
    assert.equal(value?.data.length, pieces * 10);
    assert.equal(searched, pieces * 10 + "data: \n\n".length);
  });

  const MOST = 8 * 2 ** 20;
  const piece = "a".repeat(2 ** 16);
  for (const [name, line] of [
    ["a line", piece],
    ["a comment", piece],
    ["lines", `data: ${piece}\n`],
  ]) {
    test(`an event without end, in ${name}, is an error once 8 MiB have come, and no more is read`, async () => {
      let read = 0;
      let ended = false;
      async function* chunks() {
        try {
          yield bytes("data: before\n\n");
          yield bytes(name === "a comment" ? ": " : "data: ");
          for (; read < 4 * MOST; read += line.length) yield bytes(line);
        } finally {
          ended = true;
        }
      }
      const events = [];
      await assert.rejects(async () => {
        for await (const { data } of parse(chunks())) events.push(data);
      }, /^RangeError: .*too long: more than 8 MiB/);
      assert.deepEqual(events, ["before"]);
      assert.ok(read >= MOST - piece.length && read < MOST + 2 * piece.length, String(read));
      assert.ok(ended, "the source is closed");
    });
  }

  test("an event of 8 MiB is none, nor are many that are more together", async () => {
    const data = "a".repeat(MOST - 10);
    const { events } = await outcome([bytes(`data: ${data}\n\n`), bytes(`data: ${data}\n\n`)]);
    assert.deepEqual(events.map((event) => event.data.length), [MOST - 10, MOST - 10]);
  });
});
