"""Signing in, and what a page asks besides: none of it knows of streams."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, render_template_string, request, session
from flask_login import current_user, login_required, login_user
from flask_wtf.csrf import generate_csrf

from .extensions import db, login
from .models import User

bp = Blueprint("account", __name__)
login.login_view = "account.sign_in"

PAGE = """<!doctype html>
<meta name="viewport" content="width=device-width">
<meta name="csrf-token" content="{{ csrf_token() }}">
{{ stream_script() }}
<form id="ask" method="post" action="{{ action }}">
  <input name="question" aria-label="Your question" required> <button>Ask</button>
</form>
<flask-stream form="ask"></flask-stream>
"""


@bp.get("/")
def page() -> str:
    return render_template_string(PAGE, action=request.args.get("action", "/chat"))


@bp.get("/token")
def token() -> dict[str, str]:
    return {"token": generate_csrf()}


@bp.get("/sign-in")
def sign_in() -> str:
    return "Who are you?"


@bp.post("/sign-in")
def signed_in() -> dict[str, str]:
    name = request.form["name"]
    user = db.session.scalar(db.select(User).filter_by(name=name))
    if user is None:
        user = User(name=name)
        db.session.add(user)
        db.session.commit()
    login_user(user)
    return {"name": name}


@bp.get("/me")
@login_required
def me() -> dict[str, Any]:
    turns = [
        [turn.question, turn.answer, turn.outcome, turn.saved_by] for turn in current_user.turns
    ]
    return {"name": current_user.name, "asked": session.get("asked"), "turns": turns}


def note_teardown(_: object) -> None:
    """One line for each time that a request is torn down."""
    with open(current_app.config["TEARDOWNS"], "ab", buffering=0) as file:
        file.write(request.headers.get("X-Request-ID", "-").encode() + b"\n")
