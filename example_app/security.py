"""A strict policy for every page, a token for every POST, and a name that is ours in every URL."""

from __future__ import annotations

import socket
from typing import Any

from flask import Flask, Response, render_template, request
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from . import attachments, question
from .languages import gettext

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

# The largest question with its largest files, and what a form has around them.
MOST_BYTES = attachments.MOST_FILES * attachments.MOST_BYTES + 2 * question.MOST_BYTES

# A page of another site whose name is made to lead here (DNS rebinding) asks under that name.
OWN_NAMES = [".localhost", "127.0.0.1", socket.gethostname().lower()]


def init_app(app: Flask) -> None:
    """Protect every view of the app."""
    more = app.config["TRUSTED_HOSTS"] or []  # EXAMPLE_TRUSTED_HOSTS=demo.example.org,example.org
    names = more.split(",") if isinstance(more, str) else more
    app.config["TRUSTED_HOSTS"] = OWN_NAMES + [name.strip() for name in names if name.strip()]
    app.config.from_mapping(MAX_CONTENT_LENGTH=MOST_BYTES, MAX_FORM_MEMORY_SIZE=question.MOST_BYTES)
    # A chat stays open for longer than Flask-WTF's hour: a token is as good as its session.
    app.config.from_mapping(WTF_CSRF_TIME_LIMIT=None, SESSION_COOKIE_SAMESITE="Lax")
    CSRFProtect(app)
    app.register_error_handler(CSRFError, _refuse)
    app.register_error_handler(RequestEntityTooLarge, _refuse_size)
    app.register_error_handler(HTTPException, _show)
    app.after_request(_add_headers)


def _refuse(error: CSRFError) -> Any:
    message = gettext("This page is out of date. Reload it, then ask again.")
    return _told(error, "csrf", message)


def _refuse_size(error: RequestEntityTooLarge) -> Any:
    if error.description != RequestEntityTooLarge.description:  # one of our own
        return _show(error)
    is_by_files = (request.content_length or 0) > MOST_BYTES
    message = attachments.too_large() if is_by_files else question.too_long()
    return _told(error, "too_long", message)


def _told(error: HTTPException, code: str, message: str) -> Any:
    """Refuse what comes before any view, also to a script in words that it can show."""
    error.description = message
    if request.accept_mimetypes.accept_html:
        return _show(error)
    return {"code": code, "message": message, "retryable": False}, error.code


def _show(error: HTTPException) -> Any:
    """Put a refusal on a page like the others; a stream's client is answered by Flask-Stream."""
    if error.response is not None or not request.accept_mimetypes.accept_html:
        return error
    response = error.get_response(request.environ)
    response.set_data(render_template("error.html", error=error))
    return response


def _add_headers(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    return response
