"""What gets in a stream's way: an app's or its server's once a process, a page's by the minute."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from .server import Connection, Environ, serves_one_at_a_time, worker_of
from .told import logger

_said: set[tuple[int, str]] = set()
# When it was logged, and how many there were since.
_told: dict[tuple[int, str], tuple[float, int]] = {}
_MINUTE = 60.0  # seconds


def once(what: str, message: str, *args: object, level: int = logging.WARNING) -> None:
    """Log `message`, unless this process has logged one about `what` before."""
    key = (os.getpid(), what)
    if key not in _said:
        _said.add(key)
        logger.log(level, message, *args)


def each_minute(what: str, message: str, *args: object) -> None:
    """Log `message`; one about the same `what` that comes within a minute is only counted."""
    key, now = (os.getpid(), what), time.monotonic()
    told_at, more = _told.get(key, (-math.inf, 0))
    if now - told_at < _MINUTE:
        _told[key] = (told_at, more + 1)
        return
    _told[key] = (now, 0)
    since = f" ({more} more like it since the last such line.)" if more else ""
    logger.warning(message + since, *args)


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


def of_refused_page(why: str, endpoint: str | None, origin: str | None, host: str) -> None:
    """About a request of a page that may be another site's.

    :param why: what its client is told, which says what to do.
    """
    each_minute(
        why,
        "Refused: %s at Host: %s, for a page of Origin: %s. %s",
        endpoint,
        host,
        origin or "-",
        why,
    )


_OF_CHATS = {
    404: (
        "no route of this app has that URL, so a question gets 404, unless something else answers "
        'there. Write url_for("the_view") in its place.'
    ),
    405: (
        "the route with that URL takes no POST, so a question gets 405. Write @app.post, and give "
        "the chat the URL of that view."
    ),
    308: (
        "the app redirects that URL to another one, and the client follows no redirect of a "
        'question. Write url_for("the_view") in its place.'
    ),
}


def of_chat(page: str | None, url: str, status: int | None) -> None:
    """About a template's chat whose URL leads to no route that answers.

    :param page: the endpoint whose page has it: one line for each, whatever their URLs are.
    :param status: what a question gets there, as far as this app can tell.
    """
    if status in _OF_CHATS:
        once(f"chat's {status} in {page}", "stream_chat(%r): %s", url, _OF_CHATS[status])


def of_undecorated(url: str, endpoint: str) -> None:
    """About a template's chat whose route does not stream."""
    once(
        f"chat's view {endpoint}",
        "stream_chat(%r): the view of endpoint %r has no @stream.response, so its answers do not "
        "stream. Put it directly above the def. (If it is there, a decorator above it hides it: "
        "that one must use functools.wraps, or no answer goes on after a reload.)",
        url,
        endpoint,
    )


def of_log(error: Exception) -> None:
    """About a log that cannot be used, by a thread that goes on with it."""
    each_minute("log", "Flask-Stream's log fails: %s", error)


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
