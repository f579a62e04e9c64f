"""The app that gunicorn runs: models, chains and graphs of LangChain's, as views return them."""

from __future__ import annotations

import os
from typing import Any

from flask import Flask
from langchain.agents import create_agent
from langchain_anthropic import ChatAnthropic
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.output_parsers import StrOutputParser
from langchain_openai import ChatOpenAI

from flask_stream import Channel, FlaskStream

app = Flask(__name__)
stream = FlaskStream(app)


def model_of(wire: str, base: str) -> Any:
    """A model that asks the provider at `base`, as `wire` says."""
    if wire == "anthropic":
        return ChatAnthropic(model="m", base_url=base, api_key="key", max_retries=0)
    is_responses = wire == "openai_responses"
    return ChatOpenAI(
        model="m",
        base_url=f"{base}/v1",
        api_key="key",
        max_retries=0,
        use_responses_api=is_responses,
    )


model = model_of("openai_chat", os.environ.get("PROVIDER", ""))
agent = create_agent(model, [])


retrying = ChatOpenAI(model="m", base_url=f"{os.environ.get('PROVIDER', '')}/v1", api_key="key")


class ToChannel(BaseCallbackHandler):
    """Has a channel's reader get the words of a model."""

    raise_error = True

    def __init__(self, channel: Channel) -> None:
        self.send = channel.send

    def on_llm_new_token(self, token: Any, **kwargs: Any) -> None:
        self.send(token)


def asked(prompt: str) -> Any:
    return {"messages": [{"role": "user", "content": prompt}]}


@app.post("/model/<prompt>")
@stream.response
def by_model(prompt: str) -> Any:
    return model.stream(prompt)


@app.post("/model-async/<prompt>")
@stream.response
def by_model_async(prompt: str) -> Any:
    return model.astream(prompt)


@app.post("/retrying/<prompt>")
@stream.response
def by_retrying(prompt: str) -> Any:
    return retrying.stream(prompt)


@app.post("/callback/<prompt>")
@stream.response
def by_callback(prompt: str) -> Any:
    with stream.channel() as channel:
        config = {"callbacks": [ToChannel(channel)]}
        channel.start(model.invoke, prompt, config, stream=True)
        return channel


@app.post("/chain/<prompt>")
@stream.response
def by_chain(prompt: str) -> Any:
    return (model | StrOutputParser()).stream(prompt)


@app.post("/events/<prompt>")
@stream.response
def by_events(prompt: str) -> Any:
    return model.astream_events(prompt)


@app.post("/graph/<prompt>")
@stream.response
def by_graph(prompt: str) -> Any:
    return agent.stream(asked(prompt), stream_mode="messages")


@app.post("/graph-async/<prompt>")
@stream.response
def by_graph_async(prompt: str) -> Any:
    return agent.astream(asked(prompt), stream_mode="messages")
