"""Views that call each other, and errorhandlers that do: whose callbacks, and whose place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flask_stream import FlaskStreamError, ProviderError, Result, StreamFailed, after_this_stream
from flask_stream.limits import places
from tests.conftest import Site, said
from tests.provider import TEXT, Provider, told
from tests.servers.client import DEADLINE
from tests.stalling import Stalling
from tests.test_errors import refusing


class Heard:
    """Who was called with which Result, as `who: text`."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def by(self, who: str) -> Callable[[Result], None]:
        return lambda result: self.said.append(f"{who}: {result.text}")


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def two(site: Site, heard: Heard) -> tuple[Any, Any]:
    """A view that fails before its first word, and one that says "second"."""

    @site.stream.response(on_finish=heard.by("first"))
    def first() -> Any:
        after_this_stream(heard.by("after first"))
        raise StreamFailed("No.", error_code="quota")

    @site.stream.response(on_finish=heard.by("second"))
    def second() -> Iterator[str]:
        after_this_stream(heard.by("after second"))
        yield "second"

    return first, second


SECONDS = ["second: second", "after second: second"]


@pytest.mark.parametrize("handled", [StreamFailed, 400, Exception])
def test_the_view_that_an_errorhandler_calls_has_a_run_of_its_own(
    site: Site, two: tuple[Any, Any], heard: Heard, handled: Any
) -> None:
    first, second = two
    site.app.add_url_rule("/", "first", first, methods=["POST"])
    site.app.register_error_handler(handled, lambda error: second())
    for _ in range(2):
        events = site.events()
        assert (said(events), events[-1][0]) == ("second", "done")
        assert heard.said == SECONDS
        heard.said.clear()


@pytest.mark.usefixtures("own_watcher")
def test_the_view_that_an_errorhandler_calls_takes_a_place(
    site: Site, two: tuple[Any, Any]
) -> None:
    first, second = two
    site.app.config["STREAM_MAX_CONCURRENT"] = 1
    site.app.add_url_rule("/", "first", first, methods=["POST"])
    site.app.register_error_handler(400, lambda error: second())
    site.app.add_url_rule("/second", "second", second, methods=["POST"])
    for _ in range(3):
        with site.ask() as held:
            assert held.status_code == 200
            refused = site.app.test_client().post("/second")
            assert (refused.status_code, refused.json["code"]) == (503, "overloaded")
        assert site.app.test_client().post("/second").status_code == 200


@pytest.mark.parametrize(
    "accept", ["text/event-stream", "application/json", "text/plain", "text/html"]
)
def test_a_page_of_the_failed_view_is_not_that_of_the_errorhandlers(
    site: Site, heard: Heard, accept: str
) -> None:
    @site.stream.response(no_js=lambda result: "the first view's page")
    def first() -> Any:
        raise KeyError

    site.app.add_url_rule("/", "first", first, methods=["POST"])
    second = site.stream.response(lambda: ["second"])
    site.app.register_error_handler(KeyError, lambda error: second())
    response = site.ask(headers={"Accept": accept})
    assert response.status_code == 200
    assert "second" in response.text


def test_an_errorhandlers_view_after_a_failed_page_hears_of_its_provider_as_ever(
    site: Site, provider: Provider
) -> None:
    def page(result: Result) -> Any:
        raise LookupError

    site.view(lambda: ["words"], no_js=page)
    provider.run(refusing(529))
    caught: list[Exception] = []

    @site.app.errorhandler(LookupError)
    def handle(error: Exception) -> Any:
        try:
            return site.stream.response(lambda: provider.create("anthropic"))()
        except ProviderError as error:
            caught.append(error)
            return "instead"

    assert site.ask(headers={"Accept": "text/html"}).data == b"instead"
    assert len(caught) == 1


def test_an_errorhandlers_view_that_fails_too_is_told_in_json(site: Site) -> None:
    @site.view
    def first() -> Any:
        raise KeyError("first")

    @site.stream.response
    def second() -> Any:
        raise LookupError("second")

    site.app.register_error_handler(KeyError, lambda error: second())
    response = site.ask()
    assert (response.status_code, response.json["code"]) == (500, "internal")
    site.app.debug = True
    assert "LookupError: second" in site.ask().json["message"]


# -- a view that calls others -----------------------------------------------------------------


def test_a_view_that_goes_on_with_another_one_leaves_the_first_ones_callbacks(
    site: Site, two: tuple[Any, Any], heard: Heard
) -> None:
    first, second = two

    @site.view(on_finish=heard.by("outer"))
    def outer() -> Any:
        after_this_stream(heard.by("before"))
        try:
            return first()
        except StreamFailed:
            after_this_stream(heard.by("between"))
            response = second()
            after_this_stream(heard.by("behind"))
            return response

    assert said(site.events()) == "second"
    expected = [f"{who}: second" for who in ("outer", "before", "between")]
    assert heard.said == [*expected, *SECONDS, "behind: second"]


@pytest.mark.usefixtures("own_watcher")
@pytest.mark.parametrize("takes", ["a view", "a stream of its own"])
def test_a_view_that_goes_on_after_a_failed_opening_keeps_its_place(
    site: Site, provider: Provider, heard: Heard, takes: str
) -> None:
    site.app.config["STREAM_MAX_CONCURRENT"] = 1
    provider.run(refusing(529))

    @site.stream.response(on_finish=heard.by("first"))
    def first() -> Any:
        return provider.helper("anthropic")  # which asks when its run opens

    second = site.stream.response(lambda: ["second"])

    @site.view(on_finish=heard.by("outer"))
    def outer() -> Any:
        try:
            return first()
        except ProviderError:
            return second() if takes == "a view" else ["second"]

    for _ in range(3):
        with site.ask() as held:
            assert held.status_code == 200
            assert places().taken == 1
            assert site.ask().status_code == 503
        heard.said.clear()
        assert said(site.events()) == "second"
        assert heard.said == ["outer: second"]
    assert places().taken == 0


def test_a_view_that_refuses_leaves_its_callbacks_behind(site: Site, heard: Heard) -> None:
    @site.stream.response(on_finish=heard.by("refusing"))
    def refuses() -> Any:
        after_this_stream(heard.by("after refusing"))
        return {"code": "quota"}, 403

    @site.view(on_finish=heard.by("outer"))
    def outer() -> Any:
        refuses()
        return ["words"]

    site.events()
    assert heard.said == ["outer: words"]


@pytest.mark.parametrize("closes", [True, False])
def test_an_answer_that_a_view_throws_away_has_its_callbacks_alone(
    site: Site, heard: Heard, closes: bool
) -> None:
    kept: list[Any] = []
    first = site.stream.response(on_finish=heard.by("first"))(lambda: ["first"])
    second = site.stream.response(on_finish=heard.by("second"))(lambda: ["second"])

    @site.view(on_finish=heard.by("outer"))
    def outer() -> Any:
        kept.append(first())
        if closes:
            kept[0].close()
        return second()

    assert said(site.events()) == "second"
    assert heard.said[-2:] == ["outer: second", "second: second"]
    kept.pop().close()
    thrown = {"outer: ", "first: "}
    assert set(heard.said) - {"outer: second", "second: second"} == thrown
    assert len(heard.said) == 4


def test_a_stream_that_finds_no_place_beside_what_its_view_threw_away_is_closed(
    site: Site, provider: Provider
) -> None:
    script = Stalling()
    provider.run(script)
    site.app.config["STREAM_MAX_CONCURRENT"] = 1
    inner = site.stream.response(lambda: ["inner"])
    kept: list[Any] = []

    @site.view
    def outer() -> Any:
        kept.extend((inner(), provider.create("anthropic")))
        return kept[-1]

    assert site.ask().status_code == 503
    assert script.gone.wait(DEADLINE)
    kept[0].close()


def test_a_plain_view_may_choose_between_two_streaming_ones(
    site: Site, two: tuple[Any, Any], heard: Heard
) -> None:
    first, second = two

    @site.app.post("/")
    def plain() -> Any:
        try:
            return first()
        except StreamFailed:
            return second()

    assert said(site.events()) == "second"
    assert heard.said == SECONDS


def test_three_views_inside_each_other_have_one_run_and_one_place(
    site: Site, provider: Provider, heard: Heard
) -> None:
    provider.play(told("anthropic"))
    innermost = site.stream.response(on_finish=heard.by("c"))(lambda: provider.create("anthropic"))
    inner = site.stream.response(on_finish=heard.by("b"))(lambda: innermost())

    @site.view(on_finish=heard.by("a"))
    def outer() -> Any:
        return inner()

    with site.ask() as response:
        assert places().taken == 1
        assert b"event: done" in response.data
    assert heard.said == [f"{who}: {TEXT}" for who in "abc"]
    assert places().taken == 0


def test_callbacks_may_be_added_while_the_answer_of_an_inner_view_is_written(
    site: Site, heard: Heard
) -> None:
    @site.stream.response
    def inner() -> Iterator[str]:
        yield "one "
        after_this_stream(heard.by("late"))
        yield "two"

    site.view(lambda: inner())
    site.events()
    assert heard.said == ["late: one two"]


def test_callbacks_have_no_place_once_the_view_has_refused(site: Site) -> None:
    raised: list[Exception] = []
    site.view(lambda: {"code": "quota"})

    @site.app.after_request
    def late(response: Any) -> Any:
        try:
            after_this_stream(print)
        except FlaskStreamError as error:
            raised.append(error)
        return response

    site.ask()
    assert len(raised) == 1


def test_a_provider_error_that_passes_through_views_is_logged_once(
    site: Site, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    provider.run(refusing(529))
    inner = site.stream.response(lambda: provider.create("anthropic"))
    site.view(lambda: inner())
    assert site.ask().status_code == 503
    assert len([r for r in caplog.records if r.name == "flask_stream"]) == 1
