"""Each page's own source, as text."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, abort, render_template

bp = Blueprint("source", __name__)

PAGES = {
    "chat": (
        "chat.py",
        "templates/chat.html",
        "said.py",
        "conversations.py",
        "attachments.py",
        "tools.py",
        "provider.py",
    ),
    "race": ("race.py", "templates/race.html", "static/race.js"),
    "plain": ("plain.py", "templates/plain.html", "static/plain.js"),
}


@bp.get("/source/<page>")
def show(page: str) -> str:
    if page not in PAGES:
        abort(404)
    files = {name: Path(bp.root_path, name).read_text("utf-8") for name in PAGES[page]}
    return render_template("source.html", shown=page, files=files)
