"""A strict policy for every page, and a token for every POST."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, request
from flask_wtf.csrf import CSRFError, CSRFProtect

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


def init_app(app: Flask) -> None:
    """Protect every view of the app."""
    # A chat stays open for longer than Flask-WTF's hour: a token is as good as its session.
    app.config.from_mapping(WTF_CSRF_TIME_LIMIT=None, SESSION_COOKIE_SAMESITE="Lax")
    CSRFProtect(app)
    app.register_error_handler(CSRFError, _refuse)
    app.after_request(_add_headers)


def _refuse(error: CSRFError) -> Any:
    if request.accept_mimetypes.accept_html:
        return error
    message = "This page is out of date. Reload it, then ask again."
    return {"code": "csrf", "message": message, "retryable": False}, 400


def _add_headers(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    return response
