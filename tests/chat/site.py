"""The app that gunicorn serves to a chat's browser: what is asked says what is answered.

Each session has its own conversation, which is saved. `/?…` has the page's looks, see `page`.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from flask import Flask, Response, abort, render_template_string, request, session
from flask_wtf import CSRFProtect

from flask_stream import Data, FlaskStream, Meta, Result, Source, StreamFailed, after_this_stream
from tests.browser.client_server import STRICT_CSP
from tests.browser.payloads import PAYLOADS

# What the policy forbade, for a test to look at.
RECORDER = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  violations.push(`${event.violatedDirective} ${event.blockedURI}`);
});
window.heard = [];
for (const name of ["start", "open", "done", "stop", "retry", "error", "rate"]) {
  document.addEventListener(`stream:${name}`, ({ type, detail }) => heard.push({ type, detail }));
}
"""
PAGE = """<!doctype html>
<html lang="{{ args.get('lang', 'en') }}" dir="{{ args.get('dir', 'ltr') }}">
<meta charset=utf-8><title>Chat</title>
<meta name=viewport
  content="width=device-width, initial-scale=1, interactive-widget=resizes-content">
<meta name=color-scheme content="light dark">
<script src="/recorder.js"></script><link rel=stylesheet href="/looks.css">
{% if words %}
<script type="application/json" data-stream-words>{{ words|tojson }}</script>
{% endif %}
{% for sheet in args.getlist('sheet') %}<link rel=stylesheet href="{{ sheet }}">{% endfor %}
<body><main>{{ stream_chat(url_for('chat'), turns, **options) }}</main>
"""

WHY = """Because **waiting feels long**, and reading does not.

1. A whole answer takes five to ten seconds.
2. Its first word is there in *less than one*.

So the page is alive while the rest is still being written:

```python
@stream.response
def chat():
    return claude.messages.create(…, stream=True)
```
"""
# Some of those that are said in each chat.
WORDS = [
    *("Send", "Stop", "Copy", "Copy as Markdown", "Answer again", "Good answer", "Edit", "Details"),
    *("Your question", "Ask something", "Complete", "Generating…", "Attach files", "Copied"),
]

app = Flask(__name__)
app.secret_key = "only a test"
app.config.update(STREAM_LOG_URL="memory:", WTF_CSRF_TIME_LIMIT=None)
csrf = CSRFProtect(app)
stream = FlaskStream(app)
conversations: dict[str, list[dict[str, Any]]] = {}
asked: list[dict[str, Any]] = []
rated: list[dict[str, str]] = []
gates: dict[str, threading.Event] = {}
busy: set[str] = set()


def turns() -> list[dict[str, Any]]:
    session.setdefault("id", uuid4().hex)
    return conversations.setdefault(session["id"], [])


@app.after_request
def strict(response: Response) -> Response:
    """A strict policy may hide what gets through."""
    if "lax" not in request.args:
        response.headers["Content-Security-Policy"] = STRICT_CSP
    return response


@app.get("/")
def page() -> str:
    """`?attach=…&max_bytes=…&suggest=…&feedback=…&actions=…` are options of the tag."""
    args = request.args
    options: dict[str, Any] = {
        name: args[name] for name in ("attach", "actions", "feedback") if name in args
    }
    if "max_bytes" in args:
        options["max_bytes"] = int(args["max_bytes"])
    options["suggestions"] = args.getlist("suggest")
    said = [] if "unsaved" in args else list(turns())
    words = json.loads(args.get("say", "{}"))
    if "words" in args:
        words = dict.fromkeys(WORDS, PAYLOADS[int(args["words"])])
    return render_template_string(PAGE, turns=said, options=options, args=args, words=words)


@app.post("/chat")
@stream.response(resumable=True, key=lambda: session["id"])
def chat() -> Iterator[Any]:
    question, said = request.form["question"].replace("\r\n", "\n"), turns()
    files = [file.filename for file in request.files.getlist("files") if file.filename]
    asked.append({"question": question, "attempt": stream.attempt, "files": files})
    what, _, rest = question.partition(" ")
    if what == "refuse":
        abort(413, "That question is too long.")
    if what == "busy" and question not in busy:
        busy.add(question)
        abort(503, "Too many ask right now.")
    if stream.attempt > 1:
        ids = [turn["id"] for turn in said]
        if stream.submission in ids:
            del said[ids.index(stream.submission) :]
    id = stream.submission
    turn = {"role": "user", "text": question, "id": id}
    if what != "late":
        said.append(turn)
    if what == "early":
        said.append({"role": "assistant", "text": "All of it.", "id": id})

    @after_this_stream
    def save(result: Result) -> None:
        if what == "late":
            said.append(turn)
        if what != "early":
            said.append({"role": "assistant", "text": result.text, "id": id, "model": result.model})

    return answer(what, rest, question)


def answer(what: str, rest: str, question: str) -> Iterator[Any]:
    yield Meta(model="test-1")
    match what:
        case "hold" | "late" | "early":  # until the test says /go
            yield f"Held: {rest}."
            assert gates.setdefault(question, threading.Event()).wait(60)
            yield " Let go."
        case "long":
            for number in range(int(rest.split()[0])):
                yield f"Paragraph {number} has some words in it.\n\n"
        case "slow":  # words that come one by one, as a test lets them
            for number in range(int(rest.split()[0])):
                assert gates.setdefault(f"{question} {number}", threading.Event()).wait(60)
                yield f"Paragraph {number} has some words in it.\n\n"
        case "Why":  # the words of a picture, as a test lets them
            words = re.split(r"(?<= )", WHY)
            for number in range(0, len(words), 3):
                assert gates.setdefault(f"{question} {number // 3}", threading.Event()).wait(60)
                yield "".join(words[number : number + 3])
            yield Source("https://html.spec.whatwg.org/", "Server-sent events (WHATWG)")
            yield Data("suggestions", ["How do the words get here?", "Show me the code"])
        case "fail":
            yield "Some words"
            raise StreamFailed("It broke.", retryable=True)
        case "tell":
            name, _, data = rest.partition(" ")
            yield Data(name, json.loads(data))
            yield "Told."
        case "cite":
            yield "Cited."
            yield Source("https://example.org/", rest)
        case "hostile":  # each payload in each place that a server or a model has
            yield Data("suggestions", PAYLOADS[int(rest) : int(rest) + 8])
            for payload in PAYLOADS:
                yield Meta(model=payload)
                yield Data("title", payload)
                yield Source(payload, payload)
                yield Source(f"https://example.org/{payload}", payload)
                yield f"{payload}\n\n"
        case "markdown":
            yield "## A title\n\nSome **bold** words.\n\n```python\nprint(1)\n```\n"
        case _:
            yield f"You said: {question}"


@app.post("/go")
@csrf.exempt
def go() -> dict[str, str]:
    gates.setdefault(request.json["question"], threading.Event()).set()  # type: ignore[index]
    return {}


@app.post("/save")
@csrf.exempt
def save() -> dict[str, str]:
    """What a test wants to have been said."""
    turns().extend(request.json)  # type: ignore[arg-type]
    return {}


@app.post("/rate")
def rate() -> dict[str, str]:
    if request.form["value"] == "down":
        abort(500)
    rated.append(request.form.to_dict())
    return {}


@app.get("/seen")
def seen() -> dict[str, Any]:
    return {"asked": asked, "rated": rated}


@app.get("/looks.css")
def looks() -> Response:
    # Where no background is set, axe takes the page for white.
    return Response("body { background: Canvas; color: CanvasText }", mimetype="text/css")


@app.get("/full.css")
def full() -> Response:
    """The chat has all of the window."""
    css = "body { margin: 0 } main { padding: 0.5rem } flask-chat { height: calc(100vh - 1rem) }"
    return Response(f"{css} body {{ font-family: system-ui, sans-serif }}", mimetype="text/css")


@app.get("/recorder.js")
def recorder() -> Response:
    return Response(RECORDER, mimetype="text/javascript")


@app.get("/hello")
def hello() -> str:
    return "hello"
