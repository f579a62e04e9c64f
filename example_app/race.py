"""The race: one view, asked twice. Only the Accept header differs."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, render_template, request

from .extensions import stream
from .provider import get_provider

bp = Blueprint("race", __name__, url_prefix="/race")


@bp.get("")
def page() -> str:
    return render_template("race.html", provider=get_provider())


@bp.post("/run")
@stream.response
def run() -> Any:
    question = request.form.get("question", "").strip()
    if not question:
        abort(400, "Type a question first.")
    return get_provider().ask([{"role": "user", "content": question}])
