"""The app that the servers run: it asks the provider named in the environment."""

from __future__ import annotations

import json
import os
from typing import Any

import anthropic
from flask import Flask, request

from flask_stream import FlaskStream, Result

app = Flask(__name__)
stream = FlaskStream(app)
claude = anthropic.Anthropic(base_url=os.environ["PROVIDER"], api_key="none", max_retries=0)


def keep(result: Result) -> None:
    """One line for each time that a run ended, in one write, so that no two run together."""
    line = json.dumps([request.view_args, result.outcome, result.text]) + "\n"
    with open(os.environ["RESULTS"], "ab", buffering=0) as file:
        file.write(line.encode())


def answer(prompt: str) -> Any:
    return claude.messages.create(
        model="m",
        max_tokens=64,
        messages=[{"role": "user", "content": prompt}],
        stream=True,
    )


app.post("/chat/<prompt>", endpoint="chat")(stream.response(on_finish=keep)(answer))
app.post("/text/<prompt>", endpoint="text")(stream.response(format="text", on_finish=keep)(answer))


@app.get("/hello")
def hello() -> str:
    return "hello"
