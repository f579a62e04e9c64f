"""The SDKs' clients, pointed at the bench's provider, as an app has them: one a process."""

from __future__ import annotations

from typing import Any

import anthropic
import openai

from bench.server.apps.asked import KEY, MESSAGES, PROMPT, PROVIDER

gpt = openai.OpenAI(base_url=f"{PROVIDER}/v1", api_key=KEY)
claude = anthropic.Anthropic(base_url=PROVIDER, api_key=KEY)


def ask_chat(model: str) -> Any:
    return gpt.chat.completions.create(model=model, messages=MESSAGES, stream=True)


def ask_responses(model: str) -> Any:
    return gpt.responses.create(model=model, input=PROMPT, stream=True)


def ask_anthropic(model: str) -> Any:
    return claude.messages.create(model=model, max_tokens=1024, messages=MESSAGES, stream=True)
