/** What stands in a line: emphasis, code, links, pictures. */

import { attribute, fill, isStale, isTooDeep } from "./brush.js";
import { visible } from "./code.js";
import { decode } from "./entities.js";
import { say } from "../words.js";

/**
 * @typedef {import("./brush.js").Brush} Brush
 * @typedef {import("./lex.js").Token} Token
 * @typedef {import("../markdown.js").MarkdownOptions & { deeper: number, targets: import("./urls.js").Targets }}
 *   DrawingOptions `deeper`: by how many levels its headings are
 */

/**
 * @param {Brush} brush
 * @param {Token[]} tokens
 * @param {DrawingOptions} options
 * @param {boolean} [inLink]
 */
export function drawSpans(brush, tokens, options, inLink = false) {
  for (const token of tokens) {
    const draw = (/** @type {Brush} */ inside) => drawSpans(inside, token.tokens ?? [], options, inLink);
    switch (isTooDeep() ? "raw" : token.type) {
      case "strong":
      case "em":
      case "del":
        fill(brush.element(token.type), draw);
        break;
      case "codespan":
        fill(brush.element("code"), (inside) => inside.text(visible(token.text)));
        break;
      case "br":
        brush.element("br");
        break;
      case "checkbox":
        drawCheckbox(brush, token);
        break;
      case "link":
        drawLink(brush, token, options, inLink);
        break;
      case "image":
        drawPicture(brush, token, options, inLink);
        break;
      case "math":
        drawFormula(brush, token, options);
        break;
      case "text":
        brush.text(decode(token.text));
        break;
      case "escape":
        brush.text(token.text);
        break;
      default: // such as HTML
        brush.text(token.raw);
    }
  }
}

/**
 * @param {Brush} brush
 * @param {Token} token
 * @param {DrawingOptions} options
 * @param {boolean} inLink
 */
function drawLink(brush, { href, title, text, tokens = [], autolink }, options, inLink) {
  const { targets } = options;
  const draw = (/** @type {Brush} */ inside) =>
    autolink ? inside.text(text) : drawSpans(inside, tokens, options, true);
  const url = inLink ? null : (autolink ? targets.autolink : targets.link)(href);
  if (url === null) draw(brush);
  else drawAnchor(brush, url, targets.title(title ?? ""), draw);
}

/**
 * @param {Brush} brush
 * @param {string} url
 * @param {string | null} title
 * @param {(inside: Brush) => void} draw
 */
function drawAnchor(brush, url, title, draw) {
  const link = brush.element("a", "a", (link) => {
    link.style.unicodeBidi = "isolate"; // what turns the direction of its words ends with it
  });
  attribute(link, "href", url);
  attribute(link, "rel", "noopener nofollow");
  attribute(link, "title", title);
  fill(link, draw);
}

/**
 * @param {Brush} brush
 * @param {Token} token
 * @param {DrawingOptions} options
 * @param {boolean} inLink
 */
function drawPicture(brush, { href, title, tokens = [] }, { images, targets }, inLink) {
  const url = targets.picture(href);
  const words = targets.title(title ?? "");
  const alt = plain(tokens);
  if (url === null || (!images && inLink)) {
    brush.text(alt);
  } else if (!images) {
    drawAnchor(brush, url, words, (inside) => inside.text(alt || url));
  } else {
    const picture = brush.element("img", "img", (picture) => {
      picture.referrerPolicy = "no-referrer"; // before there is anything to ask for
      picture.loading = "lazy";
    });
    attribute(picture, "alt", alt);
    attribute(picture, "title", words);
    attribute(picture, "src", url);
  }
}

/**
 * @param {Token[]} tokens
 * @returns {string}
 */
function plain(tokens) {
  return tokens
    .map(({ type, text, tokens: inside }) =>
      type === "br" ? "\n" : inside ? plain(inside) : type === "text" ? decode(text) : text,
    )
    .join("");
}

/**
 * @param {Brush} brush
 * @param {Token} token
 */
export function drawCheckbox(brush, { checked }) {
  const box = brush.element("input", "input", (box) => {
    box.type = "checkbox";
    box.disabled = true;
    box.setAttribute("aria-label", say("Task"));
  });
  attribute(box, "checked", checked ? "" : null);
  brush.text(" ");
}

/**
 * @param {Brush} brush
 * @param {Token} token
 * @param {DrawingOptions} options
 */
export function drawFormula(brush, { raw, tex, display }, { math }) {
  const formula = brush.element("span", "math");
  attribute(formula, "data-math", display ? "display" : "");
  if (math && isStale(formula, tex, display)) {
    try {
      formula.replaceChildren(math(tex, display));
    } catch (error) {
      reportError(error);
      formula.textContent = raw.trim();
    }
  }
  return formula;
}

/** What may stand in an address, but does not end one. */
const PUNCTUATION = /^[!-/:;?_~・]+$/;

/**
 * An address at the end of what has arrived is no link yet: it may go on.
 *
 * @param {Token[]} tokens
 */
export function unlinkLast(tokens) {
  const last = tokens.at(-1);
  const at = tokens.length - (last?.type === "text" && PUNCTUATION.test(last.raw) ? 2 : 1);
  const token = tokens[at];
  if (token?.autolink && !token.raw.startsWith("<")) tokens[at] = { ...token, type: "raw" };
  else if (token?.tokens) unlinkLast(token.tokens);
}

const LINE_BREAK = /^<br\s*\/?>$/i;

/**
 * A cell of a table has one line only: models break it as HTML does.
 *
 * @param {Token[]} tokens
 */
export function breakLines(tokens) {
  for (const token of tokens) {
    if (token.type === "html" && LINE_BREAK.test(token.raw)) token.type = "br";
    breakLines(token.tokens ?? []);
  }
}
