/** The types of flask-stream-markdown.js: what a page imports to set Markdown up. */

import type { Around, Renderer } from "./flask-stream.js";

export interface MarkdownOptions {
  /** Whether pictures are fetched from wherever the answer says; off, they are links. */
  images?: boolean;
  /**
   * Whether a link, or a picture, may lead to this address; where not, its words are shown as text. Asked each time
   * that it is drawn, and only for `http`, `https`, `mailto` and `tel`.
   */
  links?: (url: URL) => boolean;
  /** Called once for each finished code block; what it gives is shown in place of the plain code. */
  highlight?: (code: string, language: string) => Node | null | undefined;
  /** Makes what stands between `$`, `$$`, `\(` or `\[`. Without it, these are text. */
  math?: (tex: string, display: boolean) => Node;
  /**
   * Where the answer's headings begin, 1 to 6: with 3, `#` is an h3 and `##` an h4, as fits a page that has its own
   * h1 and h2. None is deeper than h6. Anything else counts as 1.
   */
  headingLevel?: number;
}

export interface MarkdownRenderer extends Renderer {
  /** Resolves once all is drawn: of a text longer than some 16,000 characters the rest is drawn in later turns. */
  end(): Promise<void>;
}

/** A renderer for `<flask-stream>`: `element.options = { renderer: markdown({ images: true }) }`. */
export function markdown(options?: MarkdownOptions): (part: HTMLElement, around?: Around) => MarkdownRenderer;
