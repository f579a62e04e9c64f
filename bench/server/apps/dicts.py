"""The word in a wire's dict, if it has one, for those that use no SDK."""

from __future__ import annotations

from typing import Any


def of_chat(chunk: Any) -> str | None:
    return chunk["choices"][0]["delta"].get("content") if chunk["choices"] else None


def of_responses(event: Any) -> str | None:
    return event["delta"] if event["type"] == "response.output_text.delta" else None


def of_anthropic(event: Any) -> str | None:
    if event["type"] == "content_block_delta" and event["delta"]["type"] == "text_delta":
        text: str = event["delta"]["text"]
        return text
    return None
