/** What the element needs of CSS whatever the page's looks are; any rule of the page's own is stronger. */

export function sheet() {
  const sheet = new CSSStyleSheet();
  // The text of the output is the answer's, line feeds included. No style attribute: in a saved page, put back, a
  // strict policy blocks it.
  sheet.replaceSync(":where([data-plain]){white-space:pre-wrap}");
  return sheet;
}
