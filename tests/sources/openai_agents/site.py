"""The app that gunicorn runs: an agent that looks, and then answers."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool, set_tracing_disabled
from flask import Flask

from flask_stream import FlaskStream, relay
from tests.sources.agents import FOUND, client

set_tracing_disabled(True)
app = Flask(__name__)
stream = FlaskStream(app)


@function_tool
def look(place: str) -> dict[str, Any]:
    """Look at a lighthouse."""
    return FOUND


model = OpenAIChatCompletionsModel("m", client(os.environ["PROVIDER"]))
agent = Agent(name="Keeper", model=model, tools=[look])


@app.post("/result/<question>")
@stream.response
async def result(question: str) -> Any:
    return Runner.run_streamed(agent, question)


@app.post("/events/<question>")
@stream.response
async def events(question: str) -> Any:
    return Runner.run_streamed(agent, question).stream_events()


@app.post("/wrapped/<question>")
@stream.response
async def wrapped(question: str) -> AsyncIterator[Any]:
    async for event in Runner.run_streamed(agent, question).stream_events():
        yield event


@app.post("/relayed/<question>")
@stream.response
def relayed(question: str) -> Iterator[Any]:
    async def run() -> Any:
        return Runner.run_streamed(agent, question)

    yield from relay(run())
