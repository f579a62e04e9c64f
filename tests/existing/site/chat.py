"""The part that streams."""

from __future__ import annotations

import os
from typing import Any

from anthropic import Anthropic
from flask import Blueprint, abort, request, session, url_for
from flask_login import current_user, login_required

from flask_stream import Data, Result, after_this_stream, relay

from .extensions import db, limiter, stream
from .models import Turn

bp = Blueprint("chat", __name__)
claude = Anthropic(base_url=os.environ["PROVIDER"], api_key="none", max_retries=0)


def asked() -> str:
    return request.form.get("question", "").strip() or abort(400, "Type a question first.")


def history() -> list[dict[str, str]]:
    """What this user said and heard so far, the new question last."""
    messages = []
    for turn in current_user.turns:
        messages.append({"role": "user", "content": turn.question})
        if turn.answer:
            messages.append({"role": "assistant", "content": turn.answer})
    return messages


def provider_stream(messages: Any) -> Any:
    return claude.messages.create(model="m", max_tokens=64, messages=messages, stream=True)


def save(turn_id: int, result: Result) -> None:
    turn = db.session.get(Turn, turn_id)
    turn.answer, turn.outcome, turn.saved_by = result.text, result.outcome, current_user.name
    db.session.commit()


@bp.post("/chat")
@stream.response
@login_required
def chat() -> Any:
    turn = Turn(user=current_user._get_current_object(), question=asked())
    db.session.add(turn)
    db.session.flush()
    turn_id, messages = turn.id, history()
    session["asked"] = session.get("asked", 0) + 1

    @after_this_stream
    def save_it(result: Result) -> None:
        save(turn_id, result)

    db.session.commit()  # The connection goes back to the pool: the provider takes its time.
    return provider_stream(messages)


@bp.post("/steps")
@login_required
@stream.response
def steps() -> Any:
    """The same as a generator, which may use the database between its steps."""
    turn = Turn(user=current_user._get_current_object(), question=asked())
    db.session.add(turn)
    db.session.flush()
    turn_id, messages = turn.id, history()
    session["asked"] = session.get("asked", 0) + 1
    db.session.commit()
    yield Data("looked_up", {"turns": len(messages)})
    result = yield from relay(provider_stream(messages))
    save(turn_id, result)
    yield Data("saved", {"by": current_user.name})


@bp.post("/limited")
@stream.response
@login_required
@limiter.limit("5 per minute")
def limited() -> Any:
    db.session.commit()  # The limit and the sign-in have loaded the user.
    return ["One ", "of five."]


@bp.post("/limited-page")
@limiter.limit("5 per minute")
@login_required
@stream.response
def limited_page() -> Any:
    """The limit is above the stream's decorator, so Flask's own error page answers."""
    db.session.commit()
    return ["One ", "of five."]


@bp.get("/where")
@stream.response
def where() -> Any:
    yield f"{request.remote_addr} asked for "
    yield url_for(".where", _external=True)
