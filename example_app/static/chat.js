// What the <flask-stream> element leaves to the page: the question above each answer, and the
// note with its time and tokens below. The server writes the same notes for what it has saved.

const form = document.querySelector("#ask");
const field = form.elements.question;
const element = document.querySelector("flask-stream");
const conversation = document.querySelector("[data-stream=output]");

let asked = { question: "", at: 0, firstWord: undefined };

// The element reads the form when it accepts a submit, so this is the moment of asking.
form.addEventListener("formdata", ({ formData }) => {
  asked = { question: formData.get("question").trim(), at: performance.now() };
  element.classList.toggle("noted", asked.question !== "");
  if (!asked.question) return;
  document.querySelector(".welcome").hidden = true;
  document.querySelector(".new").hidden = false;
  append("question", asked.question);
  field.value = "";
  toTheEnd();
});

element.addEventListener("stream:event", ({ detail: { type } }) => {
  if (type === "text") asked.firstWord ??= performance.now() - asked.at;
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
  // Without a word of an answer, one may well want to ask again.
  if (asked.firstWord === undefined) field.value ||= asked.question;
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

for (const button of document.querySelectorAll("[data-question]")) {
  button.addEventListener("click", () => {
    field.value = button.textContent;
    form.requestSubmit();
  });
}

if (conversation.children.length) toTheEnd();
focusField();
