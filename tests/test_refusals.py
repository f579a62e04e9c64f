"""What the app's errorhandlers see of what failed before the first byte, and what is left to us."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Blueprint, Response, after_this_request, redirect, request
from werkzeug.exceptions import (
    Aborter,
    BadRequest,
    Forbidden,
    HTTPException,
    MethodNotAllowed,
    NotFound,
    TooManyRequests,
    Unauthorized,
)

from flask_stream import Failed, ProviderError, StreamFailed
from flask_stream.formats.text import PlainText
from tests.conftest import Site
from tests.provider import PROVIDERS_WORDS, Provider
from tests.test_errors import NAVIGATION, refusing
from tests.test_formats import VARY


def failing(site: Site, error: Any) -> None:
    """A view that raises it, at `/`, and one without the decorator that does too, at `/page`."""

    def view() -> Any:
        raise error

    def page() -> Any:
        raise error

    site.view(view)
    site.app.add_url_rule("/page", "page", page)


def page_of(site: Site) -> Any:
    return site.app.test_client().get("/page")


def test_a_401_of_werkzeugs_own_words_is_told_in_a_users(site: Site) -> None:
    """Flask-Login's, where an app names no page to sign in on."""
    failing(site, Unauthorized())
    assert site.ask().get_json()["message"] == "You are not signed in. Sign in, then ask again."


# -- exceptions that the app keeps ------------------------------------------------------------


KEPT = {
    "Forbidden": lambda: Forbidden("Members only."),
    "NotFound": NotFound,
    "MethodNotAllowed": lambda: MethodNotAllowed(["GET"]),
    "TooManyRequests": lambda: TooManyRequests("Slower.", retry_after=7),
    "StreamFailed": lambda: StreamFailed("No more today.", error_code="quota", status=403),
    "ProviderError": lambda: ProviderError("overloaded"),
}


@pytest.mark.parametrize("make", KEPT.values(), ids=list(KEPT))
def test_an_exception_that_the_app_keeps_gives_a_page_again_on_pages(site: Site, make: Any) -> None:
    error = make()
    seen = dict(vars(error))
    failing(site, error)
    before = page_of(site)
    for _ in range(2):
        assert site.ask().mimetype == "application/json"
        after = page_of(site)
        assert (after.status, after.headers, after.data) == (
            before.status,
            before.headers,
            before.data,
        )
        assert after.mimetype == "text/html"
    assert vars(error) == seen


@pytest.mark.parametrize("handled", [Forbidden, 403, HTTPException, Exception])
def test_an_errorhandler_gets_the_very_exception_that_was_raised(site: Site, handled: Any) -> None:
    kept, caught = Forbidden("Members only."), []
    failing(site, kept)

    @site.app.errorhandler(handled)
    def handle(error: Exception) -> Any:
        caught.append(error)
        return "mine", 403

    assert site.ask().data == b"mine"
    assert caught[0] is kept
    assert type(kept) is Forbidden


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "text/event-stream"])
@pytest.mark.parametrize("asks", ["GET", "another site"])
def test_a_routes_own_format_says_how_an_error_before_the_first_byte_looks(
    site: Site, monkeypatch: pytest.MonkeyPatch, accept: str | None, asks: str
) -> None:
    def refusal(_: object, failed: Failed) -> tuple[bytes, str]:
        return f"no: {failed.code}".encode(), "text/plain"

    monkeypatch.setattr(PlainText, "refusal", refusal)

    @site.view(format="text")
    def view() -> Iterator[str]:
        raise StreamFailed("No more today.", error_code="quota")
        yield ""

    headers = {"Sec-Fetch-Site": "cross-site"} if asks == "another site" else {}
    headers |= {"Accept": accept} if accept is not None else {}
    answer = site.ask(headers=headers)
    code = "cross_site" if asks == "another site" else "quota"
    assert (answer.mimetype, answer.text) == ("text/plain", f"no: {code}")
    assert (
        site.ask(headers={"Accept": NAVIGATION}).mimetype == "text/html"
    )  # whoever wants a page has one


def test_the_headers_of_an_http_error_stay_beside_its_json(site: Site) -> None:
    failing(site, MethodNotAllowed(["GET", "PUT"]))
    response = site.ask()
    assert response.headers["Allow"] == "GET, PUT"
    assert response.json["code"] == "bad_request"
    failing_headers = dict(response.headers)
    assert failing_headers["Content-Length"] == str(len(response.data))
    assert (failing_headers["Cache-Control"], response.vary.as_set()) == ("no-store", VARY)


@pytest.mark.parametrize("handled", [False, True], ids=["flasks", "the-apps"])
@pytest.mark.parametrize("accept", ["text/html", "text/event-stream", "text/plain"])
def test_no_cache_keeps_an_error_for_who_asks_otherwise(
    site: Site, accept: str, handled: bool
) -> None:
    failing(site, NotFound())
    if handled:
        site.app.register_error_handler(404, lambda _: ("Not here.", 404))
    response = site.ask(headers={"Accept": accept})
    assert (response.status_code, response.headers["Cache-Control"]) == (404, "no-store")
    assert response.vary.as_set() == VARY
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "passes_on",
    [lambda error: error, lambda error: error.get_response()],
    ids=["the error", "its response"],
)
@pytest.mark.parametrize("handled", [HTTPException, Exception, 403])
def test_an_errorhandler_that_passes_the_error_on_leaves_it_to_us(
    site: Site, handled: Any, passes_on: Any
) -> None:
    """As Flask's documentation has it for a handler of `Exception`."""
    failing(site, Forbidden("Members only."))
    site.app.register_error_handler(handled, passes_on)
    assert site.ask().json["message"] == "Members only."
    assert site.ask(headers={"Accept": NAVIGATION}).mimetype == "text/html"


def test_an_errorhandler_of_the_blueprint_answers(site: Site) -> None:
    blueprint = Blueprint("chat", __name__)

    @blueprint.post("/chat")
    @site.stream.response
    def chat() -> Any:
        raise Forbidden("Members only.")

    blueprint.register_error_handler(403, lambda error: (f"mine: {error.description}", 403))
    site.app.register_blueprint(blueprint)
    assert site.app.test_client().post("/chat").data == b"mine: Members only."


@pytest.mark.parametrize("status", [400, 403, 404, 409, 418, 422, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("base", [StreamFailed, type("OutOfCredit", (StreamFailed,), {})])
def test_the_errorhandler_for_a_status_finds_stream_failed(
    site: Site, status: int, base: type[StreamFailed]
) -> None:
    failing(site, base("No more today.", error_code="quota", status=status))
    site.app.register_error_handler(status, lambda e: (f"mine: {e.error_code}", e.code))
    for _ in range(2):
        response = site.ask()
        assert (response.status_code, response.data) == (status, b"mine: quota")


@pytest.mark.parametrize("handled", [None, StreamFailed, HTTPException, Exception])
def test_a_status_that_werkzeug_has_no_class_for_is_still_had(site: Site, handled: Any) -> None:
    failing(site, StreamFailed("Pay.", error_code="quota", status=402))
    if handled is not None:
        site.app.register_error_handler(handled, lambda error: (f"mine: {error.code}", 402))
    response = site.ask()
    assert response.status_code == 402
    if handled is None:
        assert response.json == {"code": "quota", "message": "Pay.", "retryable": False}
    else:
        assert response.data == b"mine: 402"


def test_a_response_that_was_aborted_with_goes_out_as_it_is(site: Site) -> None:
    site.view(lambda: Aborter()(Response("<p>Closed</p>", 403)))
    response = site.ask()
    assert (response.status_code, response.data) == (403, b"<p>Closed</p>")


def test_a_redirect_that_is_raised_goes_out_as_it_is(site: Site) -> None:
    site.view(lambda: Aborter()(redirect("/login")))
    assert site.ask().location == "/login"


class Shaped(BadRequest):
    """An app's own, with a body of its own."""

    def get_body(self, *args: Any) -> str:
        return '{"mine": true}'

    def get_headers(self, *args: Any) -> list[tuple[str, str]]:
        return [("Content-Type", "application/json")]


def test_an_exception_that_shapes_itself_keeps_its_shape(site: Site) -> None:
    failing(site, Shaped())
    assert site.ask().json == {"mine": True}


@pytest.mark.parametrize("error", [Forbidden("No."), KeyError("no")])
def test_what_the_apps_after_request_functions_see_is_json_already(
    site: Site, error: Exception
) -> None:
    seen: list[str] = []

    @site.app.after_request
    def look(response: Response) -> Response:
        seen.append(response.mimetype)
        response.headers["X-Mine"] = "1"
        return response

    failing(site, error)
    response = site.ask()
    assert response.headers["X-Mine"] == "1"
    assert response.json.keys() == {"code", "message", "retryable"}
    assert seen == ["application/json"]


def test_what_the_view_asked_for_after_the_request_is_done(site: Site) -> None:
    @site.view
    def view() -> Any:
        @after_this_request
        def remember(response: Response) -> Response:
            response.set_cookie("seen", "1")
            return response

        raise Forbidden("No.")

    response = site.ask()
    assert (response.json["message"], "seen=1" in response.headers["Set-Cookie"]) == ("No.", True)


def test_head_of_an_error_has_the_headers_of_its_json(site: Site) -> None:
    site.view(lambda: ["words"])
    headers = {"Accept": "image/png"}
    head, got = (site.ask(method, headers=headers) for method in ("HEAD", "GET"))
    assert (head.status_code, head.data) == (406, b"")
    assert dict(head.headers) == dict(got.headers)
    assert got.json["code"] == "bad_request"


@pytest.mark.parametrize("error", [Forbidden("No."), KeyError("secret")])
def test_an_errorhandler_that_fails_itself_is_a_bug_in_json(site: Site, error: Exception) -> None:
    failing(site, error)

    @site.app.errorhandler(type(error))
    def handle(error: Exception) -> Any:
        raise LookupError("secret")

    response = site.ask()
    assert (response.status_code, response.json["code"]) == (500, "internal")
    assert b"secret" not in response.data


def test_a_view_without_the_decorator_keeps_flasks_pages(site: Site) -> None:
    failing(site, Forbidden("No."))
    assert site.ask().mimetype == "application/json"
    assert site.app.test_client().get("/nowhere").mimetype == "text/html"
    assert page_of(site).mimetype == "text/html"


def test_a_view_that_is_called_by_hand_raises_what_it_raises(site: Site) -> None:
    kept = Unauthorized("Who?")

    @site.stream.response
    def view() -> Any:
        raise kept

    with site.app.test_request_context("/"):
        with pytest.raises(Unauthorized) as raised:
            view()
        assert raised.value is kept


def test_a_decorator_above_sees_what_the_view_raised(site: Site, provider: Provider) -> None:
    caught: list[Exception] = []
    provider.run(refusing(529))

    @site.stream.response
    def streaming() -> Any:
        return provider.create("anthropic")

    @site.app.post("/")
    def above() -> Any:
        try:
            return streaming()
        except ProviderError as error:
            caught.append(error)
            return "instead"

    assert site.ask().data == b"instead"
    assert caught[0].code == 503  # type: ignore[attr-defined]


# -- debug mode -------------------------------------------------------------------------------


class NoKey(Exception):
    """As an SDK's for an app that has no API key."""


SAID = "NoKey: The api_key must be set"
STREAMS = [None, "*/*", "text/event-stream", "application/json", "text/plain"]


@pytest.fixture
def bug(site: Site) -> Site:
    failing(site, NoKey("The api_key must be set"))
    return site


@pytest.mark.parametrize("accept", STREAMS)
def test_debug_mode_tells_a_streams_client_what_the_view_raised(
    bug: Site, accept: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    bug.app.debug = True
    response = bug.ask(headers={"Accept": accept} if accept else {})
    assert (response.status_code, response.mimetype) == (500, "application/json")
    assert response.json == {
        "code": "internal",
        "message": f"Something went wrong on the server. [debug: {SAID}]",
        "retryable": False,
    }
    assert response.headers["Cache-Control"] == "no-store"
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.getMessage() == "Exception on / [POST]"
    assert "raise error" in caplog.text  # the traceback


def test_debug_mode_shows_who_asks_for_a_page_the_debugger(bug: Site) -> None:
    bug.app.debug = True
    with pytest.raises(NoKey):  # what the debugger catches
        bug.ask(headers={"Accept": NAVIGATION})


def test_debug_mode_changes_nothing_for_other_views(bug: Site) -> None:
    bug.app.debug = True
    with pytest.raises(NoKey):
        page_of(bug)


@pytest.mark.parametrize("accept", STREAMS)
def test_without_debug_mode_a_bugs_own_words_go_to_the_log_only(
    bug: Site, accept: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    response = bug.ask(headers={"Accept": accept} if accept else {})
    assert response.status_code == 500
    assert response.json["message"] == "Something went wrong on the server."
    assert b"NoKey" not in response.data
    assert SAID in caplog.text


@pytest.mark.parametrize("debug", [True, False])
def test_an_app_under_test_raises_into_its_test(bug: Site, debug: bool) -> None:
    bug.app.debug, bug.app.testing = debug, True
    with pytest.raises(NoKey):
        bug.ask()


@pytest.mark.parametrize("debug", [True, False])
def test_an_app_that_says_that_exceptions_propagate_has_them_propagate(
    bug: Site, debug: bool
) -> None:
    bug.app.debug = debug
    bug.app.config["PROPAGATE_EXCEPTIONS"] = True
    with pytest.raises(NoKey):
        bug.ask()


def test_in_debug_mode_an_app_that_says_that_they_do_not_has_its_json_by_flask(bug: Site) -> None:
    bug.app.debug = True
    bug.app.config["PROPAGATE_EXCEPTIONS"] = False
    response = bug.ask()
    assert (response.status_code, SAID in response.json["message"]) == (500, True)
    assert bug.ask(headers={"Accept": NAVIGATION}).mimetype == "text/html"


@pytest.mark.parametrize("handled", [NoKey, Exception])
def test_in_debug_mode_an_errorhandler_of_the_app_answers_as_ever(bug: Site, handled: Any) -> None:
    bug.app.debug = True
    bug.app.register_error_handler(handled, lambda error: (f"mine: {error}", 500))
    assert bug.ask().data == b"mine: The api_key must be set"


def test_debug_mode_tells_what_a_generator_raises_before_its_first_item(site: Site) -> None:
    @site.view
    def view() -> Iterator[str]:
        raise NoKey("The api_key must be set")
        yield "never"

    site.app.debug = True
    assert SAID in site.ask().json["message"]


def test_debug_mode_tells_of_a_return_value_that_cannot_be_streamed(site: Site) -> None:
    site.view(lambda: None)
    site.app.debug = True
    assert "returned None. Return the provider's stream" in site.ask().json["message"]


def test_debug_mode_tells_which_form_field_is_missing(site: Site) -> None:
    """Flask lets this one through in debug mode, as it does a bug."""
    site.view(lambda: [request.form["question"]])
    site.app.debug = True
    response = site.ask()
    assert (response.status_code, response.json["code"]) == (400, "bad_request")
    assert "question" in response.json["message"]
    site.app.debug = False
    assert "question" not in site.ask().json["message"]


def test_debug_mode_has_the_providers_words_for_a_provider_error(
    site: Site, provider: Provider
) -> None:
    provider.run(refusing(401))
    site.app.debug = True
    site.view(lambda: provider.create("openai_chat"))
    assert PROVIDERS_WORDS in site.ask().json["message"]
    site.app.debug = False
    assert PROVIDERS_WORDS not in site.ask().json["message"]


def test_the_debugger_shows_a_page_and_a_streams_client_json(bug: Site) -> None:
    """As `flask run --debug` wraps the app."""
    from werkzeug.debug import DebuggedApplication
    from werkzeug.test import Client

    bug.app.debug = True
    client = Client(DebuggedApplication(bug.app))
    page = client.post("/", headers={"Accept": NAVIGATION})
    assert (page.status_code, page.mimetype) == (500, "text/html")
    assert "The api_key must be set" in page.text
    assert "Traceback" in page.text
    answer = client.post("/", headers={"Accept": "text/event-stream"})
    assert (answer.status_code, SAID in answer.json["message"]) == (500, True)
