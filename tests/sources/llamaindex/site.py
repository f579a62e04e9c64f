"""The app that gunicorn runs: what an LLM of LlamaIndex's gives, and an agent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from flask import Flask
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.llms import ChatMessage
from llama_index.llms.openai_like import OpenAILike

from flask_stream import FlaskStream, relay

app = Flask(__name__)
stream = FlaskStream(app)


def llm_at(base: str) -> OpenAILike:
    return OpenAILike(
        model="m",
        api_base=f"{base}/v1",
        api_key="none",
        is_chat_model=True,
        is_function_calling_model=True,
        max_retries=0,
    )


llm = llm_at(os.environ.get("PROVIDER", ""))


@app.post("/chat/<prompt>")
@stream.response
def chat(prompt: str) -> Any:
    return llm.stream_chat([ChatMessage(prompt)])


@app.post("/relay/<prompt>")
@stream.response
def relayed(prompt: str) -> Iterator[Any]:
    yield from relay(llm.stream_chat([ChatMessage(prompt)]))


@app.post("/async/<prompt>")
@stream.response
def over_a_bridge(prompt: str) -> Any:
    return llm.astream_chat([ChatMessage(prompt)])


@app.post("/engine/<prompt>")
@stream.response
def engine(prompt: str) -> Any:
    return SimpleChatEngine.from_defaults(llm=llm).astream_chat(prompt)


@app.post("/agent/<prompt>")
@stream.response
async def agent(prompt: str) -> Any:
    return FunctionAgent(llm=llm, tools=[]).run(prompt)
