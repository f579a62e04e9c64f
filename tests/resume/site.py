"""The app that the servers of these tests run: words with pauses, and a provider's stream.

`SETTINGS` is JSON for its configuration. `ASKED` and `FINISHED` name files: a line for each time
that a view was called, and for each time that a run ended.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

from flask import Flask, Response, g, render_template_string, request, url_for

from flask_stream import FlaskStream, Result, StreamFailed, after_this_stream
from flask_stream.limits import places, run_places
from tests.resume.words import words_of

app = Flask(__name__)
app.secret_key = "the same in all workers"
app.config.update(json.loads(os.environ.get("SETTINGS", "{}")))
stream = FlaskStream(app)
stream.owner(lambda: request.headers.get("Reader", "reader"))
METHODS = ["GET", "POST"]


def write_down(name: str, *what: Any) -> None:
    """In one write, so that no two lines run together."""
    with open(os.environ[name], "ab", buffering=0) as file:
        file.write(json.dumps(what).encode() + b"\n")


@app.after_request
def name_worker(response: Response) -> Response:
    response.headers["Worker"] = str(os.getpid())
    return response


@app.get("/hello")
def hello() -> str:
    return "hello"


@app.route("/say/<prompt>/<int:count>/<int:pause>", methods=METHODS)
@stream.response(resumable=True, key="prompt:{prompt}")
def say(prompt: str, count: int, pause: int) -> Iterator[str]:
    """So many words, with so many milliseconds between them."""
    write_down("ASKED", prompt, os.getpid())
    g.prompt = prompt

    def finish(result: Result) -> None:
        write_down("FINISHED", prompt, result.outcome, result.text)

    after_this_stream(finish)
    time.sleep(float(request.args.get("wait", 0)))  # until which there is no response
    for word in words_of(g.prompt, count):
        yield word
        time.sleep(pause / 1000)


@app.route("/ask/<prompt>", methods=METHODS)
@stream.response(resumable=True)
def ask(prompt: str) -> Any:
    """What a provider says, by its SDK."""
    import openai  # few tests ask, and to import it takes longer than all the rest

    client = openai.OpenAI(base_url=os.environ["PROVIDER"], api_key="none", max_retries=0)
    after_this_stream(lambda result: write_down("FINISHED", prompt, result.outcome, result.text))
    return client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": prompt}], stream=True
    )


@app.route("/large/<int:count>", methods=METHODS)
@stream.response(resumable=True)
def large(count: int) -> Iterator[str]:
    """So many words of 100 KB."""
    for number in range(count):
        yield f"{number:<100000}"


@app.route("/refuse", methods=METHODS)
@stream.response(resumable=True)
def refuse() -> Any:
    raise StreamFailed("Not now.", error_code="quota", status=402)


@app.route("/fail/<prompt>", methods=METHODS)
@stream.response(resumable=True)
def fail(prompt: str) -> Iterator[str]:
    yield f"{prompt} "
    raise StreamFailed("No more.", error_code="quota")


@app.post("/attempt")
@stream.response(resumable=True)
def attempt() -> Iterator[str]:
    """What the request says of its question; in its view, and behind its end."""
    write_down("ASKED", stream.submission, stream.attempt)
    yield f"{stream.submission} {stream.attempt} "
    time.sleep(0.2)  # by when the request's own thread is about something else
    yield f"{stream.submission} {stream.attempt}"


PAGE = """<!doctype html><title>Test</title>{{ stream_script() }}
{% if transport %}<flask-stream src="{{ say }}" transport=eventsource resume></flask-stream>
{% else %}<form id=ask method=post action="{{ say }}"><button>Ask</button></form>
<flask-stream form=ask resume></flask-stream>{% endif %}"""


@app.get("/page/<prompt>/<int:count>/<int:pause>")
def page(prompt: str, count: int, pause: int) -> str:
    wait = request.args.get("wait")
    say = url_for("say", prompt=prompt, count=count, pause=pause, wait=wait)
    return render_template_string(PAGE, say=say, transport=request.args.get("transport"))


@app.get("/active/<prompt>")
def active(prompt: str) -> dict[str, str]:
    run = stream.active(f"prompt:{prompt}")
    return run._asdict() if run is not None else {}


@app.get("/state")
def state() -> dict[str, Any]:
    """What this worker holds."""
    return {
        "pid": os.getpid(),
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "files": len(os.listdir("/proc/self/fd")),
        "places": places().taken,
        "runs": run_places().taken,
    }
