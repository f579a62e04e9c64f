"""Mistakes with `no_js=`: at the decorator, in what it returns, and exceptions in it."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from flask import abort

from flask_stream import FlaskStreamError, Result, SourceError
from tests.conftest import Site
from tests.test_formats import HTML
from tests.test_no_js import sent


async def async_page(result: Result) -> str:
    return result.text


@pytest.mark.parametrize("value", ["answer.html", 1, async_page, functools.partial(async_page)])
def test_what_cannot_make_a_page_fails_where_it_is_given(site: Site, value: Any) -> None:
    with pytest.raises(ValueError, match=r"no_js is .*takes the Result and returns a page"):
        site.view(lambda: ["words"], no_js=value)


def test_a_page_that_would_never_be_asked_for_fails_where_it_is_given(site: Site) -> None:
    with pytest.raises(ValueError, match="never be called: this route is always 'json'"):
        site.view(lambda: ["words"], format="json", no_js=lambda result: "page")


async def a_coroutine() -> str:
    return "page"


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (lambda: None, "None"),
        (lambda: 7, "something of type int"),
        (lambda: a_coroutine(), "something of type coroutine"),
        (lambda: ("page", 200, {}, "more"), "something of type tuple"),
        (lambda: (None, 200), "something of type tuple"),
    ],
)
def test_what_is_no_page_is_told_what_would_be_one(
    site: Site, value: Callable[[], Any], named: str
) -> None:
    def page(result: Result) -> Any:
        return value()

    site.app.testing = True
    site.view(lambda: ["words"], no_js=page)
    with pytest.raises(FlaskStreamError) as raised:
        sent(site)
    message = str(raised.value)
    assert f"page of endpoint 'view' returned {named}, which is no page" in message
    assert "render_template()'s, a Response, a redirect()" in message
    assert not isinstance(raised.value, SourceError)


@pytest.mark.parametrize("value", [{"a": object()}, [object()]], ids=["dict", "list"])
def test_what_flask_takes_but_cannot_make_json_of_is_named_as_it_is(site: Site, value: Any) -> None:
    site.app.testing = True
    site.view(lambda: ["words"], no_js=lambda result: value)
    with pytest.raises(TypeError, match="Object of type object is not JSON serializable"):
        sent(site)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("broken"),
        requests.ConnectionError("no avatar server"),  # it was not the provider that failed
    ],
)
def test_an_exception_in_it_is_an_ordinary_500(
    site: Site, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    finished: list[str | None] = []
    closed = threading.Event()
    torn_down = []

    def view() -> Iterator[str]:
        try:
            yield "words"
        finally:
            closed.set()

    def page(result: Result) -> str:
        assert closed.is_set()
        raise error

    site.app.teardown_request(torn_down.append)
    site.view(view, on_finish=lambda result: finished.append(result.outcome), no_js=page)
    with caplog.at_level(logging.ERROR):
        response = sent(site)
    assert (response.status_code, response.mimetype) == (500, HTML)
    assert "Internal Server Error" in response.text
    assert [record.exc_info[1] for record in caplog.records if record.exc_info] == [error]
    assert finished == ["complete"]
    assert len(torn_down) == 1


def test_an_exception_in_it_reaches_the_apps_errorhandler(site: Site) -> None:
    @site.app.errorhandler(ZeroDivisionError)
    def answer(error: ZeroDivisionError) -> tuple[str, int]:
        return "not by zero", 418

    site.view(lambda: ["words"], no_js=lambda result: str(1 / 0))
    response = sent(site)
    assert (response.status_code, response.text) == (418, "not by zero")


def test_no_js_may_abort(site: Site) -> None:
    site.view(lambda: ["words"], no_js=lambda result: abort(410, "Too late."))
    response = sent(site)
    assert (response.status_code, response.mimetype) == (410, HTML)
    assert "Too late." in response.text
