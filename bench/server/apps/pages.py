"""The pages that are measured: a button, and below it the answer. Ours, and one by hand.

What tells when the first word has been painted is the same on both, and no part of either.
"""

from __future__ import annotations

from flask import Blueprint, render_template_string, request

ours = Blueprint("pages", __name__)
by_hand = Blueprint("pages", __name__)

PAINTED = """
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Bench</title>
<link rel="icon" href="data:,">
<style> [data-stream=output] { width: fit-content; white-space: pre-wrap } </style>
<script>
  // The box grows with its first word. Observers of size are told in the frame that lays it out,
  // and a message that is posted then arrives behind that frame's paint.
  let painted = {};
  addEventListener("click", (event) => {
    painted = { clicked: event.timeStamp, before: painted.sent };
  }, true);
  addEventListener("DOMContentLoaded", () => {
    const box = document.querySelector("[data-stream=output]");
    const behindPaint = new MessageChannel();
    behindPaint.port1.onmessage = () => { painted.at ??= performance.now() };
    new ResizeObserver(() => {
      const sent = Number(/~(\\d{15})/.exec(box.textContent)?.[1] ?? NaN);
      if (!sent || painted.sent || sent === painted.before) return;
      painted.sent = sent;
      behindPaint.port2.postMessage("");
    }).observe(box);
  });
</script>
"""

OURS = """
{{ stream_script() }}
<form id="ask" action="{{ path }}">
  <input type="hidden" name="model" value="{{ model }}"> <button>Ask</button>
</form>
<flask-stream form="ask"><div data-stream="output"></div></flask-stream>
"""

BY_HAND = """
<button>Ask</button>
<div data-stream="output"></div>
<script>
  document.querySelector("button").onclick = () => {
    const box = document.querySelector("[data-stream=output]");
    box.replaceChildren();
    const source = new EventSource("{{ path }}?model={{ model }}");
    source.onmessage = (event) => {
      const data = JSON.parse(event.data);
      if (data.done) source.close();
      else box.append(data.text);
    };
  };
</script>
"""


@ours.get("/page")
def page_of_ours() -> str:
    return render_template_string(PAINTED + OURS, **request.args.to_dict())


@by_hand.get("/page")
def page_by_hand() -> str:
    return render_template_string(PAINTED + BY_HAND, **request.args.to_dict())
