"""`async def` views, and async streams that a plain view returns: bridged by themselves."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest
from flask import Response, abort, after_this_request, current_app, g, request, session
from werkzeug.exceptions import TooManyRequests

from flask_stream import (
    Data,
    Event,
    FlaskStreamError,
    Reasoning,
    Result,
    SourceError,
    StreamFailed,
    Text,
    after_this_stream,
    bridge,
    relay,
)
from flask_stream.providers import plain
from tests.conftest import Site, events_of, said
from tests.test_bad_input import refusal
from tests.test_bridge import DEADLINE, Stream, end_runs, giving

WORDS = ["one ", "two ", "three"]


async def words() -> AsyncIterator[str]:
    for word in WORDS:
        await asyncio.sleep(0)
        yield word


# -- a view that yields ---------------------------------------------------------------------


def test_an_async_view_that_yields_is_streamed(site: Site) -> None:
    @site.view
    async def chat() -> AsyncIterator[str | Event]:
        yield Reasoning("hm")
        async for word in words():
            yield word
        yield Data("seen", {"q": request.form["q"]})

    events = site.events(data={"q": "why"})
    assert said(events) == "".join(WORDS)
    assert ("reasoning", {"text": "hm"}) in events
    assert ("seen", {"q": "why"}) in events
    assert events[-1][0] == "done"


def test_flask_sees_a_plain_function() -> None:
    """Else it would ask for another package, which runs a loop of its own each time."""
    site = Site()

    async def chat() -> AsyncIterator[str]:
        yield "one"

    async def page() -> str:
        return "page"

    for view in (chat, page):
        streaming = site.stream.response(view)
        assert not inspect.iscoroutinefunction(streaming)
        assert not inspect.isasyncgenfunction(streaming)
        assert streaming.__name__ == view.__name__


@pytest.mark.parametrize("async_def", ["yields", "returns", "gives a generator"])
def test_what_it_raises_before_its_first_item_is_an_http_error(site: Site, async_def: str) -> None:
    async def yielding() -> AsyncIterator[str]:
        abort(403, "No more today.")
        yield "never"

    async def returning() -> str:
        abort(403, "No more today.")

    async def generator() -> AsyncIterator[str]:
        return yielding()

    views: dict[str, Any] = {
        "yields": yielding,
        "returns": returning,
        "gives a generator": generator,
    }
    site.view(views[async_def])
    assert site.ask().status_code == 403


def test_what_it_raises_later_fails_the_run(site: Site) -> None:
    @site.view
    async def chat() -> AsyncIterator[str]:
        yield "so far"
        raise StreamFailed("No more.", error_code="quota")

    events = site.events()
    assert said(events) == "so far"
    assert events[-1] == (
        "failed",
        {"code": "quota", "message": "No more.", "retryable": False},
    )


@pytest.mark.parametrize("has_begun", [False, True])
@pytest.mark.parametrize(
    "error",
    [
        StreamFailed("No more.", error_code="quota"),
        TooManyRequests("No more."),
        httpx.ReadTimeout("No more."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_a_task_group_has_wrapped_means_what_it_means_alone(
    error: Exception, has_begun: bool
) -> None:
    async def failing() -> None:
        raise error

    async def in_groups() -> None:
        async with asyncio.TaskGroup() as outer, asyncio.TaskGroup() as inner:
            inner.create_task(failing())
            outer.create_task(asyncio.sleep(0))

    def told_of(fail: Callable[[], Awaitable[None]]) -> Any:
        site = Site()

        async def chat() -> AsyncIterator[str]:
            if has_begun:
                yield "so far"
            await fail()
            yield "never"

        site.view(chat)
        response = site.ask()
        return (
            events_of(response.response)[-1] if has_begun else (response.status_code, response.data)
        )

    assert told_of(in_groups) == told_of(failing)


def test_a_task_group_of_several_failures_is_the_apps(site: Site) -> None:
    async def failing(words: str) -> None:
        raise StreamFailed(words)

    @site.view
    async def chat() -> AsyncIterator[str]:
        yield "so far"
        async with asyncio.TaskGroup() as group:
            for words in ("One.", "Another one."):
                group.create_task(failing(words))

    assert site.events()[-1][1]["code"] == "internal"


# -- a view that returns --------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [words, lambda: ["one ", "two ", Text("three")], lambda: iter(WORDS), lambda: giving(words())],
    ids=["async generator", "list", "iterator", "coroutine"],
)
def test_what_it_returns_is_what_any_view_returns(site: Site, value: Callable[[], Any]) -> None:
    @site.view
    async def chat() -> Any:
        await asyncio.sleep(0)
        return value()

    assert said(site.events()) == "".join(WORDS)


def test_what_it_returns_for_flask_goes_through_untouched(site: Site) -> None:
    @site.view
    async def chat() -> Any:
        return {"code": "quota"}, 402, {"X-Mine": "1"}

    response = site.ask()
    assert (response.status_code, response.json) == (402, {"code": "quota"})
    assert response.headers["X-Mine"] == "1"


def test_what_it_changes_of_the_request_is_changed(site: Site) -> None:
    results: list[str] = []

    @site.view
    async def chat() -> Any:
        session["user"] = request.form["q"]
        g.seen = current_app.name

        @after_this_request
        def mark(response: Response) -> Response:
            response.headers["X-Mine"] = g.seen
            return response

        @after_this_stream
        def keep(result: Result) -> None:
            results.append(f"{result.text} {g.seen}")

        await asyncio.sleep(0)
        return words()

    client = site.app.test_client()
    response = client.post("/", data={"q": "ada"})
    assert said(events_of(response.response)) == "".join(WORDS)
    assert response.headers["X-Mine"] == "site"
    assert results == ["one two three site"]
    with client.session_transaction() as kept:
        assert kept["user"] == "ada"


def test_a_view_that_waits_is_cancelled_where_its_time_is_up(site: Site) -> None:
    waits, ended = threading.Event(), threading.Event()

    @site.view
    async def chat() -> Any:
        try:
            waits.set()
            await asyncio.Event().wait()
        finally:
            ended.set()

    threading.Timer(0, lambda: (waits.wait(DEADLINE), end_runs())).start()
    assert site.ask().status_code == 504
    assert ended.wait(DEADLINE)


def test_a_stream_that_comes_as_its_reader_leaves_is_closed(site: Site) -> None:
    waits, closed = threading.Event(), threading.Event()

    class Late:
        def __iter__(self) -> Iterator[str]:
            yield "for nobody"

        def close(self) -> None:
            closed.set()

    @site.view
    async def chat() -> Any:
        try:
            waits.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:  # too late: the provider has answered
            return Late()

    threading.Timer(0, lambda: (waits.wait(DEADLINE), end_runs())).start()
    assert site.ask().status_code == 504
    assert closed.wait(DEADLINE)


# -- what a plain view returns --------------------------------------------------------------


@pytest.mark.parametrize("make", [words, lambda: giving(words())], ids=["generator", "coroutine"])
@pytest.mark.parametrize("options", [{}, {"resumable": True}], ids=["attached", "resumable"])
def test_an_async_stream_that_a_plain_view_returns_is_read(
    site: Site, make: Callable[[], Any], options: dict[str, Any]
) -> None:
    site.app.config["STREAM_LOG_URL"] = "memory:"
    site.view(lambda: make(), **options)
    events = site.events()
    assert (said(events), events[-1][0]) == ("".join(WORDS), "done")


def test_its_reader_leaves_and_it_is_cancelled(site: Site) -> None:
    stream = Stream(1, "silence")

    async def silent() -> AsyncIterator[str]:
        async for number in stream():
            yield str(number)

    site.view(lambda: silent())
    response = site.ask()
    assert b"event: start" in next(iter(response.response))
    response.close()
    assert stream.at_end.wait(DEADLINE)


@pytest.mark.parametrize("reading", ["returned", "bridge"])
def test_stop_reaches_a_resumable_run_in_silence(site: Site, reading: str) -> None:
    stream, results = Stream(1, "silence"), list[Result]()
    site.app.config["STREAM_LOG_URL"] = "memory:"

    async def silent() -> AsyncIterator[str]:
        async for number in stream():
            yield str(number)

    site.view(
        (lambda: silent()) if reading == "returned" else (lambda: bridge(silent())),
        resumable=True,
        on_finish=results.append,
    )
    client = site.app.test_client()
    body = client.post("/").response
    first = b""
    while b'"text":"0"' not in first:
        first += next(iter(body))
    url = events_of([first])[0][1]["url"]
    assert stream.waits.wait(DEADLINE)
    assert client.post(f"{url}/stop").status_code == 204
    assert events_of([first, *body])[-1][1]["stop_reason"] == "stopped"
    assert stream.at_end.wait(DEADLINE)
    assert [result.outcome for result in results] == ["stopped"]


def test_a_coroutine_that_gives_no_stream_is_told(site: Site) -> None:
    site.app.testing = True
    message = refusal(site, lambda: giving({"a": 1}))
    assert "gave a dict, which is no async stream" in message


def test_a_view_that_reads_a_bridge_on_the_loop_is_told(site: Site) -> None:
    @site.view
    async def chat() -> Any:
        return [*bridge(words())]

    site.app.testing = True
    with pytest.raises(FlaskStreamError, match="would wait for itself"):
        site.ask()


def test_an_item_that_cannot_be_streamed_is_told_as_of_a_generator(site: Site) -> None:
    async def numbers() -> AsyncIterator[int]:
        yield 1

    site.app.testing = True
    assert "A view yielded 1, an int" in refusal(site, lambda: numbers())


@pytest.mark.parametrize("make", [words, lambda: giving(words())], ids=["stream", "coroutine"])
def test_an_async_stream_where_none_can_be_is_told(site: Site, make: Callable[[], Any]) -> None:
    site.app.testing = True

    def yielded() -> Iterator[Any]:
        yield make()

    site.view(lambda: (make(), 200))
    with pytest.raises(SourceError, match="a tuple that begins with a stream"):
        site.ask()
    with pytest.raises(SourceError, match=r"asynchronous.*from bridge|awaited.*from relay"):
        [*plain.read(yielded())]
    with pytest.raises(SourceError, match=r"no provider's stream.*bridge\(…\) of an async one"):
        [*relay(words())]


def test_a_view_may_call_one_that_is_async(site: Site) -> None:
    inner = site.stream.response(words)

    @site.view
    def outer() -> Any:
        return inner()

    assert said(site.events()) == "".join(WORDS)
