"""`STREAM_GETTEXT`: what Flask-Stream itself says is in the language of the reader who gets it."""

from __future__ import annotations

import ast
import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from flask import Flask, Response, abort, g, request, session
from flask_babel import lazy_gettext
from werkzeug.exceptions import NotAcceptable

from flask_stream import (
    ConfigurationError,
    FlaskStream,
    ProviderError,
    Result,
    StreamFailed,
    advice,
    texts,
)
from flask_stream.errors import SAFE_MESSAGES, Refused
from flask_stream.words import say
from tests.catalogues import LABELS
from tests.conftest import ROOT, Site, said

OVERLOADED = SAFE_MESSAGES["overloaded"]
FORMATS = ["text/event-stream", "application/json", "text/html"]


def german(text: str) -> str:
    """Good enough to be told from English."""
    return f"Auf Deutsch: {text}"


@pytest.fixture(autouse=True)
def _logged_once_in_each_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advice, "_said", set())


@pytest.fixture
def site(site: Site) -> Site:
    site.app.config["STREAM_GETTEXT"] = german
    return site


def failing(site: Site, error: Exception, **options: Any) -> None:
    """A view whose run fails by this, behind a word."""

    @site.view(**options)
    def view() -> Iterator[str]:
        yield "One."
        raise error


def refusing(site: Site, error: Callable[[], Exception], **options: Any) -> None:
    @site.view(**options)
    def view() -> Any:
        raise error()


# -- the setting ------------------------------------------------------------------------------


async def later(text: str) -> str:
    return text


@pytest.mark.parametrize("value", ["de", 1, False, {}, later, partial(later)])
def test_what_is_no_function_is_refused_at_start_up(value: Any) -> None:
    app = Flask("site")
    app.config["STREAM_GETTEXT"] = value
    with pytest.raises(ConfigurationError, match=r"^STREAM_GETTEXT is .*no async def.*gettext\.$"):
        FlaskStream(app)


def test_without_it_all_is_english(site: Site) -> None:
    site.app.config["STREAM_GETTEXT"] = None
    failing(site, ProviderError("overloaded"))
    assert site.events()[-1][1]["message"] == OVERLOADED


# -- an answer that fails ---------------------------------------------------------------------


@pytest.mark.parametrize("code", SAFE_MESSAGES)
def test_a_failure_is_told_in_the_readers_language_and_kept_in_english(
    site: Site, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    results: list[Result] = []
    failing(site, ProviderError(code), on_finish=results.append)
    with caplog.at_level(logging.INFO, "flask_stream"):
        name, failed = site.events()[-1]
    assert (name, failed["code"]) == ("failed", code)
    assert failed["message"] == german(SAFE_MESSAGES[code])
    [result] = results
    assert result.error is not None
    assert result.error.message == SAFE_MESSAGES[code]
    assert "Deutsch" not in caplog.text


def test_so_it_is_in_json(site: Site) -> None:
    failing(site, ProviderError("overloaded"))
    answer = site.ask(headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json["outcome"]) == (503, "failed")
    assert answer.json["error"] == {
        "code": "overloaded",
        "message": german(OVERLOADED),
        "retryable": True,
    }


def test_so_it_is_on_the_page(site: Site) -> None:
    failing(site, ProviderError("overloaded"))
    page = site.ask(headers={"Accept": "text/html"})
    assert f"<p role=alert>{german(OVERLOADED)}</p>" in page.text


def test_so_it_is_on_a_page_of_the_apps_own_behind_the_callbacks(site: Site) -> None:
    seen: list[str] = []

    def note(result: Result) -> str:
        assert result.error is not None
        seen.append(result.error.message)
        return f"{result.text} {result.error.message}"

    failing(site, ProviderError("overloaded"), on_finish=note, no_js=note)
    page = site.ask(headers={"Accept": "text/html"})
    assert (page.status_code, page.text) == (503, f"One. {german(OVERLOADED)}")
    assert seen == [OVERLOADED, german(OVERLOADED)]


def test_a_bug_is_told_so_too(site: Site) -> None:
    failing(site, KeyError("secret"))
    assert site.events()[-1][1]["message"] == german(SAFE_MESSAGES["internal"])


def test_so_is_what_a_generator_aborts_with_where_the_words_are_ours(site: Site) -> None:
    @site.view
    def view() -> Iterator[str]:
        yield "One."
        abort(401)

    assert site.events()[-1][1]["message"] == german(texts.SIGN_IN)


def test_in_debug_mode_the_exceptions_own_text_stays(site: Site) -> None:
    site.app.debug = True
    failing(site, KeyError("which"))
    internal = german(SAFE_MESSAGES["internal"])
    assert site.events()[-1][1]["message"] == f"{internal} [debug: KeyError: 'which']"


@pytest.mark.parametrize(
    "error", [StreamFailed("Quota used up."), StreamFailed("Full.", error_code="overloaded")]
)
@pytest.mark.parametrize("accept", FORMATS)
def test_what_the_app_says_is_left_alone(site: Site, error: StreamFailed, accept: str) -> None:
    failing(site, error)
    answer = site.ask(headers={"Accept": accept})
    assert error.message in answer.text
    assert "Deutsch" not in answer.text


def test_an_answer_that_does_not_fail_asks_for_nothing(site: Site) -> None:
    asked: list[str] = []
    site.app.config["STREAM_GETTEXT"] = asked.append
    site.view(lambda: ["One ", "two."])
    assert said(site.events()) == "One two."
    assert site.ask(headers={"Accept": "application/json"}).json["error"] is None
    assert asked == []


def test_it_is_asked_in_the_request_as_the_view_has_left_it(site: Site) -> None:
    def by_view(text: str) -> str:
        return f"{g.language} {session['who']} {request.endpoint}: {text}"

    site.app.config["STREAM_GETTEXT"] = by_view

    @site.view
    def view() -> Iterator[str]:
        g.language, session["who"] = "de", "ann"
        yield "One."
        g.language = "fr"
        raise ProviderError("overloaded")

    assert site.events()[-1][1]["message"] == f"fr ann view: {OVERLOADED}"


# -- before the first byte --------------------------------------------------------------------


@pytest.mark.parametrize("accept", [*FORMATS, "text/plain"])
@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (lambda: ProviderError("overloaded"), 503, OVERLOADED),
        (lambda: Refused(texts.GONE, error_code="gone", status=404), 404, texts.GONE),
    ],
)
def test_a_refusal_is_told_in_the_readers_language_and_logged_in_english(
    site: Site,
    accept: str,
    error: Callable[[], Exception],
    status: int,
    message: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    refusing(site, error)
    answer = site.ask(headers={"Accept": accept})
    assert (answer.status_code, german(message) in answer.text) == (status, True)
    assert "Deutsch" not in caplog.text
    assert message in caplog.text


def test_an_errorhandler_gets_it_so(site: Site) -> None:
    @site.app.errorhandler(ProviderError)
    def shown(error: ProviderError) -> tuple[str, int]:
        return f"{error.message} / {error.description} / {error.error_code}", 502

    refusing(site, lambda: ProviderError("auth"))
    message = german(SAFE_MESSAGES["auth"])
    assert site.ask().text == f"{message} / {message} / auth"


def test_what_the_app_refuses_with_is_left_alone(site: Site) -> None:
    @site.view
    def view() -> Any:
        if "status" in request.args:
            abort(Response("mine", 403))
        if "code" in request.args:
            abort(int(request.args["code"]), "No more today.")
        raise StreamFailed("Please ask something shorter.")

    assert site.ask().json["message"] == "Please ask something shorter."
    assert site.ask(query_string={"code": 403}).json["message"] == "No more today."
    assert site.ask(query_string={"status": 1}).text == "mine"


def test_a_login_that_refuses_without_words_is_told_in_ours(site: Site) -> None:
    site.view(lambda: abort(401))
    assert site.ask().json["message"] == german(texts.SIGN_IN)


def test_a_bug_before_the_first_byte_is_told_so(site: Site) -> None:
    refusing(site, lambda: KeyError("secret"))
    answer = site.ask()
    assert (answer.status_code, answer.json["message"]) == (500, german(SAFE_MESSAGES["internal"]))


def test_in_debug_mode_a_refusal_keeps_its_tail(site: Site) -> None:
    site.app.debug = True
    refusing(site, lambda: ProviderError("auth", detail="a key is wrong"))
    message = german(SAFE_MESSAGES["auth"])
    assert site.ask().json["message"] == f"{message} [debug: a key is wrong]"


def test_a_page_of_another_site_is_refused_so(site: Site) -> None:
    site.view(lambda: ["One."])
    asked = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    answer = site.ask(headers=asked)
    assert (answer.status_code, answer.json["message"]) == (403, german(texts.OTHER_SITE))


def test_one_stream_too_many_is_refused_so(site: Site, own_watcher: None) -> None:
    site.app.config["STREAM_MAX_CONCURRENT"] = 1
    site.view(lambda: ["One."])
    with site.ask(buffered=False):
        answer = site.ask()
    assert (answer.status_code, answer.json["message"]) == (503, german(texts.TOO_MANY_HERE))


def test_values_are_put_in_behind_the_translation(site: Site) -> None:
    asked: list[str] = []

    def swapped(text: str) -> str:
        asked.append(text)
        return "{characters} Zeichen hat {header}, und {most} darf es haben."

    site.app.config["STREAM_GETTEXT"] = swapped
    site.view(lambda: ["One."])
    answer = site.ask(headers={"Flask-Stream-Submission": "s" * 300})
    assert answer.json["message"] == (
        "300 Zeichen hat Flask-Stream-Submission, und 255 darf es haben."
    )
    assert asked == [texts.NO_SUBMISSION]


def test_no_format_that_fits_is_told_with_the_list(site: Site) -> None:
    site.view(lambda: ["One."])
    answer = site.ask(headers={"Accept": "image/png"})
    assert answer.status_code == 406
    assert answer.json["message"].startswith("Auf Deutsch: This route cannot answer with")
    assert "text/event-stream, application/json" in answer.json["message"]


def test_no_format_that_fits_is_a_406_for_errorhandlers(site: Site) -> None:
    @site.app.errorhandler(NotAcceptable)
    def shown(error: NotAcceptable) -> tuple[str, int]:
        return f"mine: {error.description}", 406

    site.view(lambda: ["One."])
    answer = site.ask(headers={"Accept": "image/png"})
    assert answer.text.startswith("mine: Auf Deutsch: This route cannot answer with")


def test_a_view_that_calls_another_one_sees_english_and_its_reader_does_not(site: Site) -> None:
    seen: list[str] = []

    @site.stream.response
    def inner() -> Any:
        raise ProviderError("overloaded")

    @site.view
    def outer() -> Any:
        try:
            return inner()
        except ProviderError as error:
            seen.append(error.message)
            raise

    assert site.ask().json["message"] == german(OVERLOADED)
    assert seen == [OVERLOADED]


# -- a function that fails --------------------------------------------------------------------


def raising(text: str) -> str:
    raise LookupError(text)


@pytest.mark.parametrize(
    "broken",
    [
        raising,
        lambda text: None,
        lambda text: text.encode(),
        lambda text: lazy_gettext(text),
        lambda: "takes nothing",
        lambda text: "{nothing} {of} {these}" if "{" in text else raising(text),
    ],
    ids=["raises", "None", "bytes", "lazy", "takes nothing", "other names"],
)
def test_a_function_that_fails_leaves_it_english_and_is_logged_once(
    site: Site, broken: Any, caplog: pytest.LogCaptureFixture
) -> None:
    site.app.config["STREAM_GETTEXT"] = broken
    results: list[Result] = []
    failing(site, ProviderError("overloaded"), on_finish=results.append)
    assert site.events()[-1][1]["message"] == OVERLOADED
    page = site.ask(headers={"Accept": "text/html"})
    assert f"<p role=alert>{OVERLOADED}</p>" in page.text
    refused = site.ask(headers={"Flask-Stream-Attempt": "none"})
    assert refused.json["message"].startswith("Flask-Stream-Attempt must be a whole number from 1")
    assert [result.outcome for result in results] == ["failed", "failed"]
    told = [record for record in caplog.records if "STREAM_GETTEXT failed" in record.getMessage()]
    assert len(told) == 1


def test_what_it_returns_is_a_plain_str(site: Site) -> None:
    class Said(str):
        def __html__(self) -> str:
            return f"<b>{self}</b>"

    site.app.config["STREAM_GETTEXT"] = Said
    failing(site, ProviderError("overloaded"))
    assert "<b>" not in site.ask(headers={"Accept": "text/html"}).text


# -- say --------------------------------------------------------------------------------------


def test_say_is_for_code_that_runs_in_a_request(site: Site) -> None:
    with site.app.test_request_context():
        assert say("Send") == german("Send")
        assert say("{count} left of {text}", count=3, text="{all}") == german("3 left of {all}")
        site.app.config["STREAM_GETTEXT"] = None
        assert say("Send") == "Send"
        assert say("{count} left", count=3) == "3 left"
        assert say("a {brace}") == "a {brace}"


# -- the texts --------------------------------------------------------------------------------


def calls_of(*names: str) -> Iterator[ast.Call]:
    """Each call of one of these in the package."""
    for path in sorted((ROOT / "flask_stream").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in names:
                yield node


def test_whatever_the_package_says_to_a_reader_is_among_the_texts() -> None:
    """A text that is written where it is said would be in no catalogue."""
    for call in calls_of("say", "Refused", "Full", "RunError", "StreamFailed", "NotAcceptable"):
        assert not isinstance(call.args[0], ast.JoinedStr), ast.unparse(call)
        if isinstance(call.args[0], ast.Constant):
            assert call.args[0].value in (*texts.MESSAGES, *LABELS), ast.unparse(call)


def test_no_two_texts_are_the_same() -> None:
    every = (*texts.MESSAGES, *LABELS)
    assert len(set(every)) == len(every) > len(SAFE_MESSAGES)
