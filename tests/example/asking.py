"""Asking through Flask's own test client, and a provider to listen to what is asked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from example_app.notes import Note
from example_app.provider import Provider, Tool

BY_A_BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"


def token(client: FlaskClient) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/").text)
    assert found is not None
    return found[1]


def post(client: FlaskClient, url: str, question: str, accept: str = "text/event-stream") -> Any:
    form = {"csrf_token": token(client), "question": question}
    return client.post(url, data=form, headers={"Accept": accept})


def events(response: Any) -> list[tuple[str, Any]]:
    found = re.findall(r"^event: (\S+)\ndata: (.*)$", response.text, re.MULTILINE)
    return [(name, json.loads(data)) for name, data in found]


def words(response: Any) -> str:
    return "".join(data["text"] for name, data in events(response) if name == "text")


class Listener(Provider):
    """A provider that answers with what it is told to, and remembers what it was asked."""

    def __init__(self, app: Flask, *answers: list[str]) -> None:
        self.asked: list[list[dict[str, str]]] = []
        self._answers = iter(answers)
        app.extensions["example_provider"] = self

    def ask(self, messages: list[dict[str, str]], tools: Sequence[Tool] = ()) -> list[str]:
        self.asked.append(messages)
        return next(self._answers)

    def tool_results(self, found: Mapping[str, list[Note]]) -> list[Any]:
        raise NotImplementedError
