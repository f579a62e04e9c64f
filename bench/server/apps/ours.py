"""Ours, as the README has it: a view returns the SDK's stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Flask, request

from bench.server.apps import clients, pages, plain
from flask_stream import FlaskStream

app = Flask(__name__)
stream = FlaskStream(app)
app.register_blueprint(pages.ours)


@app.get("/chat")
@stream.response
def chat() -> Any:
    return clients.ask_chat(request.args["model"])


@app.get("/responses")
@stream.response
def responses() -> Any:
    return clients.ask_responses(request.args["model"])


@app.get("/anthropic")
@stream.response
def anthropic() -> Any:
    return clients.ask_anthropic(request.args["model"])


@app.get("/plain")
@stream.response
def plain_generator() -> Iterator[str]:
    return plain.words(request.args["model"])
