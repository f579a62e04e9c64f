"""The blueprint: the client's files, and the tags that put them into a template."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

from flask import Blueprint, Flask, Response, send_from_directory, url_for
from markupsafe import Markup

_STATIC = Path(__file__).parent / "static"
_YEAR = 365 * 24 * 3600  # seconds
# What is served, and as what: nothing else that may come to lie there; and what the machine's
# registry says of .js is not always a script.
_FILES = {
    "flask-stream.js": "text/javascript",
    "flask-stream-more.js": "text/javascript",
    "flask-stream-markdown.js": "text/javascript",
    "flask-stream.css": "text/css",
    "flask-stream.d.ts": "text/plain",
    "flask-stream-markdown.d.ts": "text/plain",
    "flask-stream-markdown.LICENSE.txt": "text/plain",
}

Nonce = str | Callable[[], str] | None


@cache
def digest() -> str:
    """What stands for the content of all client files in their URLs.

    One for all, so that one file may import another by its relative URL.
    """
    content = hashlib.sha256()
    for name in _FILES:
        content.update(name.encode() + b"\0" + (_STATIC / name).read_bytes())
    return content.hexdigest()[:16]


def register(app: Flask, url_prefix: str) -> None:
    """Add the blueprint and the template tags to an app."""
    app.register_blueprint(_blueprint(), url_prefix=url_prefix)
    app.jinja_env.globals.update(
        stream_script=stream_script, stream_style=stream_style, stream_url=stream_url
    )


def _blueprint() -> Blueprint:
    blueprint = Blueprint("flask_stream", __name__)
    blueprint.add_url_rule("/static/<version>/<filename>", "client", _client_file)
    return blueprint


def _client_file(version: str, filename: str) -> Response:
    mimetype = _FILES.get(filename)
    if mimetype is None or version != digest():
        # A page from before a deploy: its files fit each other, and today's may not fit them.
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        return Response("There is no such file, or another version by now.", 404, headers)
    response = send_from_directory(_STATIC, filename, mimetype=mimetype, max_age=_YEAR)
    response.cache_control.immutable = True
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def stream_url(filename: str = "flask-stream.js") -> str:
    """The URL of the client's module, for pages with modules of their own."""
    return url_for("flask_stream.client", version=digest(), filename=filename)


def stream_script(nonce: Nonce = None) -> Markup:
    """The tag that loads the client and defines `<flask-stream>`.

    :param nonce: of a Content-Security-Policy that needs one; Flask-Talisman's
        ``csp_nonce`` may be given as it is.
    """
    tag = Markup('<script type="module" src="{}"{}></script>')
    return tag.format(stream_url(), _nonce_attribute(nonce))


def stream_style(nonce: Nonce = None) -> Markup:
    """The tag that loads the optional style sheet."""
    tag = Markup('<link rel="stylesheet" href="{}"{}>')
    return tag.format(stream_url("flask-stream.css"), _nonce_attribute(nonce))


def _nonce_attribute(nonce: Nonce) -> Markup:
    value = nonce() if callable(nonce) else nonce
    return Markup(' nonce="{}"').format(value) if value else Markup()
