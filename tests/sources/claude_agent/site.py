"""The app that gunicorn runs: an agent that looks, and then answers."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient, ClaudeSDKError, query
from flask import Flask

from flask_stream import FlaskStream

CLAUDE = Path(__file__).with_name("claude")

app = Flask(__name__)
stream = FlaskStream(app)


def options(provider: str, **more: Any) -> ClaudeAgentOptions:
    return ClaudeAgentOptions(
        cli_path=CLAUDE, include_partial_messages=True, env={"PROVIDER": provider}, **more
    )


@app.post("/query/<question>")
@stream.response
def by_query(question: str) -> Any:
    return query(prompt=question, options=options(os.environ["PROVIDER"]))


@app.post("/client/<question>")
@stream.response
async def by_client(question: str) -> AsyncIterator[Any]:
    async with ClaudeSDKClient(options(os.environ["PROVIDER"])) as client:
        await client.query(question)
        try:
            async for message in client.receive_response():
                yield message
        finally:
            with suppress(ClaudeSDKError):
                await client.interrupt()
