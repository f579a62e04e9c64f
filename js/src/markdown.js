/** Markdown, drawn while it arrives. Built to a file of its own, `flask-stream-markdown.js`. */

import { Answer } from "./markdown/answer.js";

/**
 * @typedef {object} MarkdownOptions
 * @property {boolean} [images] whether pictures are shown, from wherever the answer says; otherwise they are links
 * @property {(url: URL) => boolean} [links] whether a link or a picture may lead there; otherwise its words are shown
 * @property {(code: string, language: string) => Node | null | undefined} [highlight] called once for each
 *   finished code block; what it gives is shown instead of the plain code
 * @property {(tex: string, display: boolean) => Node} [math] makes what is shown for a formula between `$`, `$$`,
 *   `\(` or `\[`; without it they are text
 * @property {number} [headingLevel] of the answer's highest headings, 1 to 6; anything else is 1
 */

/**
 * @param {MarkdownOptions} [options]
 * @returns {(part: HTMLElement, around?: import("./text.js").Around) => { write(text: string): void, end(): Promise<void> }}
 *   a renderer
 */
export function markdown(options = {}) {
  return (part, around) => new Answer(part, options, around);
}
