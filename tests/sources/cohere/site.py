"""The app that gunicorn runs: what Cohere's clients give."""

from __future__ import annotations

import os
from typing import Any

import cohere

from tests.sources.chat_site import chat_site

given: Any = {"api_key": "none", "base_url": os.environ["PROVIDER"]}
client = cohere.ClientV2(**given)
async_client = cohere.AsyncClientV2(**given)


def asked(prompt: str) -> Any:
    return {"model": "m", "messages": [{"role": "user", "content": prompt}]}


app, _ = chat_site(
    lambda prompt: client.chat_stream(**asked(prompt)),
    lambda prompt: async_client.chat_stream(**asked(prompt)),
)
