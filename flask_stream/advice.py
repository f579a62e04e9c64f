"""What an app or its server has that gets in a stream's way: each said once a process."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from .server import Connection, Environ, serves_one_at_a_time, worker_of
from .told import logger

_said: set[tuple[int, str]] = set()


def once(what: str, message: str, *args: object, level: int = logging.WARNING) -> None:
    """Log `message`, unless this process has logged one about `what` before."""
    key = (os.getpid(), what)
    if key not in _said:
        _said.add(key)
        logger.log(level, message, *args)


def of_server(environ: Environ, connection: Connection, heartbeat: float) -> None:
    """About the server that this request came through."""
    worker = worker_of(environ)
    if worker is not None:
        timeout = worker.cfg.timeout
        if serves_one_at_a_time(environ):
            once(
                "sync",
                "gunicorn's sync worker serves one request at a time, so one stream keeps all "
                "others waiting. Use threads: gunicorn -k gthread --threads 32",
            )
        if 0 < timeout < heartbeat:
            once(
                "timeout",
                "gunicorn's timeout is %g s, below STREAM_HEARTBEAT (%g s). A worker that is held "
                "up for that long is killed with all its streams. Set the timeout above the "
                "heartbeat (gunicorn's own is 30 s).",
                timeout,
                heartbeat,
            )
    named = "gunicorn.socket" in environ or "werkzeug.socket" in environ
    software = _software_of(environ)
    if software is not None and not named and not connection.is_http2:
        once(
            "socket",
            "This server (%s) does not name the client's socket in its WSGI environ, so there are "
            "no heartbeats, and a client that leaves is noticed at the next word at best, and by "
            "way of ASGI never: its answer is paid for to the end. gunicorn (gthread, gevent or "
            "sync) and Flask's development server name it.",
            software,
        )


def _software_of(environ: Environ) -> str | None:
    """What the server calls itself; None for Flask's test client, which is no server."""
    if environ.get("SERVER_SOFTWARE"):
        return str(environ["SERVER_SOFTWARE"])
    if "uwsgi.version" in environ:
        return "uWSGI"
    # Adapters between ASGI and WSGI (a2wsgi, asgiref's, uvicorn's, hypercorn's) say no more
    # than that they have threads and processes; a test client has neither.
    if environ.get("wsgi.multithread") or environ.get("wsgi.multiprocess"):
        return "which does not say its name: one for ASGI, perhaps"
    return None


def of_threads(threads: int, limit: int) -> None:
    """About the threads that streams may take, of those that gunicorn has."""
    if threads == limit:
        once(
            "threads",
            "gunicorn has one thread a worker, and a stream keeps it: nothing else is answered "
            "meanwhile. Give it more: --threads 32",
        )
    once(
        "threads",
        "Of %d threads at most %d carry streams, and the others are free for ordinary requests "
        '(STREAM_MAX_CONCURRENT is "auto"; --threads sets their number).',
        threads,
        limit,
        level=logging.INFO,
    )


def of_encoding(encoding: str) -> None:
    """About a response that something compresses."""
    once(
        "encoding",
        "A streamed response has Content-Encoding %s: compression holds the words back until the "
        "end, and there are no heartbeats. Have it leave text/event-stream alone.",
        encoding,
    )


def of_body() -> None:
    """About a response whose body is no longer ours."""
    once(
        "body",
        "Something has put a body of its own in the place of a streamed response's (compressing "
        "it, perhaps, in an after_request function), so there are no heartbeats, and it may hold "
        "the words back. Have it leave text/event-stream alone.",
    )


def of_other_site(origin: str | None, host: str) -> None:
    """About a request that the browser says comes from another site's page."""
    once(
        "other site",
        "A page of another site (Origin: %s) asked for a stream at Host: %s, and was refused. If "
        "it may ask, name it in STREAM_TRUSTED_ORIGINS, or put cross_site=True on the route.",
        origin or "-",
        host,
    )


def of_other_host(origin: str | None, host: str) -> None:
    """About a request whose page is known by its Origin alone."""
    once(
        "other host",
        "A page of another site (Origin: %s) asked for a stream at Host: %s, and was refused. If "
        "that is the app's own page, a proxy changes the Host header: have it pass on the "
        "browser's (nginx: proxy_set_header Host $host). If it is another that may ask, name it "
        "in STREAM_TRUSTED_ORIGINS, or put cross_site=True on the route.",
        origin or "-",
        host,
    )


def of_null_origin(host: str) -> None:
    """About a request whose page does not say whose it is."""
    once(
        "null origin",
        "A page that does not say whose it is (Origin: null) asked for a stream at Host: %s, and "
        "was refused. If that is the app's own form, its page has Referrer-Policy: no-referrer: "
        "make that same-origin, or serve the app over https.",
        host,
    )


def of_extensions(extensions: Mapping[str, Any]) -> None:
    """About the app's other extensions, when a stream begins: called in the app's context."""
    database = extensions.get("sqlalchemy")
    with suppress(Exception):  # it is advice only, on an object that is not ours
        registry = database.session.registry if database is not None else None
        if registry is not None and registry.has() and registry().in_transaction():
            once(
                "sqlalchemy",
                "A stream begins while its request's db.session is in a transaction, and so may "
                "keep a database connection until the stream ends: streams will empty the pool. "
                "Call db.session.commit() before the view asks the provider. (Flask-Login's "
                "user_loader begins a transaction, too.)",
            )


def of_session(sent: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """About a session that is no longer what was sent, or stored, with the response's head."""
    with suppress(Exception):  # it, and what it holds, is not ours
        if dict(now) != sent:
            once(
                "session",
                "The session was changed after a stream's first byte, when its cookie had been "
                "sent: the change is lost. Change it in the view, before the stream is returned; "
                "in a generator, before its first yield.",
            )
