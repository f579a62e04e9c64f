/** The states of an element: HTML's `data-state`. */

/** In which nothing runs. @param {string | undefined} state */
export const isResting = (state) => /^(idle|done|stopped|failed)$/.test(state ?? "idle");
