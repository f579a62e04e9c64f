// Two clocks to each lane, and the lane that does not stream.
// The other one is the <flask-stream> element's: it listens to the same form.

class Lane {
  #clocks;
  #root;
  #began = 0;

  constructor(root) {
    this.#root = root;
    this.#clocks = Object.fromEntries(
      [...root.querySelectorAll("[data-clock]")].map((clock) => [clock.dataset.clock, clock]),
    );
  }

  /** Whether it came to its end without a word of an error. */
  complete = false;

  get running() {
    return "running" in this.#root.dataset;
  }

  start() {
    this.#began = performance.now();
    this.complete = false;
    this.#root.dataset.running = "";
    for (const clock of Object.values(this.#clocks)) delete clock.dataset.stopped;
    this.#tick();
  }

  firstWord() {
    this.#stop(this.#clocks.first);
  }

  end(complete) {
    this.complete = complete;
    this.#stop(this.#clocks.end);
    delete this.#root.dataset.running;
  }

  /** Seconds to the first word, or undefined if there was none. */
  get first() {
    const { stopped } = this.#clocks.first.dataset;
    return stopped && Number(stopped);
  }

  #stop(clock) {
    clock.dataset.stopped ??= this.#seconds();
    clock.textContent = `${clock.dataset.stopped} s`;
  }

  #tick = () => {
    if (!this.running) return;
    for (const clock of Object.values(this.#clocks)) {
      if (!("stopped" in clock.dataset)) clock.textContent = `${this.#seconds()} s`;
    }
    requestAnimationFrame(this.#tick);
  };

  #seconds() {
    return ((performance.now() - this.#began) / 1000).toFixed(1);
  }
}

const form = document.querySelector("#race");
const verdict = document.querySelector("#verdict");
const element = document.querySelector("flask-stream");
const whole = document.querySelector("[data-answer]");
const button = form.querySelector("[type=submit]");
const stop = form.querySelector("[data-stop]");
let waiting = new AbortController();
const problem = document.querySelector(".problem");
const streamed = new Lane(document.querySelector("#streamed"));
const waited = new Lane(document.querySelector("#waited"));

form.addEventListener("submit", (event) => {
  // Prevented, the element leaves it alone too: its own lane may be through already.
  if (streamed.running || waited.running) return event.preventDefault();
  button.setAttribute("aria-disabled", "true"); // disabled, it would lose the focus
  verdict.textContent = "";
  stop.hidden = false;
  streamed.start();
  waited.start();
  waiting = new AbortController();
  askForAll(new FormData(form), waiting.signal);
});

stop.addEventListener("click", () => {
  element.stop();
  waiting.abort();
});
// By the Escape key, for instance.
element.addEventListener("stream:stop", () => waiting.abort());

element.addEventListener("stream:event", (event) => {
  if (event.detail.type === "text") streamed.firstWord();
});
for (const type of ["stream:done", "stream:stop", "stream:error"]) {
  element.addEventListener(type, () => {
    streamed.end(type === "stream:done");
    finish();
  });
}

async function askForAll(body, signal) {
  whole.textContent = problem.textContent = "";
  try {
    const headers = { Accept: "application/json" };
    const response = await fetch(form.action, { method: "POST", headers, body, signal });
    const { text, error, message } = await response.json();
    if (text) waited.firstWord();
    whole.textContent = text ?? "";
    if (error || !response.ok) {
      problem.textContent = error?.message || message || problem.dataset.ifLost;
    }
  } catch {
    problem.textContent = signal.aborted ? problem.dataset.ifStopped : problem.dataset.ifLost;
  }
  waited.end(problem.textContent === "");
  finish();
}

function finish() {
  if (streamed.running || waited.running) return;
  if (stop.matches(":focus")) button.focus(); // hidden, it would lose the focus
  stop.hidden = true;
  button.removeAttribute("aria-disabled");
  if (streamed.complete && waited.complete && streamed.first && waited.first) {
    const head = (waited.first - streamed.first).toFixed(1);
    verdict.textContent = verdict.dataset.words.replace("{}", head);
  }
}
