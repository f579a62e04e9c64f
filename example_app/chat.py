"""The chat: a view that returns the provider's stream, and saves what it said.

Its runs outlive their request: whoever reloads the page goes on with the answer.
"""

from __future__ import annotations

from sqlite3 import Row
from typing import Any

from flask import Blueprint, redirect, render_template, url_for

from flask_stream import Result, after_this_stream

from . import conversation
from .extensions import stream
from .provider import get_provider
from .question import asked

bp = Blueprint("chat", __name__)

SUGGESTIONS = [
    "Why stream an answer at all?",
    "How do the words get here?",
    "A haiku about waiting",
]
# The canned provider plays a trick for each of these.
CANNED_SUGGESTIONS = [
    "A long answer in Markdown",
    "A slow start",
    "An answer that is cut off",
    "An error half way",
    "A rate limit",
]


@bp.get("/")
def page() -> str:
    provider = get_provider()
    run = stream.active(conversation.current())  # first: what ends meanwhile is among the turns
    return render_template(
        "chat.html",
        provider=provider,
        turns=conversation.turns(),
        run=run,
        suggestions=SUGGESTIONS + (CANNED_SUGGESTIONS if provider.canned else []),
    )


def show_saved(_: Result) -> Any:
    """Answer a form that was sent without JavaScript: with the page, which has the answer now."""
    return redirect(url_for(".page", _anchor="latest"))


@bp.post("/chat")
@stream.response(resumable=True, key=conversation.current, no_js=show_saved)
def answer() -> Any:
    question = asked()
    conversation.forget_failed(question)
    # A question that the provider refuses raises here, and leaves no turn behind.
    answer = get_provider().ask(conversation.messages(question))
    turn = conversation.ask(question)

    @after_this_stream
    def save(result: Result) -> None:
        conversation.answer(turn, result)

    return answer


@bp.post("/new")
def new() -> Any:
    conversation.begin()
    return redirect(url_for(".page"))


@bp.app_template_filter()
def note(turn: Row) -> str:
    """Say what is known about an answer: its time, its tokens, and how it ended."""
    parts = []
    if turn["first_word_ms"] is not None:
        parts.append(f"first word after {turn['first_word_ms'] / 1000:.1f} s")
    for way in ("input", "output"):
        if turn[f"{way}_tokens"] is not None:
            parts.append(f"{turn[f'{way}_tokens']} {way} tokens")
    match turn["outcome"]:
        case None:
            parts.append("no answer")
        case "failed":
            parts.append(turn["error"])
        case "stopped":
            parts.append("stopped")
        case "disconnected":
            parts.append("ended, as nobody was reading")
    return " · ".join(parts)
