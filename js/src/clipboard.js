/** What is copied for the reader. */

/** How long a button says so, in milliseconds. */
export const COPIED_FOR = 2000;

/**
 * @param {string} text
 * @param {Element | undefined} shown is selected where it cannot be copied but by hand
 * @param {string} [html] the same, for those who take it with its looks
 * @returns {Promise<boolean>} whether it is in the clipboard
 */
export async function copyText(text, shown, html) {
  try {
    const as = (/** @type {string} */ type, /** @type {string} */ data) => ({ [type]: new Blob([data], { type }) });
    if (html) await navigator.clipboard.write([new ClipboardItem({ ...as("text/plain", text), ...as("text/html", html) })]);
    else await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // No clipboard (the page came over plain HTTP) or no permission: what is selected can be copied by hand at least.
    if (shown) getSelection()?.selectAllChildren(shown);
    /** @param {ClipboardEvent} event */
    const put = (event) => {
      event.clipboardData?.setData("text/plain", text);
      event.preventDefault();
    };
    document.addEventListener("copy", put);
    const isCopied = document.execCommand("copy");
    document.removeEventListener("copy", put);
    return isCopied;
  }
}
