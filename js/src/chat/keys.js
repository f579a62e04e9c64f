/**
 * Enter sends, Shift and Enter break a line. An Enter that ends a composition (an IME's) does neither; Safari tells of it
 * when the composition has ended, with the key code 229.
 *
 * @param {KeyboardEvent} event
 */
export const isSending = ({ key, shiftKey, isComposing, keyCode }) =>
  key === "Enter" && !shiftKey && !isComposing && keyCode !== 229;
