"""The app that gunicorn runs: an agent that looks, and then answers."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any

from flask import Flask
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from flask_stream import FlaskStream
from tests.sources.agents import FOUND

app = Flask(__name__)
stream = FlaskStream(app)


def made() -> Agent[None, str]:
    provider = OpenAIProvider(base_url=f"{os.environ['PROVIDER']}/v1", api_key="test")
    return Agent(OpenAIChatModel("m", provider=provider), tools=[look])


def look(place: str) -> dict[str, Any]:
    """Look at a lighthouse."""
    return FOUND


agent = made()


@app.post("/events/<question>")
@stream.response
def events(question: str) -> Any:
    return agent.run_stream_events(question)


@app.post("/wrapped/<question>")
@stream.response
async def wrapped(question: str) -> AsyncIterator[Any]:
    async with agent.run_stream_events(question) as events:
        async for event in events:
            yield event


@app.post("/result/<question>")
@stream.response
def result(question: str) -> Any:
    return agent.run_stream(question)


@app.post("/sync/<question>")
@stream.response
def sync(question: str) -> Any:
    return made().run_stream_sync(question)
