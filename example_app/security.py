"""A strict policy for every page, a token for every POST, and a name that is ours in every URL."""

from __future__ import annotations

import socket
from typing import Any

from flask import Flask, Response, request
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import RequestEntityTooLarge

from .question import MOST_BYTES, TOO_LONG

# Nothing inline, nothing from elsewhere.
POLICY = "; ".join(
    [
        "default-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "object-src 'none'",
        "require-trusted-types-for 'script'",
    ]
)

# A page of another site whose name is made to lead here (DNS rebinding) asks under that name.
OWN_NAMES = [".localhost", "127.0.0.1", socket.gethostname().lower()]


def init_app(app: Flask) -> None:
    """Protect every view of the app."""
    more = app.config["TRUSTED_HOSTS"] or []  # EXAMPLE_TRUSTED_HOSTS=demo.example.org,example.org
    names = more.split(",") if isinstance(more, str) else more
    app.config["TRUSTED_HOSTS"] = OWN_NAMES + [name.strip() for name in names if name.strip()]
    app.config.from_mapping(MAX_CONTENT_LENGTH=MOST_BYTES)
    # A chat stays open for longer than Flask-WTF's hour: a token is as good as its session.
    app.config.from_mapping(WTF_CSRF_TIME_LIMIT=None, SESSION_COOKIE_SAMESITE="Lax")
    CSRFProtect(app)
    app.register_error_handler(CSRFError, _refuse)
    app.register_error_handler(RequestEntityTooLarge, _refuse_size)
    app.after_request(_add_headers)


def _refuse(error: CSRFError) -> Any:
    if request.accept_mimetypes.accept_html:
        return error
    message = "This page is out of date. Reload it, then ask again."
    return {"code": "csrf", "message": message, "retryable": False}, 400


def _refuse_size(error: RequestEntityTooLarge) -> Any:
    if request.accept_mimetypes.accept_html:
        error.description = TOO_LONG
        return error
    return {"code": "too_long", "message": TOO_LONG, "retryable": False}, 413


def _add_headers(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    return response
