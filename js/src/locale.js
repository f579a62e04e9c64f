/**
 * The language of a place in the page, for Intl: that throws where it is given what is no language, and takes the
 * browser's where it is given none.
 *
 * @param {Element} element
 */
export function localeOf(element) {
  try {
    return Intl.getCanonicalLocales(element.closest("[lang]")?.getAttribute("lang")?.replaceAll("_", "-"));
  } catch {
    return [];
  }
}
