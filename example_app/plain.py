"""Without our client: a view that GETs, for the browser's own EventSource."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Blueprint, render_template

from .extensions import stream
from .provider import get_provider
from .question import asked

bp = Blueprint("plain", __name__, url_prefix="/plain")


@bp.get("")
def page() -> str:
    script = Path(bp.root_path, "static/plain.js").read_text("utf-8")
    return render_template("plain.html", provider=get_provider(), script=script)


# EventSource can only GET. What costs money had better be a POST: a GET can be asked again by
# whoever has its URL.
@bp.get("/run")
@stream.response
def run() -> Any:
    return get_provider().ask([{"role": "user", "content": asked()}])
