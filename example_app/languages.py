"""In which language the reader is spoken to: the one he chose, else the best of his browser's."""

from __future__ import annotations

from typing import Any

import flask_babel
from flask import Blueprint, Flask, abort, redirect, request, session
from flask_babel import Domain

from .extensions import babel

LANGUAGES = {"en": "English", "de": "Deutsch", "ar": "العربية"}

bp = Blueprint("languages", __name__)
# Flask-Stream's own texts have a catalogue of their own.
_of_stream = Domain(domain="flask_stream")


def init_app(app: Flask) -> None:
    """Have all pages, and what Flask-Stream says, in the reader's language."""
    babel.init_app(app, default_locale="en", locale_selector=_language)
    app.config["STREAM_GETTEXT"] = gettext_of_stream
    app.context_processor(_for_templates)


def gettext(text: str, **values: object) -> str:
    """What the app says, in the reader's language."""
    return str(flask_babel.gettext(text, **values))


def gettext_of_stream(text: str) -> str:
    """What Flask-Stream says; what is none of its texts stays as it is."""
    return str(_of_stream.gettext(text))


def _language() -> str:
    chosen = session.get("language")
    if chosen in LANGUAGES:
        return str(chosen)
    return request.accept_languages.best_match(LANGUAGES) or "en"


def _for_templates() -> dict[str, Any]:
    locale = flask_babel.get_locale()
    assert locale is not None  # a template is rendered for somebody
    return {
        "language": locale.language,
        "direction": locale.text_direction,
        "languages": LANGUAGES,
        "back": _back(),
    }


def _back() -> str:
    """Where to be after the language was chosen, or a form was refused: at this page."""
    if request.method == "GET" and request.endpoint is not None:
        return request.full_path.removesuffix("?")
    return "/"


@bp.post("/language")
def choose() -> Any:
    chosen = request.form.get("language")
    if chosen not in LANGUAGES:
        abort(400)
    session["language"] = chosen
    return redirect(own_path(request.form.get("next", "")))


def own_path(told: str) -> str:
    """A path of this app; what leads elsewhere, as `//evil.example` does, leads home."""
    is_path = told.startswith("/") and not told.startswith(("//", "/\\")) and told.isprintable()
    return told if is_path else "/"
