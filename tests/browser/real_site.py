"""The app that gunicorn serves to the browser: pages that a test wrote, and every kind of answer.

Each view under `/chat` takes the prompt `q`, asks the provider named in the environment, and each
request for one is written down before anything else is done: `REQUESTS` names the file. `PAGES`
names the folder of the pages; `STREAM_SETTINGS` is JSON for the app's configuration.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from flask import Flask, Response, abort, redirect, render_template_string, request, url_for
from werkzeug.http import http_date

from flask_stream import FlaskStream
from tests.browser.client_server import HEAD, STRICT_CSP

PROVIDER = os.environ["PROVIDER"]
METHODS = ["GET", "POST"]
SWAPPING_CSP = "default-src 'self'"
# Keeps the element's events, what the policy forbade, and every EventSource: to be looked at.
RECORDER = """
window.seen = [];
window.violations = [];
window.sources = [];
for (const name of ["open", "event", "done", "stop", "retry", "error"]) {
  document.addEventListener(`stream:${name}`, ({ type, detail }) => seen.push({ type, detail }));
}
document.addEventListener("securitypolicyviolation", ({ violatedDirective }) => {
  violations.push(violatedDirective);
});
window.EventSource = class extends EventSource {
  constructor(...request) {
    super(...request);
    sources.push(this);
  }
};
"""

app = Flask(__name__)
app.config.update(json.loads(os.environ.get("STREAM_SETTINGS", "{}")))
stream = FlaskStream(app)
refused: set[str] = set()


@app.before_request
def write_down() -> None:
    if not request.path.startswith("/chat"):
        return
    line = [request.values.get("q"), request.method, request.path]
    # In one write, so that no two lines run together.
    with open(os.environ["REQUESTS"], "ab", buffering=0) as file:
        file.write(json.dumps(line).encode() + b"\n")


# -- pages --------------------------------------------------------------------------------


@app.get("/page/<name>")
def page(name: str) -> Response:
    body = Path(os.environ["PAGES"], name).read_text()
    tags = '<script src="/recorder.js"></script>{{ stream_script() }}'
    response = Response(render_template_string(f"{HEAD}{tags}<body>{{{{ body|safe }}}}", body=body))
    # What swaps pages by innerHTML, as htmx does, cannot have Trusted Types.
    policy = SWAPPING_CSP if "swapped" in name else STRICT_CSP
    response.headers["Content-Security-Policy"] = policy
    return response


@app.get("/recorder.js")
def recorder() -> Response:
    return Response(RECORDER, mimetype="text/javascript")


@app.get("/login")
def login() -> str:
    return "Sign in"


@app.get("/hello")
def hello() -> str:
    return "hello"


@app.get("/favicon.ico")
def favicon() -> tuple[str, int]:
    return "", 204


# -- streams ------------------------------------------------------------------------------


def answer() -> Any:
    message = {"role": "user", "content": request.values["q"]}
    body = {"model": "m", "stream": True, "messages": [message]}
    return requests.post(f"{PROVIDER}/v1/messages", json=body, stream=True, timeout=60)


@app.route("/chat", methods=METHODS)
@stream.response
def chat() -> Any:
    return answer()


# -- answers that are no stream, or not yet -----------------------------------------------


def refusal(how: str) -> Any:
    if how == "204":
        return "", 204
    if how == "401":
        abort(401)
    if how == "login":
        return redirect(url_for("login"))
    if how == "elsewhere":  # 307 keeps the method and the body
        return redirect(url_for("chat", q=request.values["q"]), 307)
    if how == "html":
        return "<!doctype html><p>A page."
    if how == "json":
        return {"text": "no stream"}
    status, _, wait = how.partition("-")
    headers = {}
    if wait == "date":
        headers["Retry-After"] = http_date(datetime.now(UTC) + timedelta(seconds=90))
    elif wait:
        headers["Retry-After"] = wait
    return {"message": f"Not now: {status}."}, int(status), headers


@app.route("/chat/refused/<how>", methods=METHODS)
@stream.response
def refuse(how: str) -> Any:
    """Always refused."""
    return refusal(how)


@app.route("/chat/refused-once/<how>", methods=METHODS)
@stream.response
def refuse_once(how: str) -> Any:
    """Refused at first; asked again, it is answered."""
    prompt = request.values["q"]
    if prompt in refused:
        return answer()
    refused.add(prompt)
    return refusal(how)
