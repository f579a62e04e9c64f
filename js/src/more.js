/** What not every page needs: a file of its own, loaded by the first that does. */

export { countdown } from "./countdown.js";
export { learn, relearn } from "./language.js";
export { recall } from "./memory.js";
export { Pace } from "./pace.js";
export { connect, goOn } from "./resume.js";
export { stop } from "./stop.js";
