"""Every snippet of docs/existing-apps.md runs, in an app that was there before."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from anthropic import Anthropic
from flask import Flask, Response, render_template_string, request, session, stream_with_context
from flask_limiter import Limiter
from flask_login import FlaskLoginClient, LoginManager, UserMixin, current_user, login_required
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from flask_wtf.csrf import CSRFError
from playwright.sync_api import Page

from flask_stream import sse
from tests.conftest import ROOT
from tests.provider import Exchange, Provider
from tests.servers.talk import ANTHROPIC

HEAD, TAIL, word = ANTHROPIC.head, ANTHROPIC.tail, ANTHROPIC.word

DOC = ROOT / "docs" / "existing-apps.md"
IMPORTED: dict[str, Any] = {
    "Response": Response,
    "request": request,
    "session": session,
    "stream_with_context": stream_with_context,
    "Limiter": Limiter,
    "FlaskLoginClient": FlaskLoginClient,
    "current_user": current_user,
    "login_required": login_required,
    "CSRFError": CSRFError,
}


def snippets(language: str) -> list[str]:
    code = re.findall(rf"^```{language}\n(.*?)^```", DOC.read_text(), re.MULTILINE | re.DOTALL)
    assert code, language
    return code


def because(exchange: Exchange) -> None:
    exchange.start()
    exchange.send(HEAD + word("Because.\n") + word("It is\nso.") + TAIL)
    exchange.end()


TEXT = "Because.\nIt is\nso."


@pytest.fixture
def namespace(provider: Provider, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """The app that was there, and then all Python snippets from top to bottom."""
    provider.run(because)
    app = Flask("existing")
    app.config["TESTING"] = True
    app.config["SECRET_KEY"] = "for the tests"
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path / 'existing.sqlite3'}"
    db: Any = SQLAlchemy(app)
    CSRFProtect(app)

    class User(UserMixin, db.Model):  # type: ignore[name-defined,misc]
        id = db.Column(db.Integer, primary_key=True)
        name = db.Column(db.String)
        turns = db.relationship("Turn")

    class Turn(db.Model):  # type: ignore[name-defined,misc]
        id = db.Column(db.Integer, primary_key=True)
        user_id = db.Column(db.ForeignKey("user.id"))
        question = db.Column(db.String)
        answer = db.Column(db.String)

    LoginManager(app).user_loader(lambda id: db.session.get(User, int(id)))
    app.add_url_rule("/", "page", lambda: render_template_string(snippets("html")[0]))
    with app.app_context():
        db.create_all()
        db.session.add(User(name="Anna"))
        db.session.commit()
    claude = Anthropic(base_url=provider.base, api_key="none", max_retries=0)
    names = {**IMPORTED, "app": app, "db": db, "claude": claude, "User": User, "Turn": Turn}
    for code in snippets("python"):
        exec(compile(code, DOC.name, "exec"), names)
    yield names
    claude.close()
    with app.app_context():
        db.engine.dispose()


def anna(namespace: dict[str, Any]) -> Any:
    """A client that is signed in, and needs no CSRF token."""
    app = namespace["app"]
    app.config["WTF_CSRF_ENABLED"] = False
    app.test_client_class = FlaskLoginClient
    with app.app_context():
        return app.test_client(user=namespace["db"].session.get(namespace["User"], 1))


def answers(namespace: dict[str, Any]) -> list[list[str]]:
    db, Turn = namespace["db"], namespace["Turn"]
    with namespace["app"].app_context():
        return [[turn.question, turn.answer] for turn in db.session.scalars(db.select(Turn))]


@pytest.mark.parametrize("path", ["/chat", "/research", "/limited", "/answer"])
def test_the_views_of_the_page_on_existing_apps_stream(
    namespace: dict[str, Any], path: str
) -> None:
    response = anna(namespace).post(path, data={"question": "Why?"})
    events = [event.type for event in sse.decode(response.response)]
    assert (response.mimetype, events[-1]) == ("text/event-stream", "done")
    saved = [["Why?", TEXT]] if path in ("/chat", "/research") else []
    assert answers(namespace) == saved


def test_the_view_changes_the_session(namespace: dict[str, Any]) -> None:
    client = anna(namespace)
    client.post("/chat", data={"question": "Why?"}).close()
    with client.session_transaction() as kept:
        assert kept["last_question"] == "Why?"


def test_the_limit_refuses_in_its_own_words(namespace: dict[str, Any]) -> None:
    client = anna(namespace)
    for _ in range(20):
        client.post("/limited", data={"question": "Why?"}).close()
    refused = client.post("/limited", data={"question": "Why?"})
    assert refused.status_code == 429
    assert refused.json["code"] == "rate_limited"
    assert refused.json["message"] == "20 per 1 hour"
    assert int(refused.headers["Retry-After"]) > 0


def test_a_csrf_refusal_is_json(namespace: dict[str, Any]) -> None:
    refused = namespace["app"].test_client().post("/answer", data={"question": "Why?"})
    assert refused.status_code == 400
    assert refused.json["message"].startswith("This page is too old.")


def test_the_test_that_the_page_on_existing_apps_shows_passes(
    namespace: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    namespace["test_chat"](monkeypatch)


def test_by_hand_a_line_break_loses_words(namespace: dict[str, Any]) -> None:
    body = anna(namespace).get("/by-hand?question=Why?").response
    assert [event.data for event in sse.decode(body)] == ["Because.", "It is", "[DONE]"]


def test_each_snippet_is_in_a_language_that_is_tried() -> None:
    fences = re.findall(r"^```(\w+)$", DOC.read_text(), re.MULTILINE)
    assert set(fences) == {"python", "js", "html"}


@pytest.mark.browser
def test_the_page_shows_the_words(
    namespace: dict[str, Any], page: Page, serve: Callable[[Flask], str]
) -> None:
    page.goto(serve(namespace["app"]))
    page.get_by_label("Your question").fill("Why?")
    page.get_by_role("button", name="Ask").click()
    page.locator("flask-stream[data-state=done]").wait_for()
    assert page.locator("flask-stream [data-stream=output]").inner_text() == TEXT


@pytest.mark.browser
def test_the_page_by_hand_loses_words(
    namespace: dict[str, Any], page: Page, serve: Callable[[Flask], str]
) -> None:
    page.goto(serve(namespace["app"]))
    [code] = snippets("js")
    page.evaluate(f"() => {{ const question = 'Why?', output = document.body; {code} }}")
    page.wait_for_function("document.body.textContent.includes('It is')")
    assert "so." not in page.inner_text("body")
