"""Each page's own source, as text."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, abort, render_template

bp = Blueprint("source", __name__)

PAGES = {
    "chat": ("chat.py", "templates/chat.html", "static/chat.js", "conversation.py"),
    "race": ("race.py", "templates/race.html", "static/race.js"),
    "tools": ("tools.py", "templates/tools.html", "static/tools.js", "provider.py", "notes.py"),
    "plain": ("plain.py", "templates/plain.html", "static/plain.js"),
}


@bp.get("/source/<page>")
def show(page: str) -> str:
    if page not in PAGES:
        abort(404)
    files = {name: Path(bp.root_path, name).read_text("utf-8") for name in PAGES[page]}
    return render_template("source.html", page=page, files=files)
