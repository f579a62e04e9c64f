"""Flask by hand: a loop over the SDK's stream, `json.dumps`, and `data: …` with a blank line."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Flask, Response, request

from bench.server.apps import clients, pages, plain
from bench.server.apps.event_stream import answer

app = Flask(__name__)
app.register_blueprint(pages.by_hand)


@app.get("/chat")
def chat() -> Response:
    return answer(chat_words(request.args["model"]))


@app.get("/responses")
def responses() -> Response:
    return answer(responses_words(request.args["model"]))


@app.get("/anthropic")
def anthropic() -> Response:
    return answer(anthropic_words(request.args["model"]))


@app.get("/plain")
def plain_generator() -> Response:
    return answer(plain.words(request.args["model"]))


def chat_words(model: str) -> Iterator[str]:
    for chunk in clients.ask_chat(model):
        if chunk.choices and chunk.choices[0].delta.content:
            yield chunk.choices[0].delta.content


def responses_words(model: str) -> Iterator[str]:
    for event in clients.ask_responses(model):
        if event.type == "response.output_text.delta":
            yield event.delta


def anthropic_words(model: str) -> Iterator[str]:
    for event in clients.ask_anthropic(model):
        if event.type == "content_block_delta" and event.delta.type == "text_delta":
            yield event.delta.text
