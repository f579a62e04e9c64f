"""An app with several conversations at one path, for gunicorn: `/?c=NAME` shows one."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from flask import Flask, render_template_string, request, session

from flask_stream import FlaskStream

HEAD = "<!doctype html><meta charset=utf-8><title>Chat</title>"

app = Flask(__name__)
app.secret_key = "only a test"
stream = FlaskStream(app)
may_end = threading.Event()


@app.get("/")
def page() -> str:
    """Which one it is, only the run's key says."""
    session["c"] = request.args["c"]
    return render_template_string(HEAD + "{{ stream_chat(url_for('ask')) }}")


@app.post("/ask")
@stream.response(resumable=True, key=lambda: session["c"])
def ask() -> Iterator[str]:
    yield "Held."
    assert may_end.wait(60)


@app.post("/go")
def go() -> str:
    may_end.set()
    return ""


@app.get("/hello")
def hello() -> str:
    return "hello"


@app.get("/elsewhere")
def elsewhere() -> str:
    return render_template_string(HEAD + "{{ stream_chat('https://other.example/chat') }}")


@app.get("/parts")
def parts() -> str:
    """A page into which a script puts chats that it has asked for one by one, as htmx does."""
    script = """<script type=module src="{{ stream_url('flask-stream-chat.js') }}"></script>"""
    return render_template_string(f"{HEAD}{script}<main></main>")


@app.get("/part/<name>")
def part(name: str) -> str:
    return render_template_string("{{ stream_chat(url_for('answer', name=name)) }}", name=name)


@app.post("/answer/<name>")
@stream.response
def answer(name: str) -> list[str]:
    return [f"{name} answers."]
