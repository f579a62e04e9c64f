"""What a request keeps is let go of when its answer is over: at once, and however it ended."""

from __future__ import annotations

import gc
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any
from weakref import ref

import pytest
from flask import Response, request
from werkzeug.test import EnvironBuilder

from flask_stream import Result, StreamFailed, after_this_stream, stream_started, watch
from flask_stream.limits import places
from tests.conftest import Site


class Interrupted(BaseException):
    """As gevent.Timeout is, and a worker's SystemExit."""


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def wsgi(site: Site, accept: str, **environ: Any) -> Iterable[bytes]:
    builder = EnvironBuilder("/", method="POST", headers={"Accept": accept})
    return site.app.wsgi_app({**builder.get_environ(), **environ}, lambda *_: lambda _: None)


VIEWS: dict[str, Callable[[], Any]] = {
    "a generator": lambda: iter(["one", "two"]),
    "a generator that fails": lambda: failing(),
    "no stream": lambda: "text",
}


def failing() -> Iterator[str]:
    yield "one"
    raise StreamFailed("No more.")


@pytest.mark.filterwarnings("ignore:The view of endpoint 'view' returned something of type str")
@pytest.mark.parametrize("accept", ["text/event-stream", "application/json", "text/html"])
@pytest.mark.parametrize("gives", VIEWS)
def test_a_request_and_its_result_are_gone_when_its_response_is_closed(
    site: Site, without_collector: None, gives: str, accept: str
) -> None:
    kept: list[ref[Any]] = []

    @site.view
    def view() -> Any:
        kept.append(ref(request._get_current_object()))  # type: ignore[attr-defined]
        after_this_stream(lambda result: kept.append(ref(result)))
        return VIEWS[gives]()

    body = wsgi(site, accept)
    list(body)
    body.close()  # type: ignore[attr-defined]
    del body
    assert kept
    assert [each() for each in kept] == [None] * len(kept)


def test_a_run_whose_start_is_interrupted_is_watched_no_longer(
    site: Site, own_watcher: None
) -> None:
    site.view(lambda: iter(["one"]))

    def interrupt(_: object, result: Result) -> None:
        raise Interrupted

    with stream_started.connected_to(interrupt), suppress(Interrupted):
        site.ask()
    assert places().taken == 0
    assert not watch.watcher()._runs
    assert not watch.watcher()._deliveries


def test_another_response_in_the_place_of_ours_leaves_its_connection_as_it_was(
    site: Site, without_collector: None
) -> None:
    site.view(lambda: iter(["one"]))

    @site.app.after_request
    def replace(response: Response) -> Response:
        return Response("another")

    option = (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()),
        server.accept()[0] as sock,
    ):
        sock.setsockopt(*option, 7000)
        body = wsgi(site, "*/*", **{"gunicorn.socket": sock})
        assert list(body) == [b"another"]
        body.close()  # type: ignore[attr-defined]
        assert sock.getsockopt(*option) == 7000
