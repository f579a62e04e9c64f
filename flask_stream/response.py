"""What a view returned, and the format that was asked for, to a Flask response."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from weakref import ref

from flask import Response, current_app, request, session, stream_with_context
from werkzeug.exceptions import ClientDisconnected
from werkzeug.wrappers import Response as WSGIResponse

from . import advice
from .caches import vary
from .call import Call, this_request
from .complete import complete
from .delivery import Delivery
from .errors import StreamFailed
from .formats import Format
from .providers.refused import discard
from .returned import batches_of
from .run import ClientLeft, Run
from .server import Connection
from .told import logger
from .watch import Timing, watcher


def close_unsent(*_: object, **__: object) -> None:
    """End the run whose response Flask gives up, since an after_request function failed.

    Nobody would close it, and its generator would keep the request's context pushed.
    """
    state = this_request()
    unsent, state.response = state.response, None
    response = unsent() if unsent is not None else None
    if response is not None:
        response.close()


class _Streamed:
    """Mixed into the app's own response class.

    :ivar frames: the body that we gave it.
    """

    response: Any
    close: Any
    status_code: int
    frames: _Frames

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        if isinstance(self.response, list | tuple):
            logger.warning(
                "%s %s: something read the whole body of a streamed response before it was sent "
                "(get_data(), .data, .json or set_data() in an after_request function?), so the "
                "words could not leave one by one. Skip responses whose is_streamed is true there.",
                environ.get("REQUEST_METHOD"),
                environ.get("PATH_INFO"),
            )
        elif self.response is not self.frames:
            advice.of_body()
        else:
            start_response = self.frames.taking_write(start_response)
        return super().__call__(environ, start_response)  # type: ignore[misc,no-any-return]

    def get_app_iter(self, environ: Any) -> Iterable[bytes]:
        """The body itself, which is bytes already: what Werkzeug puts around it is paid a write."""
        status = self.status_code
        has_body = (
            environ["REQUEST_METHOD"] != "HEAD" and status >= 200 and status not in (204, 304)
        )
        if has_body and self.response is self.frames and not _has_own_body(type(self)):
            return _Closing(self.frames, self.close)
        given: Iterable[bytes] = super().get_app_iter(environ)  # type: ignore[misc]
        return given


def _has_own_body(cls: Any) -> bool:
    """Whether the app's response class makes something of a body's pieces."""
    plain = (WSGIResponse.get_app_iter, WSGIResponse.iter_encoded)
    return (super(_Streamed, cls).get_app_iter, cls.iter_encoded) != plain


_classes: dict[type[Response], type[Response]] = {}


def _response_class() -> type[Response]:
    # Flask turns any other class into the app's own, and would drop what is added here.
    base = current_app.response_class
    if base not in _classes:
        _classes[base] = type("StreamResponse", (_Streamed, base), {})
    return _classes[base]


@contextmanager
def awaited(format: Format, call: Call, timing: Timing, began: float) -> Iterator[Delivery]:
    """The run that a view is about to give, watched from before the view is called.

    What the view reads itself, and a generator before its first item, ends as the run would.

    :param call: the view's; what it keeps is the run's once that has opened.
    :param timing: what the watcher holds the run to.
    :param began: when the view was called, on the monotonic clock.
    :raises RunError: time was up, or the worker stops.
    :raises ClientDisconnected: the client has left.
    """
    run = Run(
        callbacks=call.callbacks,
        relayed=call.relayed,
        sender=current_app._get_current_object(),  # type: ignore[attr-defined]
        name=request.endpoint or "-",
        began=began,
        debug=current_app.debug,
    )
    delivery = Delivery(run, Connection(request.environ), timing.heartbeat)
    # In a format that has comments, one would tell whether it is more than half of a connection
    # that a FIN has closed; before the headers there can be none.
    delivery.connection.notices_fin = not format.comment
    watcher().watch(delivery, request.environ, timing)
    try:
        yield delivery
    except (ClientLeft, GeneratorExit) as error:  # GeneratorExit: of a relay that the view reads
        ending = error if isinstance(error, ClientLeft) else run.ending
        if isinstance(ending, ClientLeft):
            raise ClientDisconnected() from None
        raise ending or error from None
    finally:
        if not run.opened:
            # The run of a view that this one has called may read what this one has begun.
            if call.callbacks_of_run is None and not call.response_reads_relayed:
                run.give_up(closing=True)
            else:
                run.give_up(closing=False)


def respond(value: Any, format: Format, call: Call, delivery: Delivery, timing: Timing) -> Any:
    """The response for what a view returned; what is no stream comes back untouched.

    Called by the view's own thread, in its request's context.

    :param delivery: that of the run which `awaited` has made.
    :raises SourceError: it is nothing that a view may return; the message says what to do.
    :raises RunError, HTTPException, Exception: what the opening of the run raises.
    """
    run = delivery.run
    batches = batches_of(value)
    if batches is None:
        _warn_of_own_events(value)
        given = value[0] if isinstance(value, tuple) and value else value
        if isinstance(given, WSGIResponse) and given.is_streamed:  # it may read what the view began
            if run.ending is not None:
                raise run.ending
            call.response_reads_relayed = True
            given.call_on_close(lambda: run.relays.close(warn=False))
        return value
    try:
        call.reserve()  # again, where the run of a view that this one called has the first place
    except StreamFailed:
        discard(value)
        raise
    run.open(batches)
    call.begun(run)
    try:
        delivery.begin()
        advice.of_server(request.environ, delivery.connection, timing.heartbeat)
        advice.of_extensions(current_app.extensions)
        if format.is_complete:
            response = complete(delivery, format, call)
        else:
            response = _streamed(delivery, format, timing)
    except BaseException:
        run.close()
        raise
    vary(response)
    return response


def _warn_of_own_events(value: Any) -> None:
    is_ours = isinstance(value, _Streamed)
    if isinstance(value, WSGIResponse) and value.mimetype == "text/event-stream" and not is_ours:
        warnings.warn(
            f"The view of endpoint {request.endpoint!r} returned a Response that is "
            "text/event-stream already. It goes out as it is, without Flask-Stream's events. "
            "Return the generator itself, yielding bare words, or take @stream.response off.",
            stacklevel=2,
        )


def _streamed(delivery: Delivery, format: Format, timing: Timing) -> Response:
    run, connection = delivery.run, delivery.connection
    connection.notices_fin = True
    body: Iterator[bytes] = stream_with_context(delivery.stream(format))
    # Flask 3.1.2 and later tear the request down twice unless the first item is taken here.
    next(body)
    frames = _Frames(body, run, connection, format.comment)
    response = _response_class()(frames, mimetype=format.mimetype, headers=format.headers)
    response.frames = frames  # type: ignore[attr-defined]
    response.call_on_close(run.close)
    connection.limit(timing.idle)
    response.call_on_close(connection.release)
    this_request().response = ref(response)
    return response


def head_response(format: Format) -> Response:
    """The headers of an answer that nobody was asked for (HEAD)."""
    response = current_app.response_class(mimetype=format.mimetype, headers=format.headers)
    response.automatically_set_content_length = False  # it is not known before the answer is
    vary(response)
    return response


class _Closing:
    """The body as the server gets it, whose close is the response's."""

    def __init__(self, frames: _Frames, close: Callable[[], None]) -> None:
        self._body = iter(frames)
        self.close = close

    def __iter__(self) -> Iterator[bytes]:
        return self._body

    def __next__(self) -> bytes:  # for a middleware that takes the first piece itself
        return next(self._body)


class _Frames:
    """The body of a response, and what it takes of the server."""

    def __init__(
        self, body: Iterator[bytes], run: Run, connection: Connection, comment: bytes
    ) -> None:
        self._body = body
        self._run = run
        self._connection = connection
        self._comment = comment

    def __iter__(self) -> Iterator[bytes]:
        return self._body

    def close(self) -> None:
        self._body.close()  # type: ignore[attr-defined]

    def taking_write(self, start_response: Any) -> Any:
        """`start_response`, whose `write` (PEP 3333) the watcher may then use."""
        with suppress(Exception):  # it is advice only, on an object that is not ours
            sent = dict(session)  # its cookie is in the headers by now
            self._run.at_end.append(lambda: advice.of_session(sent, session))

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            write = start_response(status, headers, *exc_info)
            # What a middleware has made of them: gunicorn's `write` is a method of its response.
            final = getattr(getattr(write, "__self__", None), "headers", None)
            encoding = _encoding(final if isinstance(final, list) else headers)
            if encoding != "identity":
                advice.of_encoding(encoding)
            elif self._comment and callable(write) and self._connection.socket is not None:
                self._connection.beat = lambda: write(self._comment)
            return write

        return start


def _encoding(headers: Iterable[tuple[str, str]]) -> str:
    for name, value in headers:
        if name.lower() == "content-encoding":
            return value.strip().lower()
    return "identity"
