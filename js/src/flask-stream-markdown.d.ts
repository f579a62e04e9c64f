/** The types of flask-stream-markdown.js: what a page imports to set Markdown up. */

import type { MakeRenderer } from "./flask-stream.js";

export interface MarkdownOptions {
  /** Whether pictures are fetched from wherever the answer says; off, they are links. */
  images?: boolean;
  /** Called once for each finished code block; what it gives is shown in place of the plain code. */
  highlight?: (code: string, language: string) => Node | null | undefined;
  /** Makes what stands between `$`, `$$`, `\(` or `\[`. Without it, these are text. */
  math?: (tex: string, display: boolean) => Node;
}

/** A renderer for `<flask-stream>`: `element.options = { renderer: markdown({ images: true }) }`. */
export function markdown(options?: MarkdownOptions): MakeRenderer;
