import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { stream } from "../src/connect.js";
import { hurry, keep, page, PATH, RUN } from "./keeper.js";

const START = ["start", { id: RUN, url: PATH }, 1];
const HELLO = ["text", { text: "Hello " }, 2];
const WORLD = ["text", { text: "world" }, 3];
const DONE = ["done", { stop_reason: "stop", text_length: 11 }, 4];
const ANSWER = [HELLO, WORLD, DONE].map(([type, data]) => [type, data]);

/** A browser's EventSource, whose server and network are the test's. */
class Source extends EventTarget {
  static made = [];
  CLOSED = 2;
  readyState = 0;

  constructor(url) {
    super();
    this.url = url;
    Source.made.push(this);
  }

  open() {
    this.readyState = 1;
    this.onopen();
  }

  send(...events) {
    for (const [type, data, number] of events) {
      const lastEventId = `${RUN}.${number}`;
      this.dispatchEvent(Object.assign(new Event(type), { data: JSON.stringify(data), lastEventId }));
    }
  }

  /** It will connect again by itself, or will not. */
  lose({ forGood = false } = {}) {
    this.readyState = forGood ? 2 : 0;
    this.onerror();
  }

  close() {
    this.readyState = 2;
  }
}

async function begin(t, how) {
  Source.made = [];
  globalThis.EventSource = Source;
  const told = page(t);
  t.after(() => delete globalThis.EventSource);
  const kept = await keep(t, ANSWER, how);
  const states = [];
  const run = stream(kept.url, { transport: "eventsource", onState: (state) => states.push(state) });
  await import("../src/more.js");
  await new Promise((turn) => setImmediate(turn));
  const [source] = Source.made;
  return { ...kept, ...told, run, source, states };
}

const turn = () => new Promise((go) => setImmediate(go));

describe("over EventSource, a run that the server keeps", () => {
  test("is gone on with by the browser, and nothing is told twice", async (t) => {
    const { run, source, states, requests } = await begin(t);
    source.open();
    source.send(START, HELLO);
    source.lose();
    assert.equal(run.state, "reconnecting");
    source.open();
    source.send(START, HELLO, WORLD, DONE);
    await run.done;
    assert.equal(run.text, "Hello world");
    assert.deepEqual(states, ["waiting", "streaming", "reconnecting", "streaming", "done"]);
    assert.equal(source.readyState, 2);
    assert.equal(requests.length, 0);
  });

  for (const [why, lose] of Object.entries({
    "gives it up": (source) => source.lose({ forGood: true }),
    "has tried three times in vain": (source) => Array.from({ length: 4 }, () => source.lose()),
  })) {
    test(`is gone on with by the client where the browser ${why}`, async (t) => {
      const { run, source, asked, followed } = await begin(t);
      source.open();
      source.send(START, HELLO);
      lose(source);
      await run.done;
      assert.equal(run.text, "Hello world");
      assert.equal(source.readyState, 2);
      assert.deepEqual([asked.length, followed.map(({ after }) => after)], [0, ["2"]]);
    });
  }

  test("has been read to its end, as the server says: it was cut off", async (t) => {
    const { run, source } = await begin(t, { instead: (_request, response) => response.writeHead(204).end() });
    source.open();
    source.send(START, HELLO);
    source.lose({ forGood: true });
    assert.equal((await run.done.catch((error) => error)).code, "cut");
  });

  test("is stopped as any other", async (t) => {
    const { run, source, stopped } = await begin(t);
    source.open();
    source.send(START, HELLO);
    run.stop();
    while (!stopped.length) await turn();
    source.send(["done", { stop_reason: "stopped", text_length: 6 }, 3]);
    await run.done;
    assert.equal(run.state, "stopped");
  });
});

describe("over EventSource, a run that the server does not keep", () => {
  test("is not repeated by the browser", async (t) => {
    const { run, source, requests } = await begin(t);
    source.open();
    source.send(["start", { id: RUN }, ""], HELLO);
    source.lose();
    assert.equal(source.readyState, 2);
    assert.equal((await run.done.catch((error) => error)).code, "cut");
    assert.equal(requests.length, 0);
  });

  test("is not repeated by the client either before it has begun, since EventSource sends no key", async (t) => {
    hurry(t);
    const { url, requests } = await begin(t);
    const run = stream(url, { transport: "eventsource", resume: true });
    await turn();
    Source.made.at(-1).lose();
    assert.equal((await run.done.catch((error) => error)).code, "network");
    assert.equal(requests.length, 0);
  });
});
