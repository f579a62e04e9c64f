"""The app of a chat client's group, which gunicorn runs: the routes that `Contract` asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from flask import Flask

from flask_stream import FlaskStream, relay

Ask = Callable[[str], Any]


def chat_site(ask: Ask, ask_async: Ask | None = None) -> tuple[Flask, FlaskStream]:
    """`/chat/PROMPT`, which returns a stream, `/relay/PROMPT`, and `/async/PROMPT`.

    :param ask: gives the client's stream of an answer to a prompt.
    :param ask_async: what the async client gives, where there is one.
    """
    app = Flask("site")
    stream = FlaskStream(app)

    def relayed(prompt: str) -> Iterator[Any]:
        yield from relay(ask(prompt))

    views = {"chat": ask, "relay": relayed} | ({"async": ask_async} if ask_async else {})
    for name, view in views.items():
        app.add_url_rule(f"/{name}/<prompt>", name, stream.response(view), methods=["POST"])
    return app, stream
