"""Which model answers: the one there is a key for, else the canned one."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import anthropic
import openai
from flask import Flask, current_app

from . import canned_provider
from .attachments import Attachment
from .notes import Note

Messages = list[Any]  # of {"role": …, "content": …}, which both SDKs take

SILENCE = 60  # seconds that a provider may say nothing, before its first byte too


@dataclass(frozen=True)
class Tool:
    """A function that the model may ask for; its parameters are a JSON schema."""

    name: str
    description: str
    parameters: dict[str, Any]


class Provider(ABC):
    """A model, and how to ask it. What differs from one SDK to the other is in here."""

    name: str
    model: str
    canned = False
    cites = False  # whether the stream itself names the notes that the answer is from

    @abstractmethod
    def ask(self, messages: Messages, tools: Sequence[Tool] = ()) -> Any:
        """Give the SDK's own stream."""

    def question(self, text: str, files: Sequence[Attachment] = ()) -> dict[str, Any]:
        """Give the reader's turn: his files, each behind its name, and then his words."""
        content: Any = text
        if files:
            blocks = [part for file in files for part in (_text(f"{file.name}:"), self.block(file))]
            content = [*blocks, _text(text)]
        return {"role": "user", "content": content}

    @abstractmethod
    def block(self, file: Attachment) -> dict[str, Any]:
        """Give a file as the provider wants it."""

    @abstractmethod
    def tool_results(self, found: Mapping[str, list[Note]]) -> Messages:
        """Give what the next request has to hold: the notes found, by the call's id."""


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _base64(file: Attachment) -> str:
    return b64encode(file.data).decode()


class Claude(Provider):
    name = "Anthropic"
    cites = True

    def __init__(self, client: anthropic.Anthropic, model: str) -> None:
        self.client = client
        self.model = model

    def ask(self, messages: Messages, tools: Sequence[Tool] = ()) -> Any:
        with_tools: dict[str, Any] = {}
        if tools:
            with_tools = {
                "tools": [
                    {"name": t.name, "description": t.description, "input_schema": t.parameters}
                    for t in tools
                ],
                "thinking": {"type": "adaptive", "display": "summarized"},
            }
        return self.client.messages.create(
            model=self.model, max_tokens=2048, stream=True, messages=messages, **with_tools
        )

    def block(self, file: Attachment) -> dict[str, Any]:
        if file.type == "text/plain":
            source = {"type": "text", "media_type": file.type, "data": file.data.decode()}
        else:
            source = {"type": "base64", "media_type": file.type, "data": _base64(file)}
        kind = "image" if file.type.startswith("image/") else "document"
        return {"type": kind, "source": source}

    def tool_results(self, found: Mapping[str, list[Note]]) -> Messages:
        results = [
            {
                "type": "tool_result",
                "tool_use_id": id,
                "content": [_search_result(note) for note in notes] or "Nothing was found.",
                "is_error": not notes,
            }
            for id, notes in found.items()
        ]
        return [{"role": "user", "content": results}]


def _search_result(note: Note) -> dict[str, Any]:
    return {
        "type": "search_result",
        "source": note.url,
        "title": note.title,
        "content": [{"type": "text", "text": note.text}],
        "citations": {"enabled": True},
    }


class OpenAI(Provider):
    name = "OpenAI"

    def __init__(self, client: openai.OpenAI, model: str) -> None:
        self.client = client
        self.model = model

    def ask(self, messages: Messages, tools: Sequence[Tool] = ()) -> Any:
        with_tools: dict[str, Any] = {}
        if tools:
            with_tools = {"tools": [{"type": "function", "function": asdict(t)} for t in tools]}
        return self.client.chat.completions.create(
            model=self.model,
            stream=True,
            stream_options={"include_usage": True},
            messages=messages,
            **with_tools,
        )

    def block(self, file: Attachment) -> dict[str, Any]:
        if file.type == "text/plain":
            return _text(file.data.decode())
        url = f"data:{file.type};base64,{_base64(file)}"
        if file.type.startswith("image/"):
            return {"type": "image_url", "image_url": {"url": url}}
        return {"type": "file", "file": {"filename": file.name, "file_data": url}}

    def tool_results(self, found: Mapping[str, list[Note]]) -> Messages:
        return [
            {
                "role": "tool",
                "tool_call_id": id,
                "content": "\n\n".join(f"{n.title} ({n.url}): {n.text}" for n in notes)
                or "Nothing was found.",
            }
            for id, notes in found.items()
        ]


class Canned(Claude):
    name = "canned answers"
    canned = True

    def __init__(self) -> None:
        self.model = "canned-1"

    def ask(self, messages: Messages, tools: Sequence[Tool] = ()) -> Any:
        # The address is asked for here, at a question, so that each worker starts its own.
        self.client = _canned_client(*canned_provider.address())
        return super().ask(messages, tools)


@cache
def _canned_client(url: str, key: str) -> anthropic.Anthropic:
    # No retries, since a mishap asked for is to be seen; no proxy, since this is loopback.
    http_client = anthropic.DefaultHttpxClient(trust_env=False)
    return anthropic.Anthropic(base_url=url, api_key=key, max_retries=0, http_client=http_client)


def init_app(app: Flask) -> None:
    """Choose a provider by the environment, once."""
    app.extensions["example_provider"] = choose(os.environ)


def get_provider() -> Provider:
    """Give the running app's provider."""
    provider: Provider = current_app.extensions["example_provider"]
    return provider


def choose(environ: Mapping[str, str]) -> Provider:
    """Choose by the keys in `environ`."""
    if key := environ.get("ANTHROPIC_API_KEY"):
        model = environ.get("ANTHROPIC_MODEL") or "claude-haiku-5-5"
        # A redirect would take the question and the key along.
        direct = anthropic.DefaultHttpxClient(follow_redirects=False)
        client = anthropic.Anthropic(api_key=key, timeout=SILENCE, http_client=direct)
        return Claude(client, model)
    key, base_url = environ.get("OPENAI_API_KEY"), environ.get("OPENAI_BASE_URL")
    if key or base_url:
        model = environ.get("OPENAI_MODEL") or "gpt-5.4-mini"
        # A server of one's own seldom wants a key, but the SDK does.
        direct = openai.DefaultHttpxClient(follow_redirects=False)
        return OpenAI(
            openai.OpenAI(
                api_key=key or "none",
                base_url=base_url or None,
                timeout=SILENCE,
                http_client=direct,
            ),
            model,
        )
    return Canned()
