/**
 * Server-sent events, from bytes to events, as the WHATWG HTML standard has it
 * (section "Server-sent events": "Parsing an event stream" and "Interpreting an event stream").
 */

/**
 * What an event may be long, in characters: the server takes no more bytes of its provider either
 * (STREAM_MAX_EVENT_BYTES, 8 MiB unless told).
 */
const MOST = 8 * 2 ** 20;

/** @param {number} length of what is kept of an event */
function check(length) {
  if (length > MOST) throw new RangeError("The server sent an event that is too long: more than 8 MiB.");
}

/**
 * @typedef {object} ParsedEvent
 * @property {string} type the `event` field, or "message"
 * @property {string} data the `data` fields, joined with line feeds
 * @property {string} lastEventId the last `id` that a blank line has committed
 */

/**
 * @typedef {object} ParseOptions
 * @property {(milliseconds: number) => void} [onRetry] called for each valid `retry` field
 * @property {(id: string) => void} [onId] called when a blank line commits a new last event ID,
 *   with or without an event
 */

/**
 * Events leave as soon as their blank line is complete, wherever the chunks are cut.
 *
 * @param {AsyncIterable<Uint8Array>} chunks
 * @param {ParseOptions} [options]
 * @returns {AsyncGenerator<ParsedEvent, void, void>}
 * @throws {RangeError} for an event, or a line, of more than 8 MiB
 */
export async function* parse(chunks, options) {
  const eventsOf = parser(options);
  for await (const chunk of chunks) yield* eventsOf(chunk);
  // What is left at the end of the stream is discarded: the standard dispatches only at a blank line.
}

/**
 * The same, a chunk at a time: to wait for each event takes longer than to read it.
 *
 * A line is over at its CR: waiting to see whether an LF follows would hold back the event.
 * Only new text is searched for line ends, so that a long line in many pieces stays linear.
 *
 * @param {ParseOptions} [options]
 */
export function parser({ onRetry, onId } = {}) {
  const interpret = lineInterpreter(onRetry, onId);
  // The standard takes one byte order mark off. Node 24's decoder takes two where a chunk ends inside the first.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let begun = false;
  let unfinished = "";
  let afterCR = false;

  /** @param {Uint8Array} chunk */
  return function* eventsOf(chunk) {
    let text = decoder.decode(chunk, { stream: true });
    if (text === "") return;
    if (!begun && text[0] === "\ufeff") text = text.slice(1);
    begun = true;
    if (afterCR && text[0] === "\n") text = text.slice(1);
    afterCR = text.endsWith("\r");
    let start = 0;
    for (const end of text.matchAll(/\r\n?|\n/g)) {
      const event = interpret(unfinished + text.slice(start, end.index));
      unfinished = "";
      start = end.index + end[0].length;
      if (event) yield event;
    }
    unfinished += text.slice(start);
    check(unfinished.length);
  };
}

/**
 * @param {ParseOptions["onRetry"]} onRetry
 * @param {ParseOptions["onId"]} onId
 */
function lineInterpreter(onRetry, onId) {
  let data = "";
  let type = "";
  let id = "";
  let lastEventId = "";

  /** @returns {ParsedEvent | null} */
  function dispatch() {
    if (id !== lastEventId) {
      lastEventId = id;
      onId?.(id);
    }
    const event = data === "" ? null : { type: type || "message", data: data.slice(0, -1), lastEventId };
    data = "";
    type = "";
    return event;
  }

  /**
   * @param {string} line
   * @returns {ParsedEvent | null} an event, when this line completes one
   */
  return function interpret(line) {
    if (line === "") return dispatch();
    // A comment, a line that begins with a colon, is a field without a name.
    const [, field, value] = /** @type {RegExpMatchArray} */ (line.match(/^([^:]*):? ?(.*)/s));
    if (field === "data") check((data += value + "\n").length);
    else if (field === "event") type = value;
    else if (field === "id" && !value.includes("\0")) id = value;
    else if (field === "retry" && /^[0-9]+$/.test(value)) onRetry?.(Number(value));
    return null;
  };
}
