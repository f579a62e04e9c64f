"""Flask by hand without an SDK: `requests`, its lines, and JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import requests
from flask import Flask, Response, request

from bench.server.apps.asked import KEY, MESSAGES, PROMPT, PROVIDER
from bench.server.apps.dicts import of_anthropic, of_chat, of_responses
from bench.server.apps.event_stream import answer
from bench.server.wires import ANTHROPIC, CHAT, RESPONSES, WIRES

app = Flask(__name__)


@app.get("/chat")
def chat() -> Response:
    return answer(words(CHAT, {"messages": MESSAGES}, of_chat))


@app.get("/responses")
def responses() -> Response:
    return answer(words(RESPONSES, {"input": PROMPT}, of_responses))


@app.get("/anthropic")
def anthropic() -> Response:
    return answer(words(ANTHROPIC, {"messages": MESSAGES, "max_tokens": 1024}, of_anthropic))


def words(wire: str, asked: dict[str, Any], of: Callable[[Any], str | None]) -> Iterator[str]:
    body = {"model": request.args["model"], "stream": True, **asked}
    return _words(PROVIDER + WIRES[wire].path, body, of)


def _words(url: str, body: dict[str, Any], of: Callable[[Any], str | None]) -> Iterator[str]:
    headers = {"Authorization": f"Bearer {KEY}"}
    with requests.post(url, json=body, headers=headers, stream=True, timeout=600) as response:
        response.raise_for_status()
        for line in response.iter_lines():
            if line.startswith(b"data: {"):
                if word := of(json.loads(line[6:])):
                    yield word
