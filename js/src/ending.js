/** What is said of how an answer ended. */

import { say } from "./words.js";

const WORDS = new Map([
  ["length", "The answer reached its length limit"],
  ["refusal", "The model declined to answer"],
  ["pause", "The model paused before the end of its answer"],
]);

/** Events that are no part of an answer: what is about it, and how the model came to it. */
const ABOUT_IT = /^(start|meta|usage|done|reasoning)$/;

/**
 * Whether there is something in it to be read or seen.
 *
 * @param {string} type of an event
 * @param {any} data
 */
export const isOfAnswer = (type, data) => !ABOUT_IT.test(type) && (type !== "text" || /\S/.test(data?.text));

/**
 * @param {string} reason the stop reason
 * @param {boolean} isEmpty whether nothing came that is of the answer
 */
export const ending = (reason, isEmpty) => say(WORDS.get(reason) ?? (isEmpty ? "The answer is empty" : "Complete"));
