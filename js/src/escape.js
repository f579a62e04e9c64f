/**
 * Escape stops, where the reader is in the element or in its form, or nowhere.
 *
 * @param {KeyboardEvent} event
 * @param {HTMLElement} element
 */
export function isEscape({ key, target: at, defaultPrevented, isComposing }, element) {
  if (key !== "Escape" || defaultPrevented || isComposing) return false;
  const target = /** @type {HTMLInputElement} */ (at);
  const form = (target.form ?? target.closest?.("form"))?.getAttribute?.("id");
  return target === document.body || element.contains(target) || (!!form && form === element.getAttribute("form"));
}
