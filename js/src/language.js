/** The words of another language than English, and those that the page gives. */

import { say, speak } from "./words.js";

/** Those that come with the client. Chinese is the simplified one. */
const KNOWN = ["ar", "de", "es", "fr", "he", "ja", "ko", "nl", "pl", "pt", "zh"];

/** What shows a word of ours, and is there before the page gives others. */
const LABELS = ":is(flask-chat, flask-stream) :is(button, button > span, summary, [data-stream=status])";

/**
 * @param {string} language as BCP 47 has it
 * @param {Element | null} script with the page's own words in JSON, which are stronger
 */
export async function learn(language, script) {
  const name = /^zh-(hant|tw|hk|mo)/i.test(language) ? "" : language.toLowerCase().split("-")[0];
  if (KNOWN.includes(name)) {
    const file = `./flask-stream-words-${name}.js`;
    const module = await import(file).catch(reportError);
    if (module) speak(module.default);
  }
  try {
    if (script) speak(JSON.parse(script.textContent ?? ""));
  } catch (error) {
    reportError(error);
  }
}

/**
 * Says what is said already in other words.
 *
 * @param {Record<string, string>} words
 */
export function relearn(words) {
  const before = Object.keys(words).map((text) => /** @type {const} */ ([say(text), text]));
  const texts = new Map(before);
  speak(words);
  for (const label of document.querySelectorAll(LABELS)) {
    const text = label.childElementCount ? undefined : texts.get(label.textContent ?? "");
    if (text) label.textContent = say(text);
  }
}
