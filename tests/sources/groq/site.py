"""The app that gunicorn runs: what Groq's clients give."""

from __future__ import annotations

import os
from typing import Any

import groq

from tests.sources.chat_site import chat_site

given: Any = {"api_key": "none", "base_url": os.environ["PROVIDER"], "max_retries": 0}
client = groq.Groq(**given)
async_client = groq.AsyncGroq(**given)


def asked(prompt: str) -> Any:
    return {"model": "m", "messages": [{"role": "user", "content": prompt}], "stream": True}


app, _ = chat_site(
    lambda prompt: client.chat.completions.create(**asked(prompt)),
    lambda prompt: async_client.chat.completions.create(**asked(prompt)),
)
