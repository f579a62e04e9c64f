const [form, answer, status] = ["ask", "answer", "status"].map((id) => document.getElementById(id));
let source;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const end = (words) => { source?.close(); status.textContent = words; };
  end(answer.textContent = "");
  form.scrollIntoView();

  source = new EventSource(`${form.action}?${new URLSearchParams(new FormData(form))}`);
  source.addEventListener("text", ({ data }) => answer.append(JSON.parse(data).text));
  source.addEventListener("done", () => end(status.dataset.ifComplete));
  source.addEventListener("failed", ({ data }) => end(JSON.parse(data).message));
  // Closed, or it would ask again by itself. It does not say what went wrong.
  source.onerror = () => end(status.dataset.ifLost);
});
