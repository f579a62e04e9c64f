"""The app of `site`, whose readers have languages: Flask-Babel, with the catalogues of a test."""

from __future__ import annotations

from flask import request
from flask_babel import Babel, Domain

from tests.resume.site import app

__all__ = ["app"]

Babel(app, locale_selector=lambda: request.accept_languages.best_match(["en", "de", "fr"]))
app.config["STREAM_GETTEXT"] = Domain(domain="flask_stream").gettext
