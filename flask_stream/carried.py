"""`Carried`: a request's context that goes on behind its request, for a generator of the app's.

A view's generator reads `request`, `g` and `db.session` while it is produced, in another thread,
and after its request has ended. So the context is not torn down with the request, but once with
the last of the two who have it: the request's own thread, and the producer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

from flask import Flask, appcontext_popped, current_app, request, session
from flask.globals import request_ctx

from . import advice
from .call import state_of
from .told import logger

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Carried:
    """The current request's context. Made in it, where `carrying` has called the app."""

    def __init__(self) -> None:
        self._app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
        self._context = copy_context()
        self._holders = 2
        self._lock = threading.Lock()
        self._sent: dict[str, Any] | None = None  # the session, as the response has it
        request_ctx.push()  # so that Flask's own pop, as the request ends, is not the last one

    def run(self, function: Callable[[], None]) -> None:
        """Call it in the context, as the producer; then let go of that."""
        try:
            self._context.run(function)
        finally:
            self._context.run(self._look_at_session)
            self.let_go()

    def leave(self) -> None:
        """The request's thread is done with it: what is changed in the session now is lost."""
        with suppress(Exception):  # it is advice only, on an object that is not ours
            self._sent = dict(session)
        self.let_go()

    def let_go(self) -> None:
        """One of the two has ended with it."""
        with self._lock:
            self._holders -= 1
            is_last = not self._holders
        if is_last:
            self._context.run(self._tear_down)

    def _look_at_session(self) -> None:
        if self._sent is not None:
            advice.of_session(self._sent, session)

    def _tear_down(self) -> None:
        """As Flask's RequestContext.pop and AppContext.pop do; no exception is handed on."""
        environ = request.environ
        steps: list[Callable[[], object]] = [
            lambda: self._app.do_teardown_request(None),
            request.close,
            lambda: self._app.do_teardown_appcontext(None),
            lambda: appcontext_popped.send(self._app),
        ]
        for step in steps:
            try:
                step()
            except Exception:
                logger.exception("What is called at a context's end failed behind a run")
        environ["werkzeug.request"] = None


def carrying(app: Flask, is_needed: Callable[[], bool]) -> WSGIApplication:
    """`app.wsgi_app`, whose requests may leave their context to a producer.

    The context variables of a request are its own, and none of its thread's: what was not popped
    must not be found there by the thread's next request.

    :param is_needed: whether any of the app's requests may begin such a run.
    """
    wsgi_app = app.wsgi_app

    def carrying(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not is_needed():
            return wsgi_app(environ, start_response)
        state = state_of(environ)
        state.outer = copy_context()
        inner = state.outer.copy()
        try:
            body = inner.run(wsgi_app, environ, start_response)
        finally:
            carried, state.carried = state.carried, None
            if carried is not None:
                inner.run(carried.leave)
        is_file = isinstance(body, environ.get("wsgi.file_wrapper", ()))  # which servers know
        return body if state.is_followed or is_file else _Within(inner, body)

    return carrying


class _Within:
    """The body of a response that may need its request's context, in that."""

    def __init__(self, context: Context, body: Iterable[bytes]) -> None:
        self._context = context
        self._body = body
        self._iterator: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._iterator is None:
            self._iterator = self._context.run(iter, self._body)
        return self._context.run(next, self._iterator)

    def close(self) -> None:
        close = getattr(self._body, "close", None)
        if close is not None:
            self._context.run(close)
