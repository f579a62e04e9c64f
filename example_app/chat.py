"""The chat: a conversation's address shows what was said in it, and answers what is asked.

Its runs outlive their request: whoever reloads the page goes on with the answer, on whichever of
his devices.
"""

from __future__ import annotations

from collections.abc import Iterator
from sqlite3 import Row
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for

from flask_stream import Data, Result, after_this_stream

from . import attachments, conversations, said, suggestions
from .extensions import stream
from .languages import gettext
from .provider import get_provider
from .question import asked
from .readers import reader_id, required
from .tools import SEARCH, answered

bp = Blueprint("chat", __name__)
bp.before_request(required)


@bp.get("/")
def page() -> Any:
    newest = conversations.of(reader_id())[:1]
    id = newest[0]["id"] if newest else conversations.begin(reader_id())
    return redirect(url_for(".show", id=id))


@bp.post("/chats")
def begin() -> Any:
    return redirect(url_for(".show", id=conversations.begin(reader_id())))


@bp.get("/chats/<id>")
def show(id: str) -> str:
    provider = get_provider()
    return render_template(
        "chat.html",
        provider=provider,
        conversation=own(id),
        conversations=conversations.of(reader_id()),
        turns=said.turns(id),
        suggestions=suggestions.before(canned=provider.canned),
        attach=attachments.ACCEPTED,
        max_bytes=attachments.MOST_BYTES,
    )


def show_saved(_: Result) -> Any:
    """Answer a form that was sent without JavaScript: with the page, which has the answer now."""
    return redirect(url_for(".show", **(request.view_args or {}), _anchor="end"))


@bp.post("/chats/<id>")
@stream.response(resumable=True, key="chat:{id}", no_js=show_saved)
def answer(id: str) -> Any:
    own(id)
    text, files = asked(), attachments.attached()
    before, kept = conversations.questions(id), conversations.files(id)
    again = stream.attempt > 1
    if again:  # what was saved from this question on makes room
        before, dropped = said.split(before, stream.submission)
        if dropped and not files:  # a page that was loaded anew has them no more
            files = kept.get(dropped[0]["id"], [])
    sizes = [len(file.data) for row in before for file in kept.get(row["id"], [])]
    attachments.refuse_too_many(sum(sizes) + sum(len(file.data) for file in files))

    provider = get_provider()
    messages = said.messages(provider, before, kept)
    messages.append(provider.question(text, files))
    turn = provider.ask(messages, [SEARCH])  # what is refused raises here, and changes nothing
    question = conversations.ask(id, stream.submission, text, files, again=again)

    @after_this_stream
    def save(result: Result) -> None:
        conversations.answer(question, result)

    title = None if before else conversations.title_of(text)
    next_ones = suggestions.afterwards([row["text"] for row in before] + [text])
    return told(title, answered(provider, messages, turn), next_ones if provider.canned else [])


def told(title: str | None, answer: Iterator[Any], next_ones: list[str]) -> Iterator[Any]:
    """An answer, and what goes with it: a conversation's title, and what to ask next."""
    if title is not None:
        yield Data("title", title)
    yield from answer
    if next_ones:
        yield Data("suggestions", next_ones)


@bp.post("/chats/<id>/rate")
def rate(id: str) -> Any:
    own(id)
    value = request.form.get("value")
    if value not in ("up", "down", ""):
        abort(400)
    if not conversations.rate(id, request.form.get("submission", ""), value):
        abort(404)
    return "", 204


@bp.post("/chats/<id>/delete")
def delete(id: str) -> Any:
    own(id)
    conversations.delete(id)
    return redirect(url_for(".page"))


def own(id: str) -> Row:
    """One of the reader's own conversations; anybody else's is not there."""
    found = conversations.find(reader_id(), id)
    if found is None:
        abort(404, gettext("This conversation is not there, or it is not yours."))
    return found
