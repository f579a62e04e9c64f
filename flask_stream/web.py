"""The blueprint: the client's files, and the tags that put them into a template."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple

from flask import Blueprint, Flask, Response, current_app, has_request_context, request, url_for
from markupsafe import Markup
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from .app_state import this_app
from .dispatch import followed, stopped
from .formats import COMPLETE_HEADERS
from .owners import give_key

_STATIC = Path(__file__).parent / "static"
_YEAR = 365 * 24 * 3600  # seconds
_LANGUAGES = ("ar", "de", "es", "fr", "he", "ja", "ko", "nl", "pl", "pt", "zh")  # beside English
# What is served, and as what: nothing else that may come to lie there; and what the machine's
# registry says of .js is not always a script.
_FILES = {
    "flask-stream.js": "text/javascript",
    "flask-stream-more.js": "text/javascript",
    "flask-stream-chat.js": "text/javascript",
    "flask-stream-chat-more.js": "text/javascript",
    "flask-stream-markdown.js": "text/javascript",
    **{f"flask-stream-words-{name}.js": "text/javascript" for name in _LANGUAGES},
    "flask-stream.css": "text/css",
    "flask-chat.css": "text/css",
    "flask-stream.d.ts": "text/plain",
    "flask-stream-chat.d.ts": "text/plain",
    "flask-stream-markdown.d.ts": "text/plain",
    "flask-stream-words.d.ts": "text/plain",
    "flask-stream-markdown.LICENSE.txt": "text/plain",
}

Nonce = str | Callable[[], str] | None


class _File(NamedTuple):
    content: bytes
    modified: datetime


@cache
def _files() -> Mapping[str, _File]:
    """All of them, as they are when this process first asks: what is served is what was hashed,
    though a new version may have come into their place since."""
    return {name: _read(_STATIC / name) for name in _FILES}


def _read(path: Path) -> _File:
    return _File(path.read_bytes(), datetime.fromtimestamp(path.stat().st_mtime, UTC))


@cache
def digest() -> str:
    """What stands for the content of all client files in their URLs.

    One for all, so that one file may import another by its relative URL.
    """
    content = hashlib.sha256()
    for name, file in _files().items():
        content.update(name.encode() + b"\0" + file.content)
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
    blueprint.add_url_rule("/<run>", "follow", follow)
    blueprint.add_url_rule("/<run>/stop", "stop", stop, methods=["POST"])
    return blueprint


def follow(run: str) -> Response:
    """`GET /_stream/RUN?after=NUMBER`: what comes behind that event of a run."""
    return followed(run)


def stop(run: str) -> Response:
    """`POST /_stream/RUN/stop`: end it, for all who follow it."""
    return stopped(run)


def _client_file(version: str, filename: str) -> Response:
    file = _files().get(filename)
    if file is None or version != digest():
        # A page from before a deploy: its files fit each other, and today's may not fit them.
        return _refusal(404, "There is no such file, or another version by now.")
    response = current_app.response_class(file.content, mimetype=_FILES[filename])
    response.set_etag(version)
    response.last_modified = file.modified
    response.cache_control.public = response.cache_control.immutable = True
    response.cache_control.max_age = _YEAR
    response.headers["X-Content-Type-Options"] = "nosniff"
    length = len(file.content)
    try:
        response.make_conditional(request, accept_ranges=True, complete_length=length)
    except RequestedRangeNotSatisfiable:
        response = _refusal(416, "The file is shorter than that.")
        response.headers["Content-Range"] = f"bytes */{length}"  # RFC 9110, section 15.5.17
    if response.status_code == 412:  # RFC 9110, section 13.1.1
        return _refusal(412, "The file is another one.")
    return response


def _refusal(status: int, words: str) -> Response:
    return current_app.response_class(words, status, COMPLETE_HEADERS, "text/plain")


def stream_url(filename: str = "flask-stream.js") -> str:
    """The URL of the client's module, for pages with modules of their own."""
    return url_for("flask_stream.client", version=digest(), filename=filename)


def stream_script(nonce: Nonce = None) -> Markup:
    """The tag that loads the client and defines `<flask-stream>`.

    In an app with resumable routes it also sees that the session has a key, which says whose the
    reader's runs are.

    :param nonce: of a Content-Security-Policy that needs one; Flask-Talisman's
        ``csp_nonce`` may be given as it is.
    """
    state = this_app()
    if has_request_context() and state.extension._has_resumable:
        give_key(state.extension._owner)
    return script_tag("flask-stream.js", nonce)


def stream_style(nonce: Nonce = None) -> Markup:
    """The tag that loads the optional style sheet."""
    return link_tag("stylesheet", "flask-stream.css", nonce)


def script_tag(filename: str, nonce: Nonce) -> Markup:
    """One that loads a module of the client's."""
    tag = Markup('<script type="module" src="{}"{}></script>')
    return tag.format(stream_url(filename), _nonce_attribute(nonce))


def link_tag(rel: str, filename: str, nonce: Nonce) -> Markup:
    """One that leads to a file of the client's."""
    tag = Markup('<link rel="{}" href="{}"{}>')
    return tag.format(rel, stream_url(filename), _nonce_attribute(nonce))


def attributes(given: Mapping[str, object]) -> Markup:
    """Those that are not None nor False; True is one without a value."""
    written = Markup()
    for name, value in given.items():
        if value is True:
            written += Markup(" {}").format(name)
        elif value is not None and value is not False:
            written += Markup(' {}="{}"').format(name, value)
    return written


def _nonce_attribute(nonce: Nonce) -> Markup:
    value = nonce() if callable(nonce) else nonce
    return Markup(' nonce="{}"').format(value) if value else Markup()
