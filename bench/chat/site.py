"""The pages, and what answers them: `python -m bench.chat.site`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Flask, Response, render_template_string, request, send_from_directory
from werkzeug.serving import make_server

from bench.client.answer import answer
from flask_stream import FlaskStream

HERE = Path(__file__).parent
DEEP_CHAT = HERE / "node_modules" / "deep-chat" / "dist"
PIECE = 20  # characters
HEAD = """<!doctype html><html lang=en><meta charset=utf-8><title>Bench</title>
<meta name=viewport content="width=device-width, initial-scale=1">
<link rel=icon href="data:,"><body>"""
OURS = HEAD + "{{ stream_chat(url_for('ours'), turns) }}"
STREAM = (
    HEAD
    + """{{ stream_script() }} {{ stream_style() }}
<form id=ask method=post action="{{ url_for('ours') }}"><input name=question></form>
<flask-stream form=ask render=markdown append></flask-stream>"""
)
# Its own way to take a conversation, and to show an answer that comes.
DEEP = (
    HEAD
    + """<deep-chat style="width: 100%; height: 90vh; border: 0"></deep-chat>
<script id=turns type="application/json">{{ history|tojson }}</script>
<script type=module>
  const chat = document.querySelector("deep-chat");
  chat.setAttribute("history", document.querySelector("#turns").textContent);
  chat.setAttribute("connect", JSON.stringify({ url: "/deep", stream: true }));
  await import("/npm/deepChat.js");
</script>"""
)

app = Flask(__name__)
stream = FlaskStream(app)


def turns(number: int) -> list[dict[str, str]]:
    said = []
    for each in range(number // 2):
        said.append({"role": "user", "text": f"Question number {each}, of some ten words or so?"})
        said.append({"role": "assistant", "text": answer(1500 + each % 7)})
    return said


@app.get("/<name>/<int:number>")
def page(name: str, number: int) -> str:
    said = turns(number)
    if name == "deep":
        role = {"user": "user", "assistant": "ai"}
        history = [{"role": role[turn["role"]], "text": turn["text"]} for turn in said]
        return render_template_string(DEEP, history=history)
    if name == "blank":
        return HEAD
    return render_template_string(OURS if name == "ours" else STREAM, turns=said)


def pieces(length: int) -> list[str]:
    text = answer(length)
    return [text[start : start + PIECE] for start in range(0, len(text), PIECE)]


@app.post("/ours")
@stream.response
def ours() -> Iterator[str]:
    """The question is how many characters the answer is to have."""
    yield from pieces(int(request.form["question"]))


@app.post("/deep")
def deep() -> Response:
    body: Any = request.get_json()
    length = int(body["messages"][-1]["text"])
    frames = (f"data: {json.dumps({'text': piece})}\n\n" for piece in pieces(length))
    return Response(frames, mimetype="text/event-stream")


@app.get("/npm/<path:name>")
def npm(name: str) -> Response:
    return send_from_directory(DEEP_CHAT, name.replace("deepChat.js", "deepChat.bundle.js"))


def main() -> None:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
