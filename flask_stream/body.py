"""The body of a streamed response, and the response that knows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

from flask import Response, current_app, session
from werkzeug.wrappers import Response as WSGIResponse

from . import advice
from .delivery import Delivery
from .server import Connection
from .told import logger


class StreamedResponse:
    """Mixed into the app's own response class.

    :ivar stream_body: the body that we gave it.
    """

    response: Any
    close: Any
    status_code: int
    stream_body: Body

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        if isinstance(self.response, list | tuple):
            logger.warning(
                "%s %s: something read the whole body of a streamed response before it was sent "
                "(get_data(), .data, .json or set_data() in an after_request function?), so the "
                "words could not leave one by one. Skip responses whose is_streamed is true there.",
                environ.get("REQUEST_METHOD"),
                environ.get("PATH_INFO"),
            )
        elif self.response is not self.stream_body:
            advice.of_body()
        else:
            start_response = self.stream_body.taking_write(start_response)
        return super().__call__(environ, start_response)  # type: ignore[misc,no-any-return]

    def get_app_iter(self, environ: Any) -> Iterable[bytes]:
        """The body itself, which is bytes already: what Werkzeug puts around it is paid a write."""
        status = self.status_code
        has_body = (
            environ["REQUEST_METHOD"] != "HEAD" and status >= 200 and status not in (204, 304)
        )
        if has_body and self.response is self.stream_body and not _has_own_body(type(self)):
            return _Closing(self.stream_body, self.close)
        given: Iterable[bytes] = super().get_app_iter(environ)  # type: ignore[misc]
        return given


def _has_own_body(cls: Any) -> bool:
    """Whether the app's response class makes something of a body's pieces."""
    plain = (WSGIResponse.get_app_iter, WSGIResponse.iter_encoded)
    return (super(StreamedResponse, cls).get_app_iter, cls.iter_encoded) != plain


_classes: dict[type[Response], type[Response]] = {}


def response_class() -> type[Response]:
    """The app's own class, with what a stream's needs: Flask would make the app's of any other."""
    base = current_app.response_class
    if base not in _classes:
        _classes[base] = type("StreamResponse", (StreamedResponse, base), {})
    return _classes[base]


class _Closing:
    """The body as the server gets it, whose close is the response's."""

    def __init__(self, body: Body, close: Callable[[], None]) -> None:
        self._body = iter(body)
        self.close = close

    def __iter__(self) -> Iterator[bytes]:
        return self._body

    def __next__(self) -> bytes:  # for a middleware that takes the first piece itself
        return next(self._body)


class Body:
    """The body of a response, and what it takes of the server."""

    def __init__(
        self,
        body: Iterator[bytes],
        delivery: Delivery,
        comment: bytes,
        *,
        warns_of_session: bool,
    ) -> None:
        self._body = body
        self._delivery = delivery
        self._comment = comment
        self._warns_of_session = warns_of_session

    def __iter__(self) -> Iterator[bytes]:
        return self._body

    def close(self) -> None:
        self._body.close()  # type: ignore[attr-defined]

    def _lend(self, connection: Connection, write: Any) -> None:
        def send(data: bytes) -> None:
            connection.given += len(data)
            write(data)

        connection.write, connection.beat = send, lambda: send(self._comment)
        # gunicorn's own response, in 23 to 27, counts what it sends.
        response = getattr(write, "__self__", None)
        if type(getattr(response, "sent", None)) is int:
            connection.sent = lambda: int(response.sent)  # type: ignore[union-attr]

    def taking_write(self, start_response: Any) -> Any:
        """`start_response`, whose `write` (PEP 3333) the watcher may then use."""
        if self._warns_of_session:
            with suppress(Exception):  # it is advice only, on an object that is not ours
                sent = dict(session)  # its cookie is in the headers by now
                self._delivery.at_end.append(lambda: advice.of_session(sent, session))

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            write = start_response(status, headers, *exc_info)
            connection = self._delivery.connection
            # What a middleware has made of them: gunicorn's `write` is a method of its response.
            final = getattr(getattr(write, "__self__", None), "headers", None)
            encoding = _encoding(final if isinstance(final, list) else headers)
            if encoding != "identity":
                advice.of_encoding(encoding)
            elif self._comment and callable(write) and connection.socket is not None:
                self._lend(connection, write)
            return write

        return start


def _encoding(headers: Iterable[tuple[str, str]]) -> str:
    for name, value in headers:
        if name.lower() == "content-encoding":
            return value.strip().lower()
    return "identity"
