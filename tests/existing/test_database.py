"""What db.session.commit(), close() and neither do to a stream: docs/existing-apps.md says it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_login import LoginManager, UserMixin, current_user, login_required
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm.exc import DetachedInstanceError

from flask_stream import FlaskStream, Result, advice, after_this_stream, stream_started


class Library:
    """An app with one reader, who asks and is answered; the tests look in from the callback.

    :ivar held: how many connections to the database were out when the run ended.
    :ivar seen: what the callback made of its look, or the exception it met.
    """

    def __init__(self, folder: Path, **session_options: Any) -> None:
        self.app = app = Flask("library")
        app.secret_key = "for the session"
        app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{folder / 'library.sqlite3'}"
        self.db: Any = SQLAlchemy(app, session_options=session_options)
        self.stream = FlaskStream(app)
        self.held = -1
        self.seen: Any = None
        login, db = LoginManager(app), self.db

        class Reader(UserMixin, db.Model):  # type: ignore[name-defined,misc]
            id = db.Column(db.Integer, primary_key=True)
            name = db.Column(db.String)
            notes = db.relationship("Note", back_populates="reader")

        class Note(db.Model):  # type: ignore[name-defined,misc]
            id = db.Column(db.Integer, primary_key=True)
            text = db.Column(db.String)
            reader_id = db.Column(db.ForeignKey("reader.id"))
            reader = db.relationship("Reader", back_populates="notes")

        self.Note = Note
        with app.app_context():
            db.create_all()
            db.session.add(Reader(name="Anna", notes=[Note(text="old")]))
            db.session.commit()
            self.pool = db.engine.pool
        login.request_loader(lambda _: db.session.get(Reader, 1))

    def ask(self, let_go: Callable[[Any], object], look: Callable[[Any], Any]) -> None:
        """Ask once: `let_go` of the session before the stream, `look` at a note at its end."""
        db = self.db

        @self.app.get("/")
        @self.stream.response
        @login_required
        def answer() -> list[str]:
            asked = self.Note(reader=current_user._get_current_object(), text="asked")
            db.session.add(asked)
            db.session.flush()

            @after_this_stream
            def save(_: Result) -> None:
                self.held = self.pool.checkedout()
                try:
                    self.seen = look(asked)
                    db.session.commit()
                except Exception as error:
                    self.seen = error

            let_go(db.session)
            return ["A word."]

        assert "event: done" in self.app.test_client().get("/").text
        assert self.pool.checkedout() == 0

    def close(self) -> None:
        with self.app.app_context():
            self.db.engine.dispose()

    def notes(self) -> list[str]:
        with self.app.app_context():
            return list(self.db.session.scalars(self.db.select(self.Note.text)))


MakeLibrary = Callable[..., Library]


@pytest.fixture
def make_library(tmp_path: Path) -> Iterator[MakeLibrary]:
    """A library, with the options of its database sessions."""
    with ExitStack() as libraries:

        def make(**session_options: Any) -> Library:
            library = Library(tmp_path, **session_options)
            libraries.callback(library.close)
            return library

        yield make


@pytest.fixture
def library(make_library: MakeLibrary) -> Library:
    return make_library()


def nothing(session: Any) -> None:
    pass


def commit(session: Any) -> None:
    session.commit()


def close(session: Any) -> None:
    session.close()


def commit_and_close(session: Any) -> None:
    session.commit()
    session.close()


def name(_: Any) -> Any:
    return current_user.name


def notes(_: Any) -> list[str]:
    return [note.text for note in current_user.notes]


def answer(note: Any) -> None:
    note.text = "answered"


@pytest.mark.parametrize(
    ("let_go", "held"), [(nothing, 1), (commit, 0), (close, 0), (commit_and_close, 0)]
)
def test_each_way_to_let_go_gives_the_connection_back(
    library: Library, let_go: Callable[[Any], object], held: int
) -> None:
    library.ask(let_go, nothing)
    assert library.held == held


def test_after_a_commit_everything_goes_on_working(library: Library) -> None:
    library.ask(commit, lambda note: (name(note), notes(note), answer(note)))
    assert library.seen == ("Anna", ["old", "asked"], None)
    assert library.notes() == ["old", "answered"]


def test_close_without_commit_drops_what_was_added(library: Library) -> None:
    library.ask(close, name)
    assert library.seen == "Anna"
    assert library.notes() == ["old"]


def test_after_close_nothing_more_can_be_loaded(library: Library) -> None:
    library.ask(close, notes)
    assert isinstance(library.seen, DetachedInstanceError)


def test_after_commit_and_close_not_even_the_name_is_left(library: Library) -> None:
    library.ask(commit_and_close, name)
    assert isinstance(library.seen, DetachedInstanceError)


def test_after_close_a_change_to_an_object_from_before_is_lost_in_silence(library: Library) -> None:
    library.ask(commit_and_close, answer)
    assert library.seen is None
    assert library.notes() == ["old", "asked"]


def read_again(session: Any) -> None:
    session.commit()
    assert current_user.name == "Anna"


@pytest.mark.parametrize(("expire", "held"), [(True, 1), (False, 0)])
def test_an_attribute_read_after_the_commit_takes_the_connection_again(
    make_library: MakeLibrary, expire: bool, held: int
) -> None:
    library = make_library(expire_on_commit=expire)
    library.ask(read_again, nothing)
    assert library.held == held


def test_one_receiver_lets_go_for_all_streams_of_an_app(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    advised: list[str] = []
    monkeypatch.setattr(advice, "once", lambda what, *_, **__: advised.append(what))

    @stream_started.connect_via(library.app)
    def let_go(_: Flask, **__: Any) -> None:
        library.db.session.commit()

    library.ask(nothing, name)
    assert (library.held, library.seen) == (0, "Anna")
    assert "sqlalchemy" not in advised
