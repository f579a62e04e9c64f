/** The words of another language than English, and those that the page gives. */

import { say, speak } from "./words.js";

/** What comes with the client; each by its name, so that a bundler finds it. Chinese is the simplified one. */
const KNOWN = new Map([
  ["ar", () => import("./words/ar.json")],
  ["de", () => import("./words/de.json")],
  ["es", () => import("./words/es.json")],
  ["fr", () => import("./words/fr.json")],
  ["he", () => import("./words/he.json")],
  ["ja", () => import("./words/ja.json")],
  ["ko", () => import("./words/ko.json")],
  ["nl", () => import("./words/nl.json")],
  ["pl", () => import("./words/pl.json")],
  ["pt", () => import("./words/pt.json")],
  ["zh", () => import("./words/zh.json")],
]);

/** What may show a word of ours before the page gives others. What has a name is a question that may be asked. */
const OURS =
  ":is(flask-chat, flask-stream) :is(button:not([name]), button > span, summary, summary > span, input, textarea, [data-scroll], [data-stream=status], [data-chat=hint], [data-turn][aria-label])";

/**
 * @param {string | undefined} language as BCP 47 has it; people write de_AT, too
 * @param {Element | null} script with the page's own words in JSON, which are stronger
 */
export async function learn(language = "", script) {
  const [name, place] = language.toLowerCase().split(/[-_]/);
  const load = name === "zh" && /^(hant|tw|hk|mo)$/.test(place) ? null : KNOWN.get(name);
  const module = await load?.().catch(reportError);
  if (module) speak(module.default);
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
  // What begins with a value would be found in words of the page's own: what is said so is soon said anew.
  const texts = Object.keys(words).filter((text) => !text.startsWith("{}"));
  const before = texts.map((text) => /** @type {const} */ ([text, patternOf(say(text))]));
  speak(words);
  /** @param {string | null} shown */
  const again = (shown) => {
    for (const [text, pattern] of before) {
      const found = pattern.exec(shown ?? "");
      if (found) return say(text, ...found.slice(1));
    }
  };
  // In a worker there is nothing to be seen.
  for (const element of globalThis.document?.querySelectorAll(OURS) ?? []) {
    const text = element.childElementCount ? null : again(element.textContent);
    if (text) element.textContent = text;
    for (const name of ["title", "aria-label", "placeholder"]) {
      const words = again(element.getAttribute(name));
      if (words) element.setAttribute(name, words);
    }
  }
}

/** @param {string} text with a place for each of its values */
function patternOf(text) {
  const parts = text.split("{}").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join("(.*)")}$`, "s");
}
