"""The app that gunicorn runs: what Google's client gives."""

from __future__ import annotations

import os

from google import genai

from tests.sources.chat_site import chat_site

client = genai.Client(api_key="none", http_options={"base_url": os.environ["PROVIDER"]})


app, _ = chat_site(
    lambda prompt: client.models.generate_content_stream(model="m", contents=prompt),
    lambda prompt: client.aio.models.generate_content_stream(model="m", contents=prompt),
)
