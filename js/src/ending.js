/** What is said of how an answer ended. */

const WORDS = new Map([
  ["length", "The answer reached its length limit"],
  ["refusal", "The model declined to answer"],
  ["pause", "The model paused before the end of its answer"],
]);

/** Events that are no part of an answer. */
const ABOUT_IT = /^(start|meta|usage|done)$/;

/** @param {string} type of an event */
export const isOfAnswer = (type) => !ABOUT_IT.test(type);

/**
 * @param {string} reason the stop reason
 * @param {boolean} isEmpty whether nothing came that is of the answer
 */
export const ending = (reason, isEmpty) => WORDS.get(reason) ?? (isEmpty ? "The answer is empty" : "Complete");
