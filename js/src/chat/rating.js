/** Whether an answer was good: shown, told to the page, and to the server where the page says where. */

import { prepare } from "../index.js";

/**
 * @param {HTMLElement} pressed
 * @param {HTMLElement} turn
 * @param {import("./markup.js").Parts} parts
 * @returns {Promise<boolean>} false where the server did not take it
 */
export async function rate(pressed, turn, { chat, form }) {
  const buttons = /** @type {HTMLElement[]} */ ([...turn.querySelectorAll("[aria-pressed]")]);
  const now = () => buttons.find((button) => button.getAttribute("aria-pressed") === "true")?.dataset.chat ?? "";
  /** @param {string | undefined} value */
  const show = (value) => {
    for (const button of buttons) button.setAttribute("aria-pressed", `${button.dataset.chat === value}`);
  };
  const before = now();
  show(before === pressed.dataset.chat ? "" : pressed.dataset.chat);
  const detail = { submission: turn.dataset.id, value: now() };
  chat.dispatchEvent(new CustomEvent("stream:rate", { bubbles: true, detail }));
  const url = chat.getAttribute("feedback");
  const isTaken = !url || (await post(url, detail, chat.getAttribute("csrf") ?? tokenOf(form)));
  if (!isTaken && now() === detail.value) show(before); // else it has been rated once more meanwhile
  return isTaken;
}

/** @param {HTMLFormElement} form */
const tokenOf = (form) =>
  /** @type {HTMLInputElement | null} */ (form.elements.namedItem("csrf_token"))?.value;

/**
 * @param {string} url
 * @param {{ submission: string | undefined, value: string }} rating
 * @param {string | undefined} csrf the page's token, which no other site is given
 * @returns {Promise<boolean>}
 */
async function post(url, { submission = "", value }, csrf) {
  const body = new URLSearchParams({ submission, value });
  try {
    return (await fetch(prepare(url, { method: "POST", body, csrf, headers: { Accept: "*/*" } }))).ok;
  } catch {
    return false;
  }
}
