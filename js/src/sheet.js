/** What the element needs of CSS to work, whatever the page's looks are: each rule of the page's own is stronger. */

// No style attributes: in a saved page, put back, a strict policy blocks them.
const sheet = new CSSStyleSheet();
sheet.replaceSync(
  // The text of the output is the answer's, line feeds included.
  ":where([data-plain]){white-space:pre-wrap}" +
    // After each change a browser walks what is in the same layer: that is to be one block, not the page.
    ":where([data-turn],[data-part=text]>*){position:relative}" +
    // While the end is followed the browser need not look, at each scroll, for a block to hold on to.
    ":where([data-follow]){overflow-anchor:none}",
);
document.adoptedStyleSheets.push(sheet);
