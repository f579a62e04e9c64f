/** Questions and their answers: what is asked, refused, asked again, and what belongs to an answer that has ended. */

import { say } from "../words.js";
import { asking, filesIn, wordsIn } from "./question.js";
import { isQuestion, keepSource, questionTurn, wordsOf } from "./turns.js";

/** @typedef {import("./markup.js").Parts} Parts */

/** The states in which nothing runs, as the element has them. */
const RESTING = /^(|idle|done|stopped|failed)$/;

/**
 * What is being asked.
 *
 * @typedef {object} Current
 * @property {HTMLElement | null} question its turn
 * @property {string} words
 * @property {string} [before] the words that it had before they were edited
 * @property {any} body
 * @property {Element[]} replaced the turns that the answer takes the place of
 * @property {string} text the answer's Markdown
 * @property {string} model
 * @property {boolean} isOpen
 */

/**
 * @typedef {object} Hooks
 * @property {(turn: HTMLElement, about?: { at?: Date, model?: string }) => void} onTurn of a question, or of an answer that
 *   has ended
 * @property {(question: HTMLElement, words: string) => void} onRefused of a question that was edited: its new words
 * @property {import("../text.js").Around} around keeps a reader at the end who is there
 */

/**
 * @param {Parts} parts
 * @param {ReturnType<typeof import("./composer.js").composer>} composer
 * @param {Hooks} hooks
 */
export function conversation({ chat, stream, output, form, field }, composer, { onTurn, onRefused, around }) {
  const name = field.name;
  const memory = `flask-chat ${location.pathname} ${form.id}`;
  /** What each question of this page was asked with, and how often. @type {Map<string, { body: any, attempt: number }>} */
  const asked = new Map();
  /** @type {Current} */
  let current = nothing();

  /** @returns {Current} */
  function nothing() {
    return { question: null, words: "", body: null, replaced: [], text: "", model: "", isOpen: false };
  }

  const isRunning = () => !RESTING.test(stream.dataset.state ?? "");

  /**
   * @param {HTMLElement} question
   * @returns {HTMLElement[]} the turns behind it
   */
  function behind(question) {
    const all = turns();
    return all.slice(all.indexOf(question) + 1);
  }

  /** @param {string} id */
  const questionOf = (id) => turns().reverse().find((turn) => isQuestion(turn) && turn.dataset.id === id);

  const turns = () => /** @type {HTMLElement[]} */ ([...output.children]);

  /** @param {CustomEvent} event */
  function onStart({ detail: { request, body, submission: id, attempt } }) {
    const words = wordsIn(request, body, name);
    const edited = current.before;
    current = { ...nothing(), words, body, before: edited };
    if (!words && !filesIn(body).length) return; // it goes on with a run
    if (id) asked.set(id, { body, attempt });
    current.question = (id && attempt > 1 && questionOf(id)) || null;
    if (current.question) {
      current.replaced = behind(current.question);
      for (const turn of current.replaced) turn.toggleAttribute("data-replaced", true);
    } else {
      output.append(newQuestion(words, filesIn(body), id));
      composer.taken(words, filesIn(body));
    }
    remember({ words, id });
  }

  /**
   * @param {string} words
   * @param {File[]} files
   * @param {string} [id]
   */
  function newQuestion(words, files, id) {
    const turn = questionTurn(words, files);
    if (id) turn.dataset.id = id;
    current.question = turn;
    chat.removeAttribute("data-empty");
    onTurn(turn);
    return turn;
  }

  /**
   * Where an answer goes on after the page was loaded anew, its question is above it, or has not been saved.
   *
   * @param {Element} answer
   */
  function findQuestion(answer) {
    const above = /** @type {HTMLElement | null} */ (answer.previousElementSibling);
    const kept = above && isQuestion(above) ? null : recall();
    if (kept) answer.before(newQuestion(kept.words, [], kept.id));
    else current.question = above;
  }

  /** @param {{ words: string, id?: string } | null} question */
  function remember(question) {
    try {
      if (question) sessionStorage.setItem(memory, JSON.stringify(question));
      else sessionStorage.removeItem(memory);
    } catch {
      // Pages may be forbidden to keep anything.
    }
  }

  /** @returns {{ words: string, id?: string } | null} */
  function recall() {
    try {
      return JSON.parse(sessionStorage.getItem(memory) ?? "null");
    } catch {
      return null;
    }
  }

  function onOpen() {
    if (!current.question && output.lastElementChild) findQuestion(output.lastElementChild);
    current.isOpen = true;
    current.before = undefined;
    for (const turn of current.replaced.splice(0)) turn.remove();
  }

  /** @param {CustomEvent} event */
  function onEvent({ detail: { type, data } }) {
    if (type === "text") current.text += data?.text ?? "";
    if (type === "meta") current.model = data?.model ?? current.model;
  }

  /** The answer has ended: it may be copied, and asked for again. */
  function onEnd() {
    remember(null);
    composer.free();
    const turn = output.lastElementChild;
    if (!turn || isQuestion(turn)) return;
    if (current.question?.dataset.id) turn.dataset.id = current.question.dataset.id;
    keepSource(turn, current.text);
    around(() => onTurn(turn, { at: new Date(), model: current.model }));
  }

  function onError() {
    if (current.isOpen) return onEnd();
    // It was refused: all is as before, and the words are where they can be mended.
    remember(null);
    composer.free();
    const { question, words, before, replaced } = current;
    if (!question) return;
    for (const turn of behind(question)) if (!replaced.includes(turn)) turn.remove();
    for (const turn of replaced) turn.removeAttribute("data-replaced");
    if (before !== undefined) {
      setWords(question, before);
      onRefused(question, words);
    } else if (!replaced.length && composer.giveBack(words, filesIn(current.body))) {
      question.remove();
      chat.toggleAttribute("data-empty", !output.childElementCount);
    }
  }

  /**
   * @param {Element} question
   * @param {string} words
   */
  function setWords(question, words) {
    const part = question.querySelector("[data-part=text]");
    if (part) part.textContent = words;
  }

  /** @type {[string, (event: any) => void][]} */
  const listeners = [
    ["start", onStart],
    ["open", onOpen],
    ["event", onEvent],
    ["done", onEnd],
    ["stop", onEnd],
    ["error", onError],
  ];
  for (const [type, listener] of listeners) stream.addEventListener(`stream:${type}`, listener);

  return {
    isRunning,

    /**
     * Asks a question again, in other words where some are given: with its answer goes all that came after it.
     *
     * @param {HTMLElement | null} question
     * @param {string} [words]
     * @returns {boolean} false where it cannot be asked now
     */
    again(question, words) {
      const id = question?.dataset.id;
      if (isRunning() || !id) return false;
      const last = asked.get(id);
      const before = wordsOf(question);
      const [url, init] = asking(form, name, words ?? before, last?.body);
      if (words !== undefined) {
        setWords(question, words);
        current = { ...nothing(), before };
      }
      stream.start(url, { ...init, submission: id, attempt: (last?.attempt ?? 1) + 1 });
      return true;
    },

    /** @param {string} words */
    ask(words) {
      if (isRunning()) return composer.tell(say("Your question waits here as a draft until the answer has ended."));
      stream.start(...asking(form, name, words));
    },
  };
}
