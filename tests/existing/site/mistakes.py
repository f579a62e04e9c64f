"""What goes wrong in apps that were written without streams in mind, one mistake a route."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from typing import Any

from flask import Blueprint, Response, request, session
from flask_login import login_required

from flask_stream import Result

from .chat import asked, provider_stream
from .extensions import stream

bp = Blueprint("mistakes", __name__, url_prefix="/mistakes")


def question() -> list[dict[str, str]]:
    return [{"role": "user", "content": asked()}]


@bp.post("/connection")
@stream.response
@login_required
def connection() -> Any:
    """Loading the user took a connection, and nothing gave it back."""
    return provider_stream(question())


def too_late(_: Result) -> None:
    session["asked"] = session.get("asked", 0) + 1


@bp.post("/session")
@stream.response(on_finish=too_late)
def session_in_callback() -> Any:
    """The session was saved with the response's head, long before."""
    return ["A word."]


def zipped(words: Iterable[bytes]) -> Iterator[bytes]:
    """Snippets on the web hold everything back; this at least zips word by word."""
    return (gzip.compress(word) for word in words)


@bp.post("/after-request")
@stream.response
def compressed_after_request() -> Any:
    if asked() == "Fail":
        raise RuntimeError("as asked")
    return provider_stream(question())


@bp.after_request
def compress_all(response: Response) -> Response:
    """Compress, whatever the response says of itself."""
    if request.endpoint == "mistakes.compressed_after_request":
        response.response = zipped(response.iter_encoded())
        response.headers["Content-Encoding"] = "gzip"
        del response.headers["Content-Length"]
    return response


@bp.post("/middleware")
@stream.response
def compressed_by_middleware() -> Any:
    return provider_stream(question())


def compressing(wsgi_app: Any) -> Any:
    """WSGI middleware that does the same."""

    def app(environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"] != "/mistakes/middleware":
            return wsgi_app(environ, start_response)

        def start(status: str, headers: Any, *exc_info: Any) -> Any:
            kept = [(name, value) for name, value in headers if name != "Content-Encoding"]
            return start_response(status, [*kept, ("Content-Encoding", "gzip")], *exc_info)

        return zipped(wsgi_app(environ, start))

    return app
