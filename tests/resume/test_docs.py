"""Every snippet of docs/resume.md runs, and what it says is so."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from anthropic import Anthropic
from flask import Flask, render_template_string, request, session
from flask.testing import FlaskClient
from flask_login import LoginManager, UserMixin, current_user
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect

from flask_stream import after_this_stream
from flask_stream.logs.memory import MemoryLog
from tests.conftest import ROOT
from tests.provider import Exchange, Provider
from tests.resume.conftest import DEADLINE, events_of, eventually, said, some_of
from tests.servers.talk import ANTHROPIC

HEAD, TAIL, word = ANTHROPIC.head, ANTHROPIC.tail, ANTHROPIC.word

DOC = (ROOT / "docs" / "resume.md").read_text("utf-8")


def snippets(language: str) -> list[str]:
    code = re.findall(rf"^```{language}\n(.*?)^```", DOC, re.MULTILINE | re.DOTALL)
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
    app = Flask("site", instance_path=str(tmp_path))
    app.config.update(TESTING=True, SECRET_KEY="s", WTF_CSRF_CHECK_DEFAULT=False)
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path / 'app.sqlite3'}"
    db = SQLAlchemy(app)
    login = LoginManager(app)
    login.user_loader(lambda id: type("User", (UserMixin,), {"id": id})())

    class Turn(db.Model):  # type: ignore[name-defined,misc]
        id = db.Column(db.Integer, primary_key=True)
        user_id = db.Column(db.Integer)
        submission = db.Column(db.String)
        run = db.Column(db.String)
        question = db.Column(db.String)
        answer = db.Column(db.String)
        outcome = db.Column(db.String)

    with app.app_context():
        db.create_all()

    @app.get("/sign-in")
    def sign_in() -> str:
        session["user_id"] = 7
        return ""

    names: dict[str, Any] = {
        "app": app,
        "csrf": CSRFProtect(app),
        "db": db,
        "Turn": Turn,
        "MyLog": lambda folder: MemoryLog(),
        "claude": Anthropic(base_url=provider.base, api_key="none", max_retries=0),
        "request": request,
        "session": session,
        "current_user": current_user,
        "after_this_stream": after_this_stream,
        "render_template": lambda _, **names: render_template_string(snippets("html")[1], **names),
    }
    exec("\n".join(snippets("python")), names)
    yield names
    names["claude"].close()


def test_all_snippets_are_tried() -> None:
    assert set(re.findall(r"^```(\w+)$", DOC, re.MULTILINE)) == {"python", "html"}
    assert (len(snippets("python")), len(snippets("html"))) == (7, 3)


@pytest.mark.parametrize("path", ["/chat", "/chats/42", "/save", "/saved"])
def test_its_views_answer_and_go_on(namespace: dict[str, Any], path: str) -> None:
    reader = namespace["app"].test_client()
    reader.get("/sign-in")
    start, *_, last = events = events_of(reader.post(path, data={"question": "Why?"}))
    assert said(events) == TEXT
    assert said(events_of(reader.get(start.data["url"]))) == TEXT
    assert reader.get(f"{start.data['url']}?after={last.number}").status_code == 204


def test_a_run_is_found_again_by_its_key(namespace: dict[str, Any]) -> None:
    reader = namespace["app"].test_client()
    assert 'resume="server"' in reader.get("/chats/42").text
    start, *_ = events_of(reader.post("/chats/42", data={"question": "Why?"}))
    assert said(events_of(reader.get(f"/chats/42/stream/{start.run}"))) == TEXT
    assert 'resume="server"' in reader.get("/chats/42").text  # it has ended


def test_what_was_taken_in_the_view_is_saved(namespace: dict[str, Any]) -> None:
    app, db, turn = namespace["app"], namespace["db"], namespace["Turn"]
    reader = app.test_client()
    reader.get("/sign-in")
    assert events_of(reader.post("/save", data={"question": "Why?"}))[-1].kind == "done"
    with app.app_context():
        [saved] = db.session.query(turn).all()
        assert (saved.user_id, saved.answer, saved.outcome) == (7, TEXT, "complete")


def turns_of(namespace: dict[str, Any]) -> list[tuple[Any, ...]]:
    db, turn = namespace["db"], namespace["Turn"]
    with namespace["app"].app_context():
        rows = db.session.query(turn).order_by(turn.id)
        return [(row.user_id, row.submission, row.question, row.answer) for row in rows]


def asks(reader: FlaskClient, question: str, submission: str, attempt: int = 1) -> None:
    headers = {"Flask-Stream-Submission": submission, "Flask-Stream-Attempt": str(attempt)}
    answer = reader.post("/saved", data={"question": question}, headers=headers)
    assert events_of(answer)[-1].kind == "done"


def test_what_is_asked_again_is_saved_in_the_place_of_what_was(namespace: dict[str, Any]) -> None:
    ann, bob = (namespace["app"].test_client() for _ in range(2))
    ann.get("/sign-in")
    with bob.session_transaction() as kept:
        kept["user_id"] = 8
    for submission in ("one", "two", "three"):
        asks(ann, f"{submission}?", submission)
    asks(bob, "mine?", "two")
    asks(ann, "two, in other words?", "two", 2)
    assert turns_of(namespace) == [
        (7, "one", "one?", TEXT),
        (8, "two", "mine?", TEXT),
        (7, "two", "two, in other words?", TEXT),
    ]
    asks(ann, "two?", "two", 2)  # of a page that was loaded anew
    asks(ann, "four?", "four", 3)  # whose first two requests never arrived
    assert [question for _, _, question, _ in turns_of(namespace)] == [
        *("one?", "mine?", "two?", "four?")
    ]


def test_the_run_of_an_attempt_before_saves_nothing_any_more(
    namespace: dict[str, Any], provider: Provider
) -> None:
    may_end = threading.Event()

    def slowly(exchange: Exchange) -> None:
        exchange.start()
        exchange.send(HEAD + word("Late."))
        assert may_end.wait(DEADLINE)
        exchange.send(TAIL)
        exchange.end()

    provider.run(slowly, because)
    reader = namespace["app"].test_client()
    reader.get("/sign-in")
    headers = {"Flask-Stream-Submission": "one"}
    late = reader.post("/saved", data={"question": "Why?"}, headers=headers)
    run = some_of(late, 3)[0].run  # and its connection is lost
    asks(reader, "Why?", "one", 2)
    may_end.set()
    assert said(events_of(reader.get(f"/_stream/{run}"))) == "Late."
    assert turns_of(namespace) == [(7, "one", "Why?", TEXT)]


def test_users_have_their_runs_on_every_device(namespace: dict[str, Any]) -> None:
    desk, phone, stranger = (namespace["app"].test_client() for _ in range(3))
    for device in (desk, phone):
        with device.session_transaction() as kept:
            kept["_user_id"] = "ann"
    start, *_ = events_of(desk.post("/chat", data={"question": "Why?"}))
    assert said(events_of(phone.get(start.data["url"]))) == TEXT
    assert stranger.get(start.data["url"]).status_code == 404


def test_stop_may_be_exempt_from_csrf(namespace: dict[str, Any]) -> None:
    app = namespace["app"]
    app.config["WTF_CSRF_CHECK_DEFAULT"] = True
    reader = app.test_client()
    assert reader.post(f"/_stream/{'0' * 32}/stop").status_code == 404


def test_the_default_log_is_a_file_of_the_instance_folder(
    namespace: dict[str, Any], tmp_path: Path
) -> None:
    events_of(namespace["app"].test_client().post("/chat", data={"question": "Why?"}))
    file = tmp_path / "flask-stream.sqlite3"
    assert eventually(file.exists)
    assert file.stat().st_mode & 0o077 == 0
