"""Which model answers: the one there is a key for, else the canned one."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import anthropic
import openai
from flask import Flask, current_app

from . import canned_provider

Messages = list[Any]  # of {"role": …, "content": …}, which both SDKs take


@dataclass(frozen=True)
class Provider:
    """A model, and how to ask it: `ask` gives the SDK's own stream."""

    name: str
    model: str
    ask: Callable[[Messages], Any]
    canned: bool = False


def init_app(app: Flask) -> None:
    """Choose a provider by the environment, once."""
    app.extensions["example_provider"] = choose(os.environ)


def get_provider() -> Provider:
    """Give the running app's provider."""
    provider: Provider = current_app.extensions["example_provider"]
    return provider


def choose(environ: Mapping[str, str]) -> Provider:
    """Choose by the keys in `environ`."""
    if key := environ.get("ANTHROPIC_API_KEY"):
        model = environ.get("ANTHROPIC_MODEL") or "claude-haiku-5-5"
        claude = anthropic.Anthropic(api_key=key)
        return Provider("Anthropic", model, partial(_ask_claude, claude, model))
    key, base_url = environ.get("OPENAI_API_KEY"), environ.get("OPENAI_BASE_URL")
    if key or base_url:
        model = environ.get("OPENAI_MODEL") or "gpt-5.4-mini"
        # A server of one's own seldom wants a key, but the SDK does.
        client = openai.OpenAI(api_key=key or "none", base_url=base_url or None)
        return Provider("OpenAI", model, partial(_ask_openai, client, model))
    return Provider("canned answers", "canned-1", _ask_canned, canned=True)


def _ask_claude(claude: anthropic.Anthropic, model: str, messages: Messages) -> Any:
    return claude.messages.create(model=model, max_tokens=1024, stream=True, messages=messages)


def _ask_openai(client: openai.OpenAI, model: str, messages: Messages) -> Any:
    return client.chat.completions.create(
        model=model, stream=True, stream_options={"include_usage": True}, messages=messages
    )


def _ask_canned(messages: Messages) -> Any:
    # The address is asked for here, at a question, so that each worker starts its own.
    return _ask_claude(_canned_client(canned_provider.address()), "canned-1", messages)


@cache
def _canned_client(url: str) -> anthropic.Anthropic:
    # No retries, since a mishap asked for is to be seen; no proxy, since this is loopback.
    http_client = anthropic.DefaultHttpxClient(trust_env=False)
    return anthropic.Anthropic(
        base_url=url, api_key="canned", max_retries=0, http_client=http_client
    )
