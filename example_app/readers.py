"""Who reads: signing in by a name alone, which is all that a demo needs."""

from __future__ import annotations

import unicodedata
from sqlite3 import Row
from typing import Any
from uuid import uuid4

from flask import Blueprint, g, redirect, render_template, request, session, url_for

from .database import connect
from .extensions import stream
from .languages import gettext, gettext_of_stream, own_path

MOST_CHARACTERS = 40

bp = Blueprint("readers", __name__)


def current() -> Row | None:
    """The reader who is signed in."""
    if "reader" not in g:
        with connect() as db:
            found = db.execute("SELECT * FROM reader WHERE id = ?", [session.get("reader")])
            g.reader = found.fetchone()
    return g.reader  # type: ignore[no-any-return]


@stream.owner
def owner() -> str | None:
    """Whose a run is: the reader's, on each of his devices."""
    reader = current()
    return None if reader is None else str(reader["id"])


def reader_id() -> str:
    """The id of the reader behind `required`, where there is one."""
    reader = current()
    assert reader is not None
    return str(reader["id"])


def required() -> Any:
    """Let in who is signed in: for `before_request`."""
    if current() is not None:
        return None
    if request.method == "POST" and not request.accept_mimetypes.accept_html:
        message = gettext_of_stream("You are not signed in. Sign in, then ask again.")
        return {"code": "auth", "message": message, "retryable": False}, 401
    there = request.path if request.method == "GET" else None
    return redirect(url_for("readers.sign_in", next=there))


@bp.app_context_processor
def _for_templates() -> dict[str, Any]:
    return {"reader": current()}


@bp.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> Any:
    problem = None
    if request.method == "POST":
        name = cleaned(request.form.get("name", ""))
        problem = problem_of(name)
        if problem is None:
            language = session.get("language")
            session.clear()  # of whoever was here before
            session.update(reader=id_of(name), language=language)
            return redirect(own_path(request.args.get("next", "")))
    page = render_template("sign_in.html", problem=problem, most=MOST_CHARACTERS)
    return page, 200 if problem is None else 400


@bp.post("/sign-out")
def sign_out() -> Any:
    del session["reader"]
    return redirect(url_for("chat.page"))


def cleaned(name: str) -> str:
    """A name as it is shown: one space between its words, and each letter written in one way."""
    return unicodedata.normalize("NFC", " ".join(name.split()))


def problem_of(name: str) -> str | None:
    """What is wrong with a name, in words for the page."""
    if not name:
        return gettext("Type a name first.")
    if len(name) > MOST_CHARACTERS:
        return gettext("That name is too long: %(most)s characters at most.", most=MOST_CHARACTERS)
    if not name.isprintable():
        return gettext("That name has characters that nobody could see.")
    return None


def id_of(name: str) -> str:
    """The id of the reader with that name, who is a new one the first time."""
    folded = name.casefold()
    with connect() as db:
        db.execute("INSERT OR IGNORE INTO reader VALUES (?, ?, ?)", [uuid4().hex, folded, name])
        (id,) = db.execute("SELECT id FROM reader WHERE folded = ?", [folded]).fetchone()
    return str(id)
