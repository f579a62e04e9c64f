/**
 * The language of a place in the page, for Intl: that throws where it is given what is no language, and takes the
 * browser's where it is given nothing.
 *
 * @param {Element} element
 */
export function localeOf(element) {
  try {
    return Intl.getCanonicalLocales(/** @type {HTMLElement} */ (element.closest("[lang]")).lang);
  } catch {
    // There is none, or it is no language.
  }
}
