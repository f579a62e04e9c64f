// The app's own events: one line with a bar for each search. All else is the element's.

const form = document.querySelector("#research");
const element = document.querySelector("flask-stream");
const searches = document.querySelector("[data-progress]");

element.addEventListener("stream:open", () => searches.replaceChildren());

element.addEventListener("stream:event", ({ detail: { type, data } }) => {
  if (type !== "progress") return;
  const line = lineFor(data.query);
  line.querySelector("progress").value = data.done / data.of;
  line.querySelector("span").textContent = `“${data.query}”: ${data.done} of ${data.of} notes`;
});

function lineFor(query) {
  let line = [...searches.children].find((line) => line.dataset.query === query);
  if (!line) {
    line = document.createElement("li");
    line.dataset.query = query;
    line.append(document.createElement("progress"), document.createElement("span"));
    searches.append(line);
  }
  return line;
}

// The element reads the form when it accepts a submit, and not while an answer is running.
form.addEventListener("formdata", ({ formData }) => {
  const suggestion = formData.get("suggestion");
  if (suggestion !== null) form.elements.question.value = suggestion;
});
