"""The app that gunicorn runs: what Mistral's client gives."""

from __future__ import annotations

import os
from typing import Any

from mistralai.client import Mistral

from tests.sources.chat_site import chat_site

client = Mistral(api_key="none", server_url=os.environ["PROVIDER"])


def asked(prompt: str) -> Any:
    return {"model": "m", "messages": [{"role": "user", "content": prompt}]}


app, stream = chat_site(
    lambda prompt: client.chat.stream(**asked(prompt)),
    lambda prompt: client.chat.stream_async(**asked(prompt)),
)


@app.post("/conversation/<prompt>")
@stream.response
def conversation(prompt: str) -> Any:
    return client.beta.conversations.start_stream(model="m", inputs=prompt)
