"""The app that gunicorn runs: what LiteLLM gives."""

from __future__ import annotations

import os
from typing import Any

from flask import request

from tests.sources.chat_site import chat_site

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it asks for prices as it is imported

import litellm


def asked(prompt: str, base: str = os.environ.get("PROVIDER", ""), **more: Any) -> Any:
    return {
        "model": request.args.get("model", "openai/m") if request else "openai/m",
        "messages": [{"role": "user", "content": prompt}],
        "api_base": f"{base}/v1",
        "api_key": "none",
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_retries": 0,
        **more,
    }


app, stream = chat_site(
    lambda prompt: litellm.completion(**asked(prompt)),
    lambda prompt: litellm.acompletion(**asked(prompt)),
)


def asked_to_respond(prompt: str) -> Any:
    # Of a model that it has not heard of, it asks for the whole answer, and plays a stream of that.
    given = asked(prompt)
    names = ("api_base", "api_key", "stream")
    return {"model": "openai/gpt-4o", "input": prompt, **{name: given[name] for name in names}}


@app.post("/responses/<prompt>")
@stream.response
def responses(prompt: str) -> Any:
    return litellm.responses(**asked_to_respond(prompt))


@app.post("/aresponses/<prompt>")
@stream.response
def responses_over_a_bridge(prompt: str) -> Any:
    return litellm.aresponses(**asked_to_respond(prompt))
