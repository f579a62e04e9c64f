"""A run's life: it settles exactly once, however it ends, and before its terminal event."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from flask import Response, current_app, g, has_request_context, request, session

from flask_stream import (
    Result,
    StreamFailed,
    after_this_stream,
    relay,
    stream_finished,
    stream_first_text,
    stream_started,
)
from flask_stream.formats import Unterminated
from tests.conftest import Site, events_of, said
from tests.provider import WIRES, Exchange, Provider, told, word_by_word


class Stop(Exception):
    pass


def read_all(site: Site) -> None:
    site.events()


def leave_in_the_middle(site: Site) -> None:
    response = site.ask()
    for chunk in response.response:
        if b"event: text" in chunk:
            break
    response.close()


def leave_at_once(site: Site) -> None:
    site.ask().close()


def ask_for_json(site: Site) -> None:
    assert site.ask(headers={"Accept": "application/json"}).json


def ask_for_text(site: Site) -> None:
    try:
        site.ask(headers={"Accept": "text/plain"}).get_data()
    except Unterminated:
        pass


def meet_a_reading_after_request(site: Site) -> None:
    @site.app.after_request
    def read(response: Response) -> Response:
        response.get_data()
        return response

    site.events()


READERS = [
    read_all,
    leave_in_the_middle,
    leave_at_once,
    ask_for_json,
    ask_for_text,
    meet_a_reading_after_request,
]
LEAVERS = (leave_in_the_middle, leave_at_once)


def complete() -> Iterator[Any]:
    yield "one "
    yield "two"


def failing() -> Iterator[Any]:
    yield "one "
    raise StreamFailed("No")


def raising() -> Iterator[Any]:
    yield "one "
    raise Stop


each_reader = pytest.mark.parametrize("read", READERS)
each_view = pytest.mark.parametrize("view", [complete, failing, raising])


# -- exactly once -----------------------------------------------------------------------------


@each_reader
@each_view
def test_callbacks_and_signals_come_exactly_once(
    site: Site, read: Callable[[Site], None], view: Callable[[], Any]
) -> None:
    by_route: list[Result] = []
    by_view: list[Result] = []
    heard: list[tuple[str, object, Result]] = []

    @site.view(on_finish=by_route.append)
    def run() -> Any:
        after_this_stream(by_view.append)
        return view()

    def hear(name: str) -> Callable[..., None]:
        return lambda sender, result: heard.append((name, sender, result))

    with (
        stream_started.connected_to(hear("started")),
        stream_first_text.connected_to(hear("first text")),
        stream_finished.connected_to(hear("finished")),
    ):
        read(site)

    [result] = by_route
    assert by_view == [result]
    whole = "complete" if view is complete else "failed"
    assert result.outcome == ("disconnected" if read in LEAVERS else whole)

    names = [name for name, _, _ in heard]
    assert names[0] == "started"
    assert names[-1] == "finished"
    assert len(names) == len(set(names))
    assert "first text" in names  # it is in the first write, which `leave_at_once` takes, too
    assert all(sender is site.app for _, sender, _ in heard)
    assert all(told is result for _, _, told in heard)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("way", ["create", "helper", "post"])
@pytest.mark.parametrize("what", ["text", "cut", "error"])
def test_callbacks_come_exactly_once_for_a_providers_stream(
    site: Site, provider: Provider, wire: str, way: str, what: str
) -> None:
    provider.play(told(wire, what))
    results: list[Result] = []
    site.view(on_finish=results.append)(lambda: getattr(provider, way)(wire))
    events = site.events()
    [result] = results
    assert result.outcome == ("complete" if what == "text" else "failed")
    assert result.text == said(events) != ""
    assert (result.error is None) == (what == "text")
    if result.error is not None:
        assert events[-1] == ("failed", result.error.payload())


def test_signals_are_for_one_app(site: Site) -> None:
    other, heard = Site(), []
    site.view(complete)
    with stream_finished.connected_to(lambda sender, result: heard.append(1), other.app):
        site.events()
    assert heard == []


def test_a_run_that_ended_before_it_began_settles_nothing(site: Site) -> None:
    heard: list[Any] = []

    @site.view(on_finish=heard.append)
    def view() -> Iterator[str]:
        after_this_stream(heard.append)
        raise StreamFailed("No")
        yield ""

    with stream_finished.connected_to(lambda sender, result: heard.append(result)):
        assert site.ask().status_code == 400
    assert heard == []


# -- in order ---------------------------------------------------------------------------------


@each_view
def test_done_comes_after_the_callbacks_that_save(site: Site, view: Callable[[], Any]) -> None:
    order: list[str] = []
    site.view(on_finish=lambda result: order.append("saved"))(view)
    for chunk in site.ask().response:
        order += [name for name, _ in events_of([chunk])]
    assert order[-2:] == ["saved", "done" if view is complete else "failed"]


def test_a_routes_callback_comes_before_the_views_own_in_their_order(site: Site) -> None:
    order: list[str] = []

    @site.view(on_finish=lambda result: order.append("route"))
    def view() -> Iterator[str]:
        after_this_stream(lambda result: order.append("first"))
        yield "one"
        after_this_stream(lambda result: order.append("second"))

    site.events()
    assert order == ["route", "first", "second"]


def test_after_this_stream_gives_back_its_callback_so_it_can_decorate(site: Site) -> None:
    saved: list[str] = []

    @site.view
    def view() -> list[str]:
        @after_this_stream
        def save(result: Result) -> None:
            saved.append(result.text)

        assert callable(save)
        return ["one"]

    site.events()
    assert saved == ["one"]


def test_callbacks_of_one_request_are_not_called_for_the_next(site: Site) -> None:
    saved: list[str] = []

    @site.view
    def view() -> list[str]:
        if not saved:
            after_this_stream(lambda result: saved.append(result.text))
        return ["one"]

    site.events()
    site.events()
    assert saved == ["one"]


# -- a callback that raises -------------------------------------------------------------------


@pytest.mark.parametrize("accept", ["text/event-stream", "application/json"])
def test_a_callback_that_raises_fails_the_run_and_keeps_its_text(
    site: Site, caplog: pytest.LogCaptureFixture, accept: str
) -> None:
    saved: list[tuple[str | None, str]] = []

    @site.view
    def view() -> Iterator[str]:
        after_this_stream(lambda result: saved.append((result.outcome, result.text)))
        after_this_stream(lambda result: 1 // 0)
        after_this_stream(lambda result: saved.append((result.outcome, result.text)))
        yield "one"

    with stream_finished.connected_to(lambda sender, result: saved.append(("signal", ""))):
        response = site.ask(headers={"Accept": accept})
        body = response.get_data(as_text=True)

    assert saved == [("complete", "one"), ("failed", "one"), ("signal", "")]
    assert '"text":"one"' in body.replace(" ", "")
    assert '"code":"internal"' in body.replace(" ", "")
    assert "event: done" not in body
    [record] = [r for r in caplog.records if r.name == "flask_stream"]
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


def test_a_callback_may_fail_the_run_with_words_of_its_own(site: Site) -> None:
    def save(result: Result) -> None:
        raise StreamFailed("The answer could not be saved.", error_code="unsaved", retryable=True)

    site.view(on_finish=save)(complete)
    failed = {"code": "unsaved", "message": "The answer could not be saved.", "retryable": True}
    assert site.events()[-1] == ("failed", failed)


async def coroutine(_: Result) -> None:
    raise AssertionError("it is run")


def generator(_: Result) -> Iterator[None]:
    yield


async def async_generator(_: Result) -> AsyncIterator[None]:
    yield


@pytest.mark.parametrize("save", [coroutine, generator, async_generator])
@pytest.mark.parametrize("by", ["on_finish", "after_this_stream"])
def test_a_callback_that_nobody_would_run_fails_the_run(
    site: Site, by: str, save: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """What it was to save is not saved, so `done` must not say that."""

    @site.view(on_finish=save if by == "on_finish" else None)
    def view() -> Iterator[str]:
        if by != "on_finish":
            after_this_stream(save)
        yield "words"

    assert [name for name, _ in site.events()] == ["start", "text", "failed"]
    assert re.search(rf"gave an? {save.__name__}, which nobody runs", caplog.text)


def test_a_callback_that_raises_does_not_hide_what_ended_the_run(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.view(on_finish=lambda result: 1 // 0)(failing)
    assert site.events()[-1][1]["message"] == "No"
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("signal", [stream_started, stream_first_text, stream_finished])
def test_a_signals_receiver_that_raises_does_not_cost_the_terminal_event(
    site: Site, caplog: pytest.LogCaptureFixture, signal: Any
) -> None:
    def hear(sender: object, result: Result) -> None:
        raise Stop

    saved: list[Result] = []
    site.view(on_finish=saved.append)(complete)
    with signal.connected_to(hear):
        names = [name for name, _ in site.events()]
    assert names.count("done") + names.count("failed") == 1
    assert names[-1] in ("done", "failed")
    assert len(saved) == 1
    assert "Stop" in caplog.text


# -- in the request's context -----------------------------------------------------------------


@each_reader
def test_callbacks_run_in_the_requests_own_context(
    site: Site, read: Callable[[Site], None]
) -> None:
    seen: list[Any] = []

    @site.view
    def view() -> Iterator[str]:
        g.mine = "g"
        session["mine"] = "session"
        after_this_stream(
            lambda result: seen.append(
                (request.path, g.mine, session["mine"], current_app.name, result.text)
            )
        )
        yield from complete()

    read(site)
    [(path, in_g, in_session, name, _)] = seen
    assert (path, in_g, in_session, name) == ("/", "g", "session", "site")
    assert not has_request_context()


@each_reader
@each_view
def test_teardown_comes_once_and_after_the_end(
    site: Site, read: Callable[[Site], None], view: Callable[[], Any]
) -> None:
    order: list[str] = []
    site.view(on_finish=lambda result: order.append("settled"))(view)
    site.app.teardown_request(lambda error: order.append("request"))
    site.app.teardown_appcontext(lambda error: order.append("app"))
    read(site)
    assert order == ["settled", "request", "app"]


@pytest.mark.parametrize("accept", ["text/event-stream", "application/json"])
def test_teardown_comes_once_for_a_request_that_fails_at_once(site: Site, accept: str) -> None:
    torn: list[Any] = []
    site.app.teardown_request(torn.append)
    site.view(lambda: 1 // 0)
    assert site.ask(headers={"Accept": accept}).status_code == 500
    assert len(torn) == 1


@pytest.mark.parametrize("raises", [True, False], ids=["raises", "replaces it"])
def test_a_run_whose_response_an_after_request_function_gives_up_ends_with_its_request(
    site: Site, provider: Provider, raises: bool
) -> None:
    order: list[str] = []
    kept: list[Response] = []
    provider.run(lambda exchange: (exchange.start(), exchange.gone()))

    @site.view(on_finish=lambda result: order.append(f"{result.outcome} {request.path}"))
    def view() -> Iterator[Any]:
        try:
            yield from relay(provider.create("anthropic"))
        finally:
            order.append("closed")

    @site.app.after_request
    def give_up(response: Response) -> Response:
        if raises and not kept:
            kept.append(response)
            raise Stop
        return Response("another", 500)

    site.app.teardown_request(lambda error: order.append("teardown"))
    assert site.ask().status_code == 500
    seen, open_ = list(order), has_request_context()
    for response in kept:
        response.close()  # what was left open would spoil the tests that follow
    assert seen == ["closed", "disconnected /", "teardown"]
    assert not open_


# -- what the app's own code sees when the client leaves --------------------------------------


@pytest.mark.parametrize("leave", [leave_in_the_middle, leave_at_once])
@pytest.mark.parametrize("wire", WIRES)
def test_a_generator_is_told_by_generator_exit_and_buys_no_more_tokens(
    site: Site, provider: Provider, wire: str, leave: Callable[[Site], None]
) -> None:
    seen: list[str] = []
    results: list[Result] = []

    def script(exchange: Exchange) -> None:
        exchange.start()
        exchange.send(word_by_word(wire)[0])
        exchange.gone()

    provider.run(script)

    @site.view(on_finish=results.append)
    def view() -> Iterator[Any]:
        try:
            yield from relay(provider.create(wire))
        except Exception:
            seen.append("fallback")
            yield from relay(provider.create(wire))
        except GeneratorExit:
            seen.append("left")
            raise
        finally:
            seen.append("finally")

    leave(site)
    assert seen == ["left", "finally"]
    assert len(provider.requests) == 1
    [result] = results
    assert result.outcome == "disconnected"
    assert [step.outcome for step in result.steps] == ["disconnected"]


def test_a_generator_that_does_not_stop_when_it_should_is_logged(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    @site.view
    def view() -> Iterator[str]:
        while True:
            try:
                yield "one"
            except GeneratorExit:
                yield "two"
                return

    leave_in_the_middle(site)
    assert "generator ignored GeneratorExit" in caplog.text


def test_clean_up_that_raises_is_logged_and_costs_nobody_else(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    results: list[Result] = []

    @site.view(on_finish=results.append)
    def view() -> Iterator[str]:
        try:
            yield "one"
        finally:
            raise Stop

    leave_in_the_middle(site)
    assert [result.outcome for result in results] == ["disconnected"]
    assert "Stop" in caplog.text
