"""The race: one view, asked twice. Only the Accept header differs."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template

from .extensions import stream
from .provider import get_provider
from .question import asked

bp = Blueprint("race", __name__, url_prefix="/race")


@bp.get("")
def page() -> str:
    return render_template("race.html", provider=get_provider())


@bp.post("/run")
@stream.response
def run() -> Any:
    return get_provider().ask([{"role": "user", "content": asked()}])
