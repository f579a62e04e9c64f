/** Compiled, never run: how the package is used, and what its types refuse. */

import { FlaskStreamElement, parse, stream, words as speak } from "flask-stream";
import type { Done, MakeRenderer, Renderer, Run, State, StreamError, StreamEvent, StreamOptions } from "flask-stream";
import { FlaskChatElement } from "flask-stream/chat";
import { markdown } from "flask-stream/markdown";
import german from "flask-stream/words/de";

declare module "flask-stream" {
  interface StreamEvents {
    progress: { done: number; of: number };
  }
}

const { body } = document;

// -- words ------------------------------------------------------------------------------------

speak(german).then(() => speak({ Stop: "Genug", overloaded: german["The answer failed."] ?? "" }));
// @ts-expect-error words are texts
speak({ Stop: 3 });

// -- stream() ---------------------------------------------------------------------------------

const run: Run = stream("/chat", {
  method: "POST",
  body: new FormData(),
  headers: () => ({ Authorization: "Bearer token" }),
  credentials: "include",
  signal: AbortSignal.timeout(1000),
  csrf: document.querySelector("meta")?.getAttribute("content"),
  onState: (state: State) => console.log(state),
});
stream(new URL("https://example.org/count"), { transport: "eventsource" });
const options: StreamOptions = { headers: new Headers(), transport: null };
stream("/chat", options);
stream("/chat", { method: "POST", resume: true });
stream("/chat", { resume: run.url || false });

// @ts-expect-error a URL is needed
stream();
// @ts-expect-error no such transport
stream("/chat", { transport: "websocket" });
// @ts-expect-error no such option
stream("/chat", { retries: 3 });
// @ts-expect-error whether, or which
stream("/chat", { resume: 3 });
// @ts-expect-error an error is no state
stream("/chat", { onState: (state: "error") => state });

// -- its events -------------------------------------------------------------------------------

export async function show(): Promise<Done | undefined> {
  for await (const { type, data, id } of run) {
    id.toUpperCase();
    // @ts-expect-error which event it is, is not known here
    body.append(data.text);
    if (type === "text" || type === "reasoning" || type === "refusal") body.append(data.text);
    if (type === "tool_call_delta") body.append(String(data.partial?.city ?? data.arguments));
    if (type === "tool_call") body.append(data.name, JSON.stringify(data.arguments), data.raw ?? "");
    if (type === "source" && data.url) body.append(data.url);
    if (type === "progress") body.append(`${data.done / data.of}`);
    // @ts-expect-error the model may call a tool with anything
    if (type === "tool_call") body.append(data.arguments.city);
    // @ts-expect-error there may be no title
    if (type === "source") body.append(data.title);
    // @ts-expect-error an event of this name is neither Flask-Stream's nor this app's
    if (type === "progres") body.append("?");
    // @ts-expect-error this event's data is something else
    if (type === "progress") body.append(data.text);
  }
  run.text.length.toFixed();
  run.stop();
  run.leave();
  // @ts-expect-error only the run itself goes from state to state
  run.state = "done";
  const done = await run.done;
  if (done?.stop_reason === "stopped") body.append("Stopped");
  // @ts-expect-error nothing, when it was stopped
  done.text_length.toFixed();
  return done;
}

export function words(event: StreamEvent): string {
  switch (event.type) {
    case "text":
      return event.data.text;
    case "failed":
      return event.data.message;
    case "done":
      return event.data.stop_reason === "length" ? "…" : String(event.data.usage?.output_tokens);
    default:
      return "";
  }
}

run.done.catch((error: StreamError) => {
  if (error.code === "cut" && error.retryable) setTimeout(show, error.retryAfter * 1000);
  return error.status === 401 ? "Sign in" : error.message;
});
// @ts-expect-error a type only: the module does not export the class
export const isOurs = (error: unknown) => error instanceof StreamError;

// -- parse() ----------------------------------------------------------------------------------

export async function read(chunks: AsyncIterable<Uint8Array>): Promise<string[]> {
  const names: string[] = [];
  for await (const { type, data, lastEventId } of parse(chunks, { onId: (id) => names.push(id) })) {
    names.push(type, data, lastEventId);
  }
  return names;
}
// @ts-expect-error bytes, not words
parse(["data: 1\n\n"]);

// -- <flask-stream> ---------------------------------------------------------------------------

const element = document.createElement("flask-stream");
const found: FlaskStreamElement | null = document.querySelector("flask-stream");
if (found instanceof FlaskStreamElement) found.retry();

const shouting: MakeRenderer = (part) => ({ write: (text) => part.append(text.toUpperCase()), end() {} });
element.options = { csrf: "token", renderer: shouting };
element.start("/chat", { method: "POST", renderer: markdown({ images: true }) }).stop();
element.stop();
// @ts-expect-error a renderer is made for each part
element.options = { renderer: { write() {}, end() {} } };
// @ts-expect-error it has to be told of the end
export const half: Renderer = { write(text) {} };
// @ts-expect-error the element's, not a run's
stream("/chat", { renderer: shouting });

element.addEventListener("stream:event", (event) => {
  if (event.detail.type === "progress") event.preventDefault();
});
element.addEventListener("stream:done", ({ detail }) => detail.text_length.toFixed());
element.addEventListener("stream:retry", ({ detail }) => detail.attempt.toFixed());
document.addEventListener("stream:error", ({ detail: { status, code, message, retryable, attempt } }) => {
  if (retryable && attempt < 3) body.append(`${status} ${code}: ${message}`);
});
window.addEventListener("stream:stop", ({ detail }) => detail === null);
// @ts-expect-error done has no message
element.addEventListener("stream:done", ({ detail }) => detail.message);

// -- <flask-chat> -----------------------------------------------------------------------------

const chat = document.querySelector("flask-chat");
if (chat instanceof FlaskChatElement) chat.ask("Why?");
chat?.addEventListener("stream:rate", ({ detail: { submission, value } }) => body.append(`${submission}: ${value}`));
chat?.addEventListener("stream:start", ({ detail: { request } }) => request.headers.set("X-Locale", "de"));
// @ts-expect-error a question is words
chat?.ask(new FormData());
// @ts-expect-error good, bad, or taken back
chat?.addEventListener("stream:rate", ({ detail }) => detail.value === "good");

// -- markdown ---------------------------------------------------------------------------------

element.options.renderer = markdown();
markdown({
  highlight(code, language) {
    if (language !== "python") return null;
    return Object.assign(document.createElement("b"), { textContent: code });
  },
  math: (tex, display) => new Text(display ? tex : ` ${tex} `),
});
// @ts-expect-error a node, not a string of HTML
markdown({ highlight: (code) => `<b>${code}</b>` });
markdown({ headingLevel: 3 });
markdown({ links: (url) => url.protocol === "https:" && url.host.endsWith(".example.org") });
// @ts-expect-error it is asked whether, not where to
markdown({ links: (url) => url.href });
const drawn: Promise<void> = markdown()(document.body).end();
drawn.then(() => scrollTo(0, 0));
// @ts-expect-error no such option
markdown({ html: true });
