/** The plain renderer: text as text nodes, in blocks. */

/**
 * What shows one piece of an answer; a page may bring its own.
 *
 * @typedef {object} Renderer
 * @property {(text: string) => void} write gets what is new, at most once a frame
 * @property {() => void | Promise<void>} end called once, when no more comes; of a promise, the answer is done with it
 */
/** @typedef {(paint: () => void) => void} Around is handed each paint, to do what has to be done before and after */
/** @typedef {(part: HTMLElement, around: Around) => Renderer} MakeRenderer the second is for what it draws later */

/** From so many characters on, a blank line ends a block. A browser walks all blocks at each frame, so: not too few. */
const BLOCK_LENGTH = 1500;

/**
 * Only the last block changes, so a long answer costs no more per frame than a short one. A block's line
 * feeds stay in it: the text of the part is the answer's.
 *
 * @param {HTMLElement} part
 * @returns {Renderer}
 */
export function plainText(part) {
  part.dataset.plain = "";
  let carried = ""; // a blank line may come in two pieces
  let last = block("");

  /** @param {string} text */
  function block(text) {
    const node = new Text(text);
    const element = document.createElement("div");
    element.append(node);
    part.append(element);
    return node;
  }

  return {
    write(text) {
      const joined = carried + text;
      const cut = last.length < BLOCK_LENGTH ? -1 : joined.search(/(?<=\n\n)[^\n]/) - carried.length;
      carried = joined.slice(-2);
      last.appendData(cut < 0 ? text : text.slice(0, cut));
      if (cut >= 0) last = block(text.slice(cut));
    },
    end() {},
  };
}
