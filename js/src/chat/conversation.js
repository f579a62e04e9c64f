/** Questions and their answers: what is asked, refused, asked again, and what belongs to an answer that has ended. */

import { isResting } from "../states.js";
import { make } from "./markup.js";
import { asking, filesIn, wordsIn } from "./question.js";
import { isQuestion, keepSource, putWords, questionTurn, wordsOf } from "./turns.js";

/** @typedef {import("./markup.js").Parts} Parts */

/**
 * What is being asked.
 *
 * @typedef {object} Current
 * @property {HTMLElement | null} question its turn
 * @property {string | undefined} id of the question
 * @property {string} words
 * @property {string} [before] the words that it had before they were edited
 * @property {any} body
 * @property {HTMLElement[]} replaced the turns that the answer takes the place of
 * @property {HTMLElement} [note] below the answer: how it has ended, where not well
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
  /** What each question of this page was asked with, and how often. @type {WeakMap<Element, { body: any, attempt: number }>} */
  const asked = new WeakMap();
  /** @type {Current} */
  let current = nothing();
  /** The words that a question has, while it is asked in others. @type {string | undefined} */
  let before;
  let place = ""; // where the question is kept for the page that is loaded next

  /** @returns {Current} */
  function nothing() {
    return {
      question: null,
      id: undefined,
      words: "",
      body: null,
      replaced: [],
      text: "",
      model: "",
      isOpen: false,
    };
  }

  const isRunning = () => !isResting(stream.dataset.state);

  /**
   * @param {HTMLElement} question
   * @returns {HTMLElement[]} the turns behind it
   */
  function behind(question) {
    const all = turns();
    return all.slice(all.indexOf(question) + 1 || all.length);
  }

  /** @param {string} id */
  const questionOf = (id) => turns().reverse().find((turn) => isQuestion(turn) && turn.dataset.id === id);

  const turns = () => /** @type {HTMLElement[]} */ ([...output.children]);

  /** @param {CustomEvent} event */
  function onStart({ detail: { request, body, submission: id, attempt } }) {
    const words = wordsIn(request, body, name);
    const { note } = current;
    current = { ...nothing(), id, words, body, before };
    current.question = (id && attempt > 1 && questionOf(id)) || null;
    if (!current.question && !words && !filesIn(body).length) return; // it goes on with a run
    if (current.question) {
      current.replaced = behind(current.question);
      for (const turn of current.replaced) turn.dataset.replaced = "";
      composer.begin(...current.replaced);
    } else {
      if (note) note.hidden = false; // the status, which has said it, is the next answer's now
      output.append(newQuestion(words, filesIn(body)));
      composer.taken(words, filesIn(body));
    }
    if (current.question) asked.set(current.question, { body, attempt });
    remember({ words, id });
  }

  /**
   * @param {string} words
   * @param {File[]} files
   */
  function newQuestion(words, files) {
    const turn = questionTurn(words, files);
    if (current.id) turn.dataset.id = current.id;
    current.question = turn;
    chat.removeAttribute("data-empty");
    onTurn(turn);
    return turn;
  }

  /**
   * Where an answer goes on after the page was loaded anew, its question is in the page, or has not been saved. Or there
   * is an answer to it as well, saved meanwhile: this one comes in its place.
   *
   * @param {Element} answer
   */
  function findQuestion(answer) {
    const kept = remember();
    current.id ??= kept?.id;
    const question = current.id && questionOf(current.id);
    if (question) {
      current.question = question;
      for (const turn of behind(question)) if (turn !== answer) turn.remove();
    } else if (kept && kept.id === current.id) {
      answer.before(newQuestion(kept.words, []));
    }
  }

  /**
   * For the page that is loaded next, until the answer has ended.
   *
   * @param {{ words: string, id?: string } | null} [question] null: none any more; nothing: what is kept is asked for
   * @returns {{ words: string, id?: string } | null}
   */
  function remember(question) {
    // A page may change its address meanwhile: what is kept at one is removed there.
    if (question || !place) place = `flask-chat ${location.pathname} ${form.getAttribute("id")}`;
    try {
      if (question) sessionStorage[place] = JSON.stringify(question);
      if (question === null) delete sessionStorage[place];
      return JSON.parse(sessionStorage[place] ?? null);
    } catch {
      return null; // pages may be forbidden to keep anything
    }
  }

  function onOpen() {
    current.isOpen = true;
    dropReplaced();
  }

  function dropReplaced() {
    for (const turn of current.replaced.splice(0)) turn.remove();
  }

  /** @param {CustomEvent} event */
  function onEvent({ detail: { type, data } }) {
    if (type === "start" && !current.question && output.lastElementChild) {
      current.id = data?.submission;
      findQuestion(output.lastElementChild);
    }
    if (type === "text") current.text += data?.text ?? "";
    if (type === "meta") current.model = data?.model ?? current.model;
  }

  /** The answer has ended: it may be copied, and asked for again. */
  function onEnd() {
    dropReplaced(); // by one that was stopped at once: its server has most likely got it, and done the same
    // To be removed from the page is no end, where the server keeps the answer.
    if (form.isConnected) remember(null);
    composer.free();
    const turn = /** @type {HTMLElement | null} */ (output.lastElementChild);
    if (!turn || isQuestion(turn)) return;
    if (current.id) turn.dataset.id = current.id;
    keepSource(turn, current.text);
    const { state, stopReason, empty } = stream.dataset;
    const isWell = state === "done" && !/^(length|refusal|pause)$/.test(`${stopReason}`) && empty === undefined;
    if (!isWell) {
      const words = chat.querySelector("[data-stream=status]")?.textContent ?? "";
      turn.append((current.note = make("p", { "data-chat": "note", hidden: "" }, words)));
    }
    around(() => onTurn(turn, { at: new Date(), model: current.model }));
  }

  const onError = () => (current.isOpen ? onEnd() : takeBack());

  /** It was refused: all is as before, and the words are where they can be mended. */
  function takeBack() {
    remember(null);
    composer.free();
    const { question, words, body, before, replaced } = current;
    current = nothing();
    if (!question) return;
    for (const turn of behind(question)) {
      if (turn.hasAttribute("data-replaced")) turn.removeAttribute("data-replaced");
      else turn.remove();
    }
    if (before !== undefined) {
      setWords(question, before);
      onRefused(question, words);
    } else if (!replaced.length && composer.giveBack(words, filesIn(body))) {
      question.remove();
      chat.toggleAttribute("data-empty", !output.childElementCount);
    }
  }

  /**
   * @param {Element} question
   * @param {string} words
   */
  function setWords(question, words) {
    const part = /** @type {HTMLElement | null} */ (question.querySelector("[data-part=text]"));
    if (part) putWords(part, words);
  }

  const listeners = { start: onStart, open: onOpen, event: onEvent, done: onEnd, stop: onEnd, error: onError };
  for (const [type, listener] of Object.entries(listeners)) stream.addEventListener(`stream:${type}`, listener);

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
      if (!id) return false;
      if (isRunning()) return composer.wait();
      const last = asked.get(question);
      const [url, init] = asking(form, name, words ?? wordsOf(question), last?.body);
      if (words !== undefined) before = wordsOf(question);
      try {
        stream.start(url, { ...init, submission: id, attempt: (last?.attempt ?? 1) + 1 });
      } finally {
        before = undefined;
      }
      if (words !== undefined) setWords(question, words);
      return true;
    },

    /**
     * @param {string} words
     * @returns {boolean} false where they cannot be asked now: they are in the field, where that was empty
     */
    ask(words) {
      if (isRunning()) {
        composer.giveBack(words, []);
        return composer.wait();
      }
      if (!words.trim()) return false;
      stream.start(...asking(form, name, words));
      return true;
    },
  };
}
