"""A form that is sent without JavaScript, and the page that `no_js=` makes of its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from flask import (
    Flask,
    Response,
    current_app,
    flash,
    get_flashed_messages,
    jsonify,
    make_response,
    redirect,
    render_template_string,
    request,
    session,
    stream_template_string,
    url_for,
)
from playwright.sync_api import Browser
from werkzeug.exceptions import NotFound
from werkzeug.test import TestResponse

from flask_stream import (
    FlaskStream,
    Result,
    StreamFailed,
    after_this_stream,
    stream_finished,
)
from tests.conftest import Site
from tests.provider import TEXT, WIRES, Provider, told
from tests.test_formats import CHROME, HTML, JSON, NATIVE, PLAIN, VARY


def sent(site: Site, **arguments: Any) -> TestResponse:
    """The answer to the form, sent by a browser without JavaScript."""
    return site.ask(headers={"Accept": CHROME}, **arguments)


def cut_short() -> Iterator[str]:
    yield "half an "
    raise StreamFailed("The rest is gone.", error_code="timeout")


# -- what it is given, and what it may return -------------------------------------------------


@pytest.mark.parametrize("wire", WIRES)
def test_no_js_gets_the_result_of_the_complete_run(
    site: Site, provider: Provider, wire: str
) -> None:
    results: list[Result] = []

    def page(result: Result) -> str:
        results.append(result)
        return render_template_string("<h1>Hi</h1><p>{{ text }}</p>", text=result.text)

    provider.play(told(wire))
    site.view(lambda: provider.create(wire), no_js=page)
    response = sent(site)
    assert response.text == f"<h1>Hi</h1><p>{TEXT}</p>"
    assert (response.status_code, response.mimetype) == (200, HTML)
    assert [result.outcome for result in results] == ["complete"]


def test_what_a_model_wrote_is_escaped_by_the_template(site: Site) -> None:
    page = "{{ result.text }}"
    site.view(
        lambda: ["<script>", "1</script>"],
        no_js=lambda result: render_template_string(page, result=result),
    )
    assert sent(site).text == "&lt;script&gt;1&lt;/script&gt;"


@pytest.mark.parametrize("accept", [None, NATIVE, JSON, PLAIN, "*/*"])
def test_a_program_that_wants_no_page_gets_none(site: Site, accept: str | None) -> None:
    site.view(lambda: ["words"], no_js=lambda result: pytest.fail("called"))
    response = site.ask(headers={} if accept is None else {"Accept": accept})
    assert response.status_code == 200
    assert response.mimetype != HTML
    assert "words" in response.text


def wsgi_app(environ: Any, start_response: Any) -> list[bytes]:
    start_response("203 OK", [("Content-Type", "text/html")])
    return [b"page"]


KINDS: list[tuple[Callable[[], Any], int, int]] = [
    # what it returns, and the status of a run that is complete and of one that timed out
    (lambda: "page", 200, 504),
    (lambda: b"page", 200, 504),
    (lambda: bytearray(b"page"), 200, 504),
    (lambda: iter(["pa", "ge"]), 200, 504),
    (lambda: {"page": 1}, 200, 504),
    (lambda: ["page"], 200, 504),
    (lambda: ("page", {"X-Mine": "1"}), 200, 504),
    (lambda: ("page", [("X-Mine", "1")]), 200, 504),
    (lambda: ("page", None, {"X-Mine": "1"}), 200, 504),
    (lambda: ("page", 201), 201, 201),
    (lambda: ("page", "203 Fine"), 203, 203),
    (lambda: ("page", 200, {"X-Mine": "1"}), 200, 200),
    (lambda: make_response("page"), 200, 200),
    (lambda: (make_response("page"), {"X-Mine": "1"}), 200, 200),
    (lambda: (make_response("page"), 418), 418, 418),
    (lambda: redirect("/elsewhere"), 302, 302),
    (lambda: redirect("/elsewhere", 303), 303, 303),
    (lambda: jsonify(page=1), 200, 200),
    (lambda: NotFound("no page"), 404, 404),
    (lambda: wsgi_app, 203, 203),
]


@pytest.mark.parametrize(("make", "complete", "failed"), KINDS)
def test_what_no_js_returns_has_its_own_status_or_the_runs(
    site: Site, make: Callable[[], Any], complete: int, failed: int
) -> None:
    def view() -> Any:
        return cut_short() if "fail" in request.args else ["words"]

    site.view(view, no_js=lambda result: make())
    with site.app.test_request_context():
        expected = site.app.make_response(make())
    for query, status in (("", complete), ("fail=1", failed)):
        response = sent(site, query_string=query)
        assert response.status_code == status
        assert (response.data, response.mimetype) == (expected.data, expected.mimetype)
        for name in ("Location", "X-Mine"):
            assert response.headers.get(name) == expected.headers.get(name)
        assert "Accept" in response.vary
        assert response.headers["Cache-Control"] == "no-store"


def test_headers_of_what_no_js_returns_are_kept(site: Site) -> None:
    def page(result: Result) -> Response:
        response = make_response(result.text)
        response.vary.add("Cookie")
        response.cache_control.private = True
        return response

    site.view(lambda: ["words"], no_js=page)
    response = sent(site)
    assert response.vary.as_set() == {*VARY, "cookie"}
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "private"


def test_a_template_may_be_streamed(site: Site) -> None:
    template = "{% for word in words %}{{ word }} {{ request.method }} {% endfor %}"
    site.view(
        lambda: ["one ", "two"],
        no_js=lambda result: stream_template_string(template, words=result.text.split()),
    )
    assert sent(site).text == "one POST two POST "


def test_the_apps_own_response_class_is_kept(site: Site) -> None:
    class Branded(Response):
        pass

    site.app.response_class = Branded
    seen = []
    site.app.after_request(lambda response: seen.append(type(response)) or response)
    site.view(lambda: ["words"], no_js=lambda result: result.text)
    sent(site)
    assert seen == [Branded]


def test_what_a_view_refuses_goes_through_untouched(site: Site) -> None:
    site.view(
        lambda: ("No more today.", 403),
        no_js=lambda result: pytest.fail("there was no run"),
    )
    response = sent(site)
    assert (response.status_code, response.text) == (403, "No more today.")


def test_head_asks_nobody(site: Site) -> None:
    def nobody(*_: Any) -> Any:
        raise AssertionError

    site.view(nobody, no_js=nobody)
    response = site.ask("HEAD", headers={"Accept": CHROME})
    assert (response.status_code, response.mimetype, response.data) == (200, HTML, b"")
    assert response.headers["Cache-Control"] == "no-store"


# -- when, and where, it is called ------------------------------------------------------------


def test_no_js_is_called_after_all_callbacks_in_the_requests_context(site: Site) -> None:
    order: list[str] = []

    def receiver(sender: Flask, result: Result) -> None:
        order.append("signal")

    def view() -> Iterator[str]:
        after_this_stream(lambda result: order.append("after_this_stream"))
        yield "words"

    def page(result: Result) -> str:
        assert current_app.name == "site"
        order.append(f"no_js {request.form['question']}")
        return result.text

    site.view(view, on_finish=lambda result: order.append("on_finish"), no_js=page)
    with stream_finished.connected_to(receiver, site.app):
        assert sent(site, data={"question": "Why?"}).text == "words"
    assert order == ["on_finish", "after_this_stream", "signal", "no_js Why?"]


def test_what_a_callback_saved_can_be_redirected_to(site: Site) -> None:
    answers: dict[str, str] = {}

    @site.app.get("/answers/<id>")
    def answer(id: str) -> str:
        return answers[id]

    site.view(
        lambda: ["saved ", "words"],
        on_finish=lambda result: answers.update({result.id: result.text}),
        no_js=lambda result: redirect(url_for("answer", id=result.id)),
    )
    response = sent(site, follow_redirects=True)
    assert (response.text, response.request.method) == ("saved words", "GET")


def test_changes_of_the_session_are_kept(site: Site) -> None:
    def page(result: Result) -> Any:
        session["last"] = result.text
        flash("Answered")
        return redirect("/last")

    @site.app.get("/last")
    def last() -> list[str]:
        return [session["last"], *get_flashed_messages()]

    site.view(lambda: ["words"], no_js=page)
    assert sent(site, follow_redirects=True).json == ["words", "Answered"]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (StreamFailed("Gone.", error_code="timeout"), 504),
        (StreamFailed("Gone.", error_code="overloaded"), 503),
        (StreamFailed("Gone.", error_code="quota"), 400),
        (ZeroDivisionError(), 500),
    ],
)
def test_a_run_that_failed_after_its_first_word_has_a_page_too(
    site: Site, error: Exception, status: int
) -> None:
    def view() -> Iterator[str]:
        yield "half"
        raise error

    site.view(view, no_js=lambda result: f"{result.outcome}: {result.text}, {result.error.code}")
    response = sent(site)
    assert response.status_code == status
    assert response.text.startswith("failed: half, ")


def test_a_callback_that_failed_shows_in_the_result(site: Site) -> None:
    def save(result: Result) -> None:
        raise OSError("disk full")

    site.view(lambda: ["words"], on_finish=save, no_js=lambda result: result.error.message)
    response = sent(site)
    assert (response.status_code, response.text) == (500, "Something went wrong on the server.")


def test_a_failure_before_the_first_word_is_for_the_errorhandlers(site: Site) -> None:
    def view() -> Iterator[str]:
        raise StreamFailed("Too long.", error_code="too_long")
        yield

    site.view(view, no_js=lambda result: pytest.fail("there was no run"))
    response = sent(site)
    assert (response.status_code, response.mimetype) == (400, HTML)
    assert "Too long." in response.text


def test_the_providers_connection_is_closed_before_it_is_called(
    site: Site, provider: Provider
) -> None:
    answers: list[requests.Response] = []

    def view() -> requests.Response:
        answers.append(provider.post("openai_chat"))
        return answers[0]

    def page(result: Result) -> str:
        assert answers[0].raw.closed
        return result.text

    provider.play(told("openai_chat"))
    site.view(view, no_js=page)
    assert sent(site).text == TEXT


# -- views that call each other ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("outer", "inner", "shown"),
    [(True, True, "outer"), (True, False, "outer"), (False, True, "inner")],
)
def test_of_views_that_call_each_other_the_outermost_that_has_one_makes_the_page(
    site: Site, outer: bool, inner: bool, shown: str
) -> None:
    def page(name: str) -> Callable[[Result], str]:
        return lambda result: f"{name}: {result.text}"

    called = site.stream.response(no_js=page("inner") if inner else None)(lambda: ["words"])
    site.view(lambda: called(), no_js=page("outer") if outer else None)
    assert sent(site).text == f"{shown}: words"


# -- a browser --------------------------------------------------------------------------------


@pytest.mark.browser
def test_a_form_works_in_a_browser_without_javascript(
    browser: Browser, serve: Callable[[Flask], str]
) -> None:
    app = Flask("site")
    stream = FlaskStream(app)
    answers: list[str] = []

    @app.get("/")
    def index() -> str:
        return render_template_string("""<!doctype html><title>Ask</title>{{ stream_script() }}
            <form id=ask method=post action="/ask">
              <input name=question aria-label=Question> <button>Ask</button>
              <button formaction="/plain">Plainly</button>
            </form>
            <flask-stream form=ask></flask-stream>""")

    def answer() -> Iterator[str]:
        yield "You asked: "
        yield f"{request.form['question']}\n\nYes."

    def save(result: Result) -> None:
        answers.append(result.text)

    app.post("/ask")(
        stream.response(
            on_finish=save, no_js=lambda result: redirect(url_for("saved", number=len(answers)))
        )(answer)
    )
    app.add_url_rule("/plain", "plain", stream.response(answer), methods=["POST"])

    @app.get("/answers/<int:number>")
    def saved(number: int) -> str:
        page = "<!doctype html><title>Saved</title><pre>{{ text }}</pre>"
        return render_template_string(page, text=answers[number - 1])

    base = serve(app)
    context = browser.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        for button in ("Ask", "Plainly"):
            page.goto(base)
            page.get_by_label("Question").fill("<b>Why?</b>")
            page.get_by_role("button", name=button).click()
            page.get_by_text("You asked: <b>Why?</b>").wait_for()
            if button == "Ask":
                assert page.url == f"{base}answers/1"
                page.reload()  # the question is not asked again
        assert page.locator("p").all_inner_texts() == ["You asked: <b>Why?</b>", "Yes."]
        assert answers == ["You asked: <b>Why?</b>\n\nYes."]
    finally:
        context.close()
