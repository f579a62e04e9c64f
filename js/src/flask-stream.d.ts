/** The types of flask-stream.js, for those who import it. Written by hand: `npm run types` holds them to the sources. */

/** Tokens: of the whole run so far. Input counts cached tokens, output counts reasoning. */
export interface Usage {
  input_tokens?: number;
  output_tokens?: number;
  cache_read_tokens?: number;
  cache_write_tokens?: number;
  reasoning_tokens?: number;
}

/** The data of the `done` event. */
export interface Done {
  /** "stopped": by a reader of it, here or elsewhere. */
  stop_reason: "stop" | "length" | "tool_calls" | "refusal" | "pause" | "stopped" | "other";
  /** In UTF-16 code units, as JavaScript counts. */
  text_length: number;
  provider_stop_reason?: string;
  usage?: Usage;
}

/** The data of the `failed` event. */
export interface Failed {
  /** One of Flask-Stream's, or the app's own. */
  code: string;
  /** Safe to show. */
  message: string;
  retryable: boolean;
}

/**
 * The data of each event, by the event's name. An app adds its own `Data(name, data)`:
 *
 *     declare module "flask-stream" {
 *       interface StreamEvents {
 *         progress: { done: number; of: number };
 *       }
 *     }
 */
export interface StreamEvents {
  /**
   * `heartbeat`: after so many seconds of silence a comment comes; left out where none does. `submission`: the question
   * that it answers, where its request said which.
   */
  start: { id: string; heartbeat?: number; url?: string; submission?: string };
  meta: { provider?: string; model?: string; response_id?: string };
  text: { text: string };
  /** The model's thinking, or its summary. */
  reasoning: { text: string };
  refusal: { text: string };
  /** `server`: the provider runs the tool itself. */
  tool_call_start: { id: string; name: string; server?: true };
  /** A piece of JSON text. `partial`: what is whole of all of it, where the route has `partial=True`; a model wrote it. */
  tool_call_delta: { id: string; arguments: string; partial?: Record<string, unknown> };
  /** `arguments` are null, and `raw` is there, where they are not JSON. */
  tool_call: { id: string; name: string; arguments: unknown; raw?: string; server?: true };
  tool_result: { id: string; result: unknown; name?: string; is_error?: true };
  source: { url?: string; title?: string; cited_text?: string; document?: string };
  usage: Usage;
  done: Done;
  failed: Failed;
}

/** One event; its `type` says what its `data` is. */
export type StreamEvent = {
  [Type in keyof StreamEvents]: {
    readonly type: Type;
    readonly data: StreamEvents[Type];
    /** The last event ID. */
    readonly id: string;
  };
}[keyof StreamEvents];

export type State = "idle" | "connecting" | "waiting" | "streaming" | "reconnecting" | "done" | "stopped" | "failed";

/** What a run fails with. Known by its `name`, since the class itself is not exported. */
export interface StreamError extends Error {
  readonly name: "StreamError";
  /**
   * "cut": the connection ended before the answer did; "network": the server could not be reached;
   * "bad_response": it sent something else, or an event of more than 8 MiB; "no_content": it does not run this
   * request again; "gone": it does not keep this run any longer; "auth": nobody is signed in, or so a redirect looks; "http": another HTTP error. Or the
   * server's own, as "cross_site", where it takes this page for another site's.
   */
  readonly code: string;
  /** Fit to be shown to the reader. */
  readonly message: string;
  /** Whether asking again may help. */
  readonly retryable: boolean;
  /** The HTTP status, where there is one to tell. */
  readonly status: number | null;
  /** Seconds that the server wants to pass before the next try; 0 where it did not say. */
  readonly retryAfter: number;
}

/** All of fetch's own options, and: */
export interface StreamOptions extends Omit<RequestInit, "headers"> {
  /** A function is asked when the run begins: for a token that is renewed, for instance. */
  headers?: HeadersInit | (() => HeadersInit);
  /** The token for `X-CSRFToken`, where neither the form nor `<meta name="csrf-token">` has it. */
  csrf?: string | null | undefined;
  /**
   * Otherwise "follow" for a GET without `headers`, and "manual" for what has some, or may change something:
   * they, its body and its token are not taken to wherever a redirect leads, and the run fails with "auth".
   */
  redirect?: RequestRedirect;
  /**
   * "eventsource" reads a GET through EventSource, which cannot tell an HTTP error's status, sends no header
   * of yours, and hears no events of the app's own.
   */
  transport?: "fetch" | "eventsource" | null | undefined;
  /**
   * true: the route is known to be resumable, so that a request whose connection is lost before the answer begins
   * is repeated. Or the `url` of a run, which is followed from its beginning: nothing is asked then.
   */
  resume?: boolean | string;
  /**
   * The id of the question, whatever its attempts: a new one, unless given. POST takes it to the page's own origin, as
   * `Flask-Stream-Submission`.
   */
  submission?: string;
  /** Which of its attempts this is, from the second on. */
  attempt?: number;
  /** Called at each change of state. */
  onState?: (state: State) => void;
}

/**
 * One answer on its way. It goes on by itself, over as many connections as that takes where the server keeps it: to
 * iterate it (once) is optional and may begin late; to leave that loop early stops it. The loop ends at the end of
 * the run, and throws what `done` rejects with.
 */
export interface Run extends AsyncIterable<StreamEvent> {
  readonly state: State;
  /** The `text` events so far. */
  readonly text: string;
  /** Where a run that the server keeps can be followed; empty where it keeps none, and once that has ended. */
  readonly url: string;
  /**
   * Resolves with the data of the `done` event, or with nothing when stopped before one came; rejects with a
   * StreamError. Never an unhandled rejection: nobody has to look.
   */
  readonly done: Promise<Done | undefined>;
  /** Ends the run, for all who read it; what has arrived is kept. */
  stop(): void;
  /** Closes the connection and no more: a run that the server keeps goes on without this reader. */
  leave(): void;
}

/** Begins a run. A mistake in the arguments throws here; whatever goes wrong later rejects `done`. */
export function stream(url: string | URL, options?: StreamOptions): Run;

/**
 * Has the client say in other words what it says: by the English text, in which `{}` stands for a value, or by the code
 * of an error. A page's own words in its markup are there earlier: `<script type="application/json" data-stream-words>`.
 */
export function words(texts: Record<string, string>): Promise<void>;

/** A server-sent event, as it came. */
export interface ParsedEvent {
  /** The `event` field, or "message". */
  type: string;
  /** The `data` fields, joined with line feeds. */
  data: string;
  lastEventId: string;
}

export interface ParseOptions {
  /** Called for each valid `retry` field. */
  onRetry?: (milliseconds: number) => void;
  /** Called when a blank line commits a new last event ID, with or without an event. */
  onId?: (id: string) => void;
}

/**
 * Any server-sent events, from bytes to events, as the WHATWG HTML standard has it.
 *
 * @throws {RangeError} for an event, or a line, of more than 8 MiB characters
 */
export function parse(
  chunks: AsyncIterable<Uint8Array>,
  options?: ParseOptions,
): AsyncGenerator<ParsedEvent, void, void>;

/** What shows one piece of an answer. */
export interface Renderer {
  /** Gets what is new, at most once a frame. */
  write(text: string): void;
  /** Called once, when no more comes. With a promise, `stream:done` waits for it. */
  end(): void | Promise<void>;
}

/** To be handed what is drawn later than in `write` and `end`: the reader is followed then, and the answer is still there. */
export type Around = (paint: () => void) => void;

/** Called for each text part of an answer, with the element that it is to fill. */
export type MakeRenderer = (part: HTMLElement, around: Around) => Renderer;

export interface ElementOptions extends StreamOptions {
  /** The page's own, for the text: flask-stream-markdown.js makes one. */
  renderer?: MakeRenderer;
}

/** `<flask-stream>`: a stream in the page, with its words, its state, and its Stop and Retry buttons. */
export class FlaskStreamElement extends HTMLElement {
  /** For every run of this element. */
  options: ElementOptions;
  /** Streams the answer of a URL into the output; a run that is still going on is stopped. */
  start(url: string | URL, options?: ElementOptions): Run;
  stop(): void;
  /** Goes on with what the server has of it, or sends the last request again, in place of the answer that failed. */
  retry(): void;
}

/** An attribute that is there, or is not. No `false`: but for React 19, what writes attributes makes a word of that. */
export type Present = true | "" | undefined;

/** The attributes of `<flask-stream>`, for those who write them in JSX or in a template. */
export interface FlaskStreamAttributes {
  /** The id of the form whose submit is streamed. */
  form?: string | undefined;
  /** Streamed with GET as soon as it is in the page. */
  src?: string | undefined;
  /** In place of GET, or of the form's own. */
  method?: string | undefined;
  /** Otherwise the text is shown as it is. */
  render?: "markdown" | undefined;
  /** Each answer comes after the last one, not in its place. */
  append?: Present;
  /** Where Markdown's headings begin: 1 to 6. */
  "heading-level"?: number | `${number}` | undefined;
  /** A page that is loaded anew goes on with its answer; or with this run's, or with none: "server". */
  resume?: Present | string;
  /** Bursts are spread over some frames. */
  smooth?: Present;
  /** The end is not kept in view. */
  autoscroll?: "off" | undefined;
  /** Screen readers read the answer too, once it is whole; or nothing. */
  announce?: "answer" | "off" | undefined;
  /** The token for `X-CSRFToken`. */
  csrf?: string | undefined;
  /** Cookies for another origin. */
  "with-credentials"?: Present;
  transport?: "eventsource" | undefined;
}

/** The detail of `stream:start`. */
export interface StartDetail {
  /** Its headers can still be changed. */
  request: Request;
  /** As it was given: a Request's own cannot be looked at. */
  body: BodyInit | null | undefined;
  /** The id of the question, whatever its attempts; empty where the request does not carry it. */
  submission: string;
  /** How often the question has been asked, this time among them. In a page that was loaded anew: 1, or above it. */
  attempt: number;
}

/** The detail of `stream:error`. */
export interface ErrorDetail {
  /** The HTTP status, where there is one to tell. */
  status: number | null;
  code: string;
  message: string;
  retryable: boolean;
  /** 1, and one more with each Retry. */
  attempt: number;
}

declare global {
  interface HTMLElementTagNameMap {
    "flask-stream": FlaskStreamElement;
  }

  /** They bubble: from the element to `document` and `window`. */
  interface GlobalEventHandlersEventMap {
    /** A request is about to leave. */
    "stream:start": CustomEvent<StartDetail>;
    /** The server has accepted the request. */
    "stream:open": CustomEvent<null>;
    /** Cancelable: what the page prevents, the element does not show. */
    "stream:event": CustomEvent<StreamEvent>;
    "stream:done": CustomEvent<Done>;
    "stream:stop": CustomEvent<null>;
    /** The reader wants the request to be sent again. */
    "stream:retry": CustomEvent<{ attempt: number }>;
    "stream:error": CustomEvent<ErrorDetail>;
  }
}
