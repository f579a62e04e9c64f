/** What not every page needs: a file of its own, loaded by the first that does. */

export { countdown } from "./countdown.js";
export { overEventSource } from "./eventsource.js";
export { Pace } from "./pace.js";
