"""gunicorn's configuration for an app that has a middleware which compresses all it sends."""

from __future__ import annotations

import gzip
from typing import Any


def compressing(wsgi_app: Any) -> Any:
    """Each write becomes a gzip member of its own, and `write` is passed on as it is."""

    def app(environ: Any, start_response: Any) -> Any:
        if "gzip" not in environ.get("HTTP_ACCEPT_ENCODING", ""):
            return wsgi_app(environ, start_response)

        def start(status: str, headers: Any, *exc_info: Any) -> Any:
            kept = [(name, value) for name, value in headers if name != "Content-Encoding"]
            return start_response(status, [*kept, ("Content-Encoding", "gzip")], *exc_info)

        return (gzip.compress(data) for data in wsgi_app(environ, start))

    return app


def post_worker_init(worker: Any) -> None:
    worker.wsgi.wsgi_app = compressing(worker.wsgi.wsgi_app)
