"""Ours with `resumable=True`: each run in a log, and its response follows that."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from flask import Flask, request

from bench.server.apps import clients, pages, plain
from flask_stream import FlaskStream

app = Flask(__name__)
app.secret_key = "for the sessions"
app.config["STREAM_LOG_URL"] = os.environ.get("LOG_URL", "sqlite:////dev/shm/bench.sqlite3")
app.config["STREAM_MAX_RUNS"] = 2000
stream = FlaskStream(app)
stream.owner(lambda: request.headers.get("Reader"))  # else each session's own
app.register_blueprint(pages.ours)


@app.get("/chat")
@stream.response(resumable=True)
def chat() -> Any:
    return clients.ask_chat(request.args["model"])


@app.get("/responses")
@stream.response(resumable=True)
def responses() -> Any:
    return clients.ask_responses(request.args["model"])


@app.get("/anthropic")
@stream.response(resumable=True)
def anthropic() -> Any:
    return clients.ask_anthropic(request.args["model"])


@app.get("/plain")
@stream.response(resumable=True)
def plain_generator() -> Iterator[str]:
    return plain.words(request.args["model"], request.args.get("padding", 0, int))
