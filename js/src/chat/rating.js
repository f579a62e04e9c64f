/** Whether an answer was good: shown, told to the page, and to the server where the page says where. */

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
  const isTaken = !url || (await post(url, detail, form, chat.getAttribute("csrf")));
  if (!isTaken) show(before);
  return isTaken;
}

/**
 * With the page's token, where the URL is its own site's.
 *
 * @param {string} address
 * @param {{ submission: string | undefined, value: string }} rating
 * @param {HTMLFormElement} form
 * @param {string | null} csrf
 * @returns {Promise<boolean>}
 */
function post(address, { submission = "", value }, form, csrf) {
  const url = new URL(address, document.baseURI);
  const field = /** @type {HTMLInputElement | null} */ (form.elements.namedItem("csrf_token"));
  const meta = /** @type {HTMLMetaElement | null} */ (document.querySelector("meta[name=csrf-token]"));
  const token = url.origin === location.origin ? (csrf ?? field?.value ?? meta?.content) : null;
  const body = new URLSearchParams({ submission, value });
  // No redirect is followed: most lead to a login, and would take the token along.
  const headers = { ...(token && { "X-CSRFToken": token }) };
  return fetch(url, { method: "POST", body, headers, redirect: "manual" }).then(
    ({ ok }) => ok,
    () => false,
  );
}
