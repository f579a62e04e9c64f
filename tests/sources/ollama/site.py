"""The app that gunicorn runs: what Ollama's own clients give."""

from __future__ import annotations

import os
from typing import Any

import ollama

from tests.sources.chat_site import chat_site

client = ollama.Client(os.environ["PROVIDER"])
async_client = ollama.AsyncClient(os.environ["PROVIDER"])


def asked(prompt: str) -> Any:
    return {"model": "m", "messages": [{"role": "user", "content": prompt}], "stream": True}


app, _ = chat_site(
    lambda prompt: client.chat(**asked(prompt)),
    lambda prompt: async_client.chat(**asked(prompt)),
)
