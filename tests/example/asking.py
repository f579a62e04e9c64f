"""Asking through Flask's own test client, and a provider to listen to what is asked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from html import unescape
from typing import Any

import httpx
from flask import Flask
from flask.testing import FlaskClient

from example_app.attachments import Attachment
from example_app.notes import Note
from example_app.provider import Provider, Tool

BY_A_BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"


def token(client: FlaskClient) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/race").text)
    assert found is not None
    return found[1]


def submit(client: FlaskClient, url: str, **fields: Any) -> Any:
    """Send a form as a browser without JavaScript does."""
    form = {"csrf_token": token(client), **fields}
    return client.post(url, data=form, headers={"Accept": BY_A_BROWSER})


def sign_in(client: FlaskClient, name: str = "ada") -> FlaskClient:
    assert submit(client, "/sign-in", name=name).status_code == 302
    return client


def chat(client: FlaskClient) -> str:
    """The address of the reader's newest conversation."""
    location: str = client.get("/").location
    return location


def post(
    client: FlaskClient, url: str, question: str, accept: str = "text/event-stream", **more: Any
) -> Any:
    """Ask; in the chat, in the newest conversation."""
    url = chat(client) if url == "/chat" else url
    form = {"csrf_token": token(client), "question": question, **more.pop("fields", {})}
    headers = {"Accept": accept, **more.pop("headers", {})}
    response = client.post(url, data=form, headers=headers, **more)
    response.request.environ["wsgi.input"].close()  # a large one is in a file
    return response


def asked_again(client: FlaskClient, id: str, attempt: int, question: str, **more: Any) -> Any:
    """Ask as the client does: the same question for the how manyth time."""
    headers = {"Flask-Stream-Submission": id, "Flask-Stream-Attempt": str(attempt)}
    return post(client, "/chat", question, headers=headers, **more)


def turns(client: FlaskClient) -> list[tuple[str, str]]:
    """What the newest conversation's page says: who, and what."""
    page = client.get(chat(client)).text
    found = re.findall(
        r'<div data-turn="(user|)"[^>]*>(?:<div data-part="text" data-raw>)?([^<]*)<', page
    )
    return [(who or "model", unescape(text)) for who, text in found]


def questions(client: FlaskClient) -> list[str]:
    return [text for who, text in turns(client) if who == "user"]


def notes(client: FlaskClient) -> list[str]:
    return re.findall(r'<p data-chat="note">(.*?)</p>', client.get(chat(client)).text)


def events(response: Any) -> list[tuple[str, Any]]:
    found = re.findall(r"^event: (\S+)\ndata: (.*)$", response.text, re.MULTILINE)
    return [(name, json.loads(data)) for name, data in found]


def data_of(response: Any, kind: str) -> list[Any]:
    return [data for name, data in events(response) if name == kind]


def words(response: Any) -> str:
    return "".join(data["text"] for data in data_of(response, "text"))


class Listener(Provider):
    """A provider that answers with what it is told to, and remembers what it was asked."""

    def __init__(self, app: Flask, *answers: list[str]) -> None:
        self.asked: list[list[dict[str, Any]]] = []
        self._answers = iter(answers)
        app.extensions["example_provider"] = self

    def ask(self, messages: list[dict[str, Any]], tools: Sequence[Tool] = ()) -> Any:
        """Give a response that is being streamed, as Chat Completions are."""
        self.asked.append(list(messages))
        deltas = [{"delta": {"content": each}} for each in next(self._answers)]
        choices = [*deltas, {"delta": {}, "finish_reason": "stop"}]
        chunks = [json.dumps({"choices": [{"index": 0, **choice}]}) for choice in choices]
        body = (f"data: {chunk}\n\n".encode() for chunk in [*chunks, "[DONE]"])
        return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, content=body)

    def block(self, file: Attachment) -> dict[str, Any]:
        return {"type": "file", "data": file.data}

    def tool_results(self, found: Mapping[str, list[Note]]) -> list[Any]:
        raise NotImplementedError
