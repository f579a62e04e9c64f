// What the <flask-stream> element leaves to the page: the question above each answer, and the
// note with its time and tokens below. The server writes the same notes for what it has saved.

const form = document.querySelector("#ask");
const field = form.elements.question;
const element = document.querySelector("flask-stream");
const conversation = document.querySelector("[data-stream=output]");

let asked = { question: "", at: 0, firstWord: undefined };

// The answer to the last question is still being written, and the element goes on with it. When it
// was asked, only the page knew that is gone.
if (element.getAttribute("resume") !== "server") {
  const question = conversation.querySelector(".question:last-child")?.textContent ?? "";
  asked = { question, at: undefined };
  element.classList.toggle("noted", question !== "");
}

// The element reads the form when it accepts a submit, so this is the moment of asking.
form.addEventListener("formdata", ({ formData }) => {
  const suggestion = formData.get("suggestion");
  const question = suggestion ?? formData.get("question").trim();
  asked = { question, at: performance.now() };
  element.classList.toggle("noted", question !== "");
  if (!question) return;
  forgetFailed(question);
  document.querySelector(".welcome").hidden = true;
  document.querySelector(".suggestions").open = false;
  document.querySelector(".new").hidden = false;
  append("question", question);
  if (!suggestion) field.value = "";
  toTheEnd();
});
element.addEventListener("stream:retry", () => {
  conversation.querySelector(".note:last-child")?.remove();
  asked = { question: asked.question, at: performance.now() };
});

element.addEventListener("stream:event", ({ detail: { type } }) => {
  if (type === "text" && asked.at) asked.firstWord ??= performance.now() - asked.at;
});

element.addEventListener("stream:done", ({ detail }) => note("complete", { usage: detail?.usage }));
element.addEventListener("stream:stop", () => {
  note("stopped", { ending: "stopped" });
  // The element has moved the focus there from its Stop button; here one goes on typing.
  if (document.activeElement === conversation) focusField();
});
element.addEventListener("stream:error", ({ detail }) => {
  if (!asked.question) return;
  note("failed", { ending: detail.message });
  // Where there is no Retry, one may want to mend the question.
  if (!detail.retryable && asked.firstWord === undefined) field.value ||= asked.question;
});

function note(outcome, { usage, ending }) {
  const { firstWord } = asked;
  const parts = [
    firstWord !== undefined && `first word after ${(firstWord / 1000).toFixed(1)} s`,
    usage?.input_tokens !== undefined && `${usage.input_tokens} input tokens`,
    usage?.output_tokens !== undefined && `${usage.output_tokens} output tokens`,
    ending,
  ];
  append("note", parts.filter(Boolean).join(" · ")).dataset.outcome = outcome;
  toTheEnd();
}

function append(name, text) {
  const paragraph = document.createElement("p");
  paragraph.className = name;
  paragraph.textContent = text;
  conversation.append(paragraph);
  return paragraph;
}

// As on the server, a question that failed and is asked again takes its own place.
function forgetFailed(question) {
  const last = [...conversation.querySelectorAll(".question")].at(-1);
  if (last?.textContent !== question || conversation.lastElementChild.dataset.outcome !== "failed") return;
  while (last.nextSibling) last.nextSibling.remove();
  last.remove();
}

// Saved answers come as the text that they are, to be read without JavaScript too.
async function renderSaved() {
  const { markdown } = await import(element.dataset.markdownUrl);
  const makeRenderer = markdown();
  for (const part of conversation.querySelectorAll("[data-saved]")) {
    const text = part.textContent;
    part.textContent = "";
    part.removeAttribute("data-saved");
    const renderer = makeRenderer(part);
    renderer.write(text);
    await renderer.end();
  }
}

// Where there is a mouse; on a phone it would open the keyboard over the page.
function focusField() {
  if (matchMedia("(hover: hover)").matches) field.focus({ preventScroll: true });
}

function toTheEnd() {
  scrollTo({ top: document.documentElement.scrollHeight, behavior: "instant" });
}

field.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});

if (conversation.children.length) {
  await renderSaved();
  toTheEnd();
}
focusField();
