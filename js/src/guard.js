/** Where the page's own code is called. */

/**
 * It may fail: that is told as any error of a page is, and the run goes on.
 *
 * @param {() => void} call
 */
export function guarded(call) {
  try {
    call();
  } catch (error) {
    reportError(error);
  }
}
