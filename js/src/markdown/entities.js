/** Character references such as `&copy;`, without the HTML parser: that is a sink which Trusted Types close. */

const REFERENCE = /&(?:#(\d{1,7})|#[xX]([\da-fA-F]{1,6})|[a-zA-Z]\w*);/g;

/** The name of `∳`, the longest there is. */
const LONGEST = "&CounterClockwiseContourIntegral;".length;

const named = new Map(Object.entries({ "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&nbsp;": "\xa0" }));

/**
 * @param {string} text
 * @returns {string} with each reference replaced by the characters that it stands for
 */
export function decode(text) {
  return text.replace(REFERENCE, (reference, decimal, hex) => {
    if (!decimal && !hex) return byName(reference);
    const code = decimal ? Number(decimal) : parseInt(hex, 16);
    const valid = code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
    return valid ? String.fromCodePoint(code) : "\ufffd";
  });
}

/**
 * The browser knows all two thousand names: its parser of WebVTT cues, which makes text of them and is no
 * sink, is asked for those that are not in the table.
 *
 * @param {string} reference
 */
function byName(reference) {
  let text = named.get(reference);
  if (text === undefined) {
    if (reference.length > LONGEST) return reference;
    try {
      text = new VTTCue(0, 0, reference).getCueAsHTML().textContent ?? "";
    } catch {
      text = reference;
    }
    // HTML takes "&notit;" for "&not" and "it;"; markdown knows names with their semicolon only.
    if (text.length > 1 && text.endsWith(";")) text = reference;
    if (text !== reference) named.set(reference, text); // of these there are only so many
  }
  return text;
}
