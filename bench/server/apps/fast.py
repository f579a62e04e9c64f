"""FastAPI with sse-starlette and the SDKs' async clients."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import anthropic
import openai
from fastapi import FastAPI
from sse_starlette import EventSourceResponse

from bench.server.apps.asked import KEY, MESSAGES, PROMPT, PROVIDER
from bench.server.apps.plain import async_words

app = FastAPI()
gpt = openai.AsyncOpenAI(base_url=f"{PROVIDER}/v1", api_key=KEY)
claude = anthropic.AsyncAnthropic(base_url=PROVIDER, api_key=KEY)


@app.get("/chat")
async def chat(model: str) -> EventSourceResponse:
    return EventSourceResponse(frames(chat_words(model)))


@app.get("/responses")
async def responses(model: str) -> EventSourceResponse:
    return EventSourceResponse(frames(responses_words(model)))


@app.get("/anthropic")
async def by_anthropic(model: str) -> EventSourceResponse:
    return EventSourceResponse(frames(anthropic_words(model)))


@app.get("/plain")
async def plain_generator(model: str) -> EventSourceResponse:
    return EventSourceResponse(frames(async_words(model)))


async def frames(words: AsyncIterator[str]) -> AsyncIterator[dict[str, str]]:
    async for word in words:
        yield {"data": json.dumps({"text": word})}
    yield {"data": '{"done": true}'}


async def chat_words(model: str) -> AsyncIterator[str]:
    chunks = await gpt.chat.completions.create(model=model, messages=MESSAGES, stream=True)
    async for chunk in chunks:
        if chunk.choices and chunk.choices[0].delta.content:
            yield chunk.choices[0].delta.content


async def responses_words(model: str) -> AsyncIterator[str]:
    async for event in await gpt.responses.create(model=model, input=PROMPT, stream=True):
        if event.type == "response.output_text.delta":
            yield event.delta


async def anthropic_words(model: str) -> AsyncIterator[str]:
    events = await claude.messages.create(
        model=model, max_tokens=1024, messages=MESSAGES, stream=True
    )
    async for event in events:
        if event.type == "content_block_delta" and event.delta.type == "text_delta":
            yield event.delta.text
