/** A run's events into its turn. */

import { isOfAnswer } from "./ending.js";

/**
 * Shows what comes, until the run is over and all of it is in the page that will be.
 *
 * @param {import("./connect.js").Run} run
 * @param {import("./turn.js").Turn} turn
 * @param {(event: import("./connect.js").StreamEvent) => boolean} isShown asked of each event
 */
export async function play(run, turn, isShown) {
  let last = null;
  let error = null;
  let isEmpty = true;
  try {
    for await (const event of run) {
      last = event.data;
      isEmpty &&= !isOfAnswer(event.type, event.data);
      await ((isShown(event) && turn.show(event)) || turn.rest());
    }
  } catch (thrown) {
    error = /** @type {import("./errors.js").StreamError} */ (thrown);
  }
  await turn.finish(run.state);
  return { last, error, isEmpty };
}
