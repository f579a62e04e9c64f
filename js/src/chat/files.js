/** Files that go with a question: chosen, dropped or pasted; they are the form's own. */

import { localeOf } from "../locale.js";
import { say } from "../index.js";
import { button, make } from "./markup.js";

const PREVIEW = 48; // CSS pixels

/**
 * @typedef {object} Attachments
 * @property {number} count
 * @property {(files: File[]) => void} add
 * @property {boolean} areRead while what was to be called once they are is called
 * @property {(then: () => void) => void} read
 * @property {() => void} clear
 */

/**
 * @param {import("./markup.js").Parts} parts
 * @param {HTMLInputElement} input
 * @param {(words: string) => void} tell
 * @returns {Attachments}
 */
export function attachments({ chat, field }, input, tell) {
  /** @type {File[]} */
  let files = [];
  /** @type {WeakMap<File, Element>} */
  const chips = new WeakMap();
  let areRead = false;
  const isRequired = field.required;
  const most = Number(input.dataset.maxBytes) || Infinity;

  /** @param {number} bytes */
  function size(bytes) {
    const [value, unit] = bytes < 1e6 ? [bytes / 1e3, "kilobyte"] : [bytes / 1e6, "megabyte"];
    return value.toLocaleString(localeOf(chat), { style: "unit", unit, maximumFractionDigits: 1 });
  }

  const attach = button("attach", "Attach files");
  const list = make("ul", { "data-chat": "files" });
  const limits = [input.accept, most < Infinity && size(most)].filter(Boolean).join(", ");
  if (limits) attach.title = say("Attach files ({})", limits);
  input.hidden = true;
  input.before(attach);
  (field.closest("[data-chat=field]") ?? field).before(list);
  attach.addEventListener("click", () => input.click());
  input.form?.addEventListener("reset", clear);
  // Of an empty field a form sends a file without a name.
  input.form?.addEventListener("formdata", ({ formData }) => files.length || formData.delete(input.name));
  input.addEventListener("change", () => add([...(input.files ?? [])]));

  /** @param {File[]} given */
  function add(given) {
    const reasons = given.map(why);
    tell(reasons.filter(Boolean).join(" "));
    const taken = given.filter((_, i) => !reasons[i]);
    files = [...files, ...taken].slice(input.multiple ? 0 : -1);
    show();
    if (taken.length) read();
  }

  /**
   * A folder cannot be read, nor what has been changed since it was chosen: its request would fail as if there were no
   * network.
   *
   * @param {() => void} [then] called where all can be
   */
  async function read(then) {
    const all = files;
    const reasons = [];
    for (const file of all) {
      try {
        await file.slice(0, 1).arrayBuffer();
      } catch {
        remove(file);
        reasons.push(say("{} cannot be read. Choose it again.", file.name));
      }
    }
    if (reasons.length) tell(reasons.join(" "));
    areRead = files === all; // else there are others by now
    if (areRead) then?.();
    areRead = false;
  }

  /** @param {File} file */
  function remove(file) {
    files = files.filter((other) => other !== file);
    show();
  }

  /** @param {File} file */
  function why(file) {
    if (file.size > most) return say("{} is too large: {} at most.", file.name, size(most));
    if (!isAccepted(file)) return say("{} cannot be sent here: only {}.", file.name, input.accept);
    return "";
  }

  /** As browsers ask for files: HTML, "accept". @param {File} file */
  function isAccepted({ name, type }) {
    const tokens = input.accept.toLowerCase().split(",").map((token) => token.trim()).filter(Boolean);
    const [all] = type.split("/");
    const fits = (/** @type {string} */ token) =>
      token.startsWith(".") ? name.toLowerCase().endsWith(token) : token === type || token === `${all}/*`;
    return !tokens.length || tokens.includes("*/*") || tokens.some(fits);
  }

  function show() {
    const data = new DataTransfer();
    for (const file of files) data.items.add(file);
    input.files = data.files;
    field.required = isRequired && !files.length;
    list.replaceChildren(...files.map(chip));
  }

  function clear() {
    files = [];
    show();
  }

  /** Its picture is decoded once. @param {File} file */
  function chip(file) {
    const known = chips.get(file);
    if (known) return known;
    const cross = button("remove", "Remove");
    cross.setAttribute("aria-label", say("Remove {}", file.name));
    cross.addEventListener("click", () => {
      remove(file);
      field.focus();
    });
    const item = make("li", {}, make("span", { dir: "auto" }, file.name), cross);
    chips.set(file, item);
    if (file.type.startsWith("image/")) preview(file).then((picture) => item.prepend(picture), () => {});
    return item;
  }

  /** @param {string} type @param {(event: DragEvent) => void} then */
  const onDrag = (type, then) =>
    chat.addEventListener(type, (event) => {
      if (!(/** @type {DragEvent} */ (event).dataTransfer?.types.includes("Files"))) return;
      event.preventDefault();
      then(/** @type {DragEvent} */ (event));
    });
  onDrag("dragover", () => chat.toggleAttribute("data-dragging", true));
  chat.addEventListener("dragleave", (event) => {
    if (!chat.contains(/** @type {Node | null} */ (event.relatedTarget))) chat.removeAttribute("data-dragging");
  });
  onDrag("drop", ({ dataTransfer }) => {
    chat.removeAttribute("data-dragging");
    add([...(dataTransfer?.files ?? [])]);
  });
  field.addEventListener("paste", (event) => {
    const { clipboardData } = event;
    // What has words too, as a cell of a table, is to be read.
    if (!clipboardData?.files.length || clipboardData.getData("text/plain")) return;
    event.preventDefault();
    add([...clipboardData.files]);
  });

  // Back brings the files of the page that was left, sometimes after this: they are not to go unseen.
  const bring = () => files.length || add([...(input.files ?? [])]);
  bring();
  addEventListener("pageshow", bring);

  return {
    get count() {
      return files.length;
    },
    get areRead() {
      return areRead;
    },
    add,
    read,
    clear,
  };
}

/** On a canvas: a policy that lets a page show its own site's pictures alone forbids a file's. @param {File} file */
async function preview(file) {
  const picture = await createImageBitmap(file, { resizeHeight: 2 * PREVIEW });
  const canvas = /** @type {HTMLCanvasElement} */ (make("canvas", { "aria-hidden": "true" }));
  canvas.width = canvas.height = 2 * PREVIEW;
  canvas.getContext("2d")?.drawImage(picture, (canvas.width - picture.width) / 2, 0);
  picture.close();
  return canvas;
}

