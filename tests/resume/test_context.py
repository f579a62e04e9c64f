"""What a view's generator, and a callback, find of the request once that has ended."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import (
    Flask,
    Response,
    appcontext_popped,
    current_app,
    g,
    has_request_context,
    request,
    session,
    stream_with_context,
)
from flask_login import LoginManager, UserMixin, current_user, login_user
from flask_sqlalchemy import SQLAlchemy

from flask_stream import FlaskStream, advice, after_this_stream
from tests.provider import Exchange, Provider
from tests.resume.conftest import DEADLINE, ResumableSite, events_of, eventually, said, some_of
from tests.servers.talk import ANTHROPIC

HEAD, TAIL, word = ANTHROPIC.head, ANTHROPIC.tail, ANTHROPIC.word


def test_the_generator_goes_on_with_its_request(site: ResumableSite) -> None:
    torn_down: list[str] = []

    @site.app.teardown_request
    def _(error: BaseException | None) -> None:
        torn_down.append(g.get("name", "nobody"))

    may_go_on = threading.Event()

    def view() -> Iterator[str]:
        g.name = request.args["name"]
        session["seen"] = "yes"
        yield "begins "
        may_go_on.wait()
        assert threading.current_thread() is not threading.main_thread()
        yield f"{g.name} {request.args['name']} {session['seen']} {current_app.name}"

    site.view(view)
    reader = site.reader()
    start = some_of(reader.post("/?name=ann"), 2)[0]
    assert torn_down == []
    may_go_on.set()
    events = events_of(reader.get(start.data["url"]))
    assert said(events) == "begins ann ann yes site"
    eventually(lambda: len(torn_down) == 2)  # the second is of the request that followed it
    assert sorted(torn_down) == ["ann", "nobody"]


def test_teardown_runs_once_at_the_runs_end(site: ResumableSite) -> None:
    torn_down: list[str] = []
    site.app.teardown_request(lambda error: torn_down.append("request"))
    site.app.teardown_appcontext(lambda error: torn_down.append("app"))
    may_end = threading.Event()
    popped: list[Any] = []
    appcontext_popped.connect(popped.append, site.app, weak=False)

    def view() -> Iterator[str]:
        yield "begins"
        may_end.wait()

    site.view(view, on_finish=None)
    some_of(site.reader().post("/"), 2)
    assert torn_down == []
    may_end.set()
    eventually(lambda: len(torn_down) == 2)
    assert torn_down == ["request", "app"]
    eventually(lambda: popped)
    assert popped == [site.app]
    assert not has_request_context()
    assert not current_app


def test_the_thread_that_served_the_request_has_nothing_left_of_it(site: ResumableSite) -> None:
    def view() -> Iterator[str]:
        g.left = "over"
        yield "begins"

    site.view(view)
    site.app.add_url_rule("/g", "g", lambda: str(g.get("left")))
    reader = site.reader()
    events_of(reader.post("/"))
    assert not has_request_context()
    assert reader.get("/g").text == "None"


def test_a_providers_stream_keeps_nothing_of_its_request(
    site: ResumableSite, provider: Provider
) -> None:
    """None of the app's code goes on, so its database connection is free at once."""
    may_end = threading.Event()

    def script(exchange: Exchange) -> None:
        exchange.start()
        exchange.send(HEAD + word("begins"))
        may_end.wait(DEADLINE)
        exchange.send(TAIL)
        exchange.end()

    provider.run(script)
    torn_down: list[str] = []
    site.app.teardown_request(lambda error: torn_down.append("request"))
    site.view(lambda: provider.create("anthropic"))
    some_of(site.reader().post("/"), 2)
    assert torn_down == ["request"]
    assert site.finished == []
    may_end.set()
    assert site.outcome() == "complete"


def test_callbacks_have_an_app_context_of_their_own(site: ResumableSite) -> None:
    seen: list[Any] = []

    def finish(result: Any) -> None:
        seen.append((result.text, has_request_context(), current_app.name, g.get("name")))

    def view() -> Iterator[str]:
        g.name = "ann"
        name = g.name
        after_this_stream(lambda result: seen.append((name, result.outcome)))
        yield "one"
        after_this_stream(lambda result: seen.append("registered late"))

    site.view(view, on_finish=finish)
    events_of(site.reader().post("/"))
    assert seen == [("one", False, "site", None), ("ann", "complete"), "registered late"]


def test_a_callback_that_fails_is_internal_and_done_means_saved(site: ResumableSite) -> None:
    def finish(result: Any) -> None:
        raise RuntimeError("full")

    site.view(lambda: iter(["one"]), on_finish=finish)
    events = events_of(site.reader().post("/"))
    assert (events[-1].kind, events[-1].data["code"]) == ("failed", "internal")
    assert said(events) == "one"


def test_a_session_that_is_changed_too_late_is_told(
    site: ResumableSite, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advice, "_said", set())
    is_answered = threading.Event()

    def view() -> Iterator[str]:
        session["early"] = 1
        yield "begins"
        is_answered.wait()
        session["late"] = 1

    site.view(view)
    reader = site.reader()
    response = reader.post("/")
    is_answered.set()
    events_of(response)
    eventually(lambda: [r for r in caplog.records if "session was changed" in r.getMessage()])
    with reader.session_transaction() as kept:
        assert "late" not in kept
        assert kept["early"] == 1


class Shop:
    """An app with users and a database, as people have them."""

    def __init__(self, folder: Path) -> None:
        self.app = Flask("shop")
        self.app.secret_key = "s"
        self.app.config.update(
            SQLALCHEMY_DATABASE_URI=f"sqlite:///{folder / 'shop.sqlite3'}", STREAM_LOG_URL="memory:"
        )
        self.db = db = SQLAlchemy(self.app)
        self.stream = FlaskStream(self.app)
        login = LoginManager(self.app)

        class User(db.Model, UserMixin):  # type: ignore[name-defined,misc]
            id = db.Column(db.Integer, primary_key=True)
            name = db.Column(db.String)

        self.User = User
        login.user_loader(lambda id: db.session.get(User, int(id)))
        with self.app.app_context():
            db.create_all()
            db.session.add(User(name="ann"))
            db.session.commit()

        @self.app.get("/login")
        def log_in() -> str:
            login_user(db.session.get(User, 1))
            return "in"


def test_the_current_user_and_the_database_are_there(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    db, names = shop.db, []

    def finish(result: Any) -> None:
        names.append(bool(current_user))
        db.session.add(shop.User(name=f"saved {result.text}"))
        db.session.commit()

    @shop.app.post("/")
    @shop.stream.response(resumable=True, on_finish=finish)
    def chat() -> Iterator[str]:
        user = current_user.name
        db.session.commit()  # as is advised: it expires what was loaded
        yield f"{user}, "
        yield f"{current_user.name} "
        db.session.add(shop.User(name="bob"))
        db.session.commit()
        yield str(shop.User.query.count())

    reader = shop.app.test_client()
    reader.get("/login")
    events = events_of(reader.post("/"))
    assert said(events) == "ann, ann 2"
    assert names == [False]
    with shop.app.app_context():
        assert shop.User.query.filter_by(name="saved ann, ann 2").count() == 1
    pool = eventually(lambda: shop.app and engine_of(shop))
    eventually(lambda: pool.checkedout() == 0)


def engine_of(shop: Shop) -> Any:
    with shop.app.app_context():
        return shop.db.engine.pool


def test_the_test_clients_with_block_works(site: ResumableSite) -> None:
    def view() -> Iterator[str]:
        g.name = "ann"
        yield "begins"

    site.view(view)
    reader = site.reader()
    with reader:
        events_of(reader.post("/?a=1"))
        assert request.args["a"] == "1"
        assert g.name == "ann"
    assert not has_request_context()
    assert site.outcome() == "complete"


def test_a_view_called_in_a_context_of_the_callers_own(site: ResumableSite) -> None:
    torn_down: list[str] = []
    site.app.teardown_request(lambda error: torn_down.append("request"))

    def view() -> Iterator[str]:
        g.name = "ann"
        yield "begins "
        yield g.name

    site.view(view)
    with site.app.test_request_context("/", method="POST"):
        response = site.app.make_response(site.app.dispatch_request())
        assert b"ann" in b"".join(response.response)
        assert torn_down == []
    assert torn_down == ["request"]


def test_a_method_view_goes_on_too(site: ResumableSite) -> None:
    from flask.views import MethodView

    torn_down: list[str] = []
    site.app.teardown_request(lambda error: torn_down.append("request"))
    may_end = threading.Event()

    class Chat(MethodView):
        @site.stream.response(resumable=True)
        def post(self) -> Iterator[str]:
            g.name = "ann"
            yield "begins "
            may_end.wait()
            yield g.name

    site.app.add_url_rule("/chat", view_func=Chat.as_view("chat"))
    reader = site.reader()
    start = some_of(reader.post("/chat"), 2)[0]
    assert torn_down == []
    may_end.set()
    assert said(events_of(reader.get(start.data["url"]))) == "begins ann"


def test_a_view_whose_decorator_hides_ours_goes_on_too(site: ResumableSite) -> None:
    may_end = threading.Event()
    torn_down: list[str] = []
    site.app.teardown_request(lambda error: torn_down.append(request.path))

    def view() -> Iterator[str]:
        g.name = "ann"
        yield "begins "
        may_end.wait()
        yield f"{g.name} {torn_down.count('/hidden')}"

    streaming = site.stream.response(resumable=True)(view)
    site.app.add_url_rule("/hidden", "hidden", lambda: streaming(), methods=["POST"])
    reader = site.reader()
    start = some_of(reader.post("/hidden"), 2)[0]
    may_end.set()
    assert said(events_of(reader.get(start.data["url"]))) == "begins ann 0"


def test_other_routes_of_the_app_stream_with_their_context(site: ResumableSite) -> None:
    def words() -> Iterator[str]:
        yield request.args["a"]
        yield request.args["a"]

    site.view(lambda: iter(["resumable"]))
    site.app.add_url_rule("/own", "own", lambda: Response(stream_with_context(words())))
    attached = site.stream.response(words)
    site.app.add_url_rule("/attached", "attached", attached, methods=["GET"])
    reader = site.reader()
    assert reader.get("/own?a=b").text == "bb"
    assert "b" in reader.get("/attached?a=b").text
    assert not has_request_context()


def test_an_after_request_function_that_fails_ends_the_run(site: ResumableSite) -> None:
    fails = [True]

    @site.app.after_request
    def _(response: Any) -> Any:
        if fails and request.path == "/":
            raise RuntimeError("of the app's own")
        return response

    site.view(lambda: iter(["one", "two"]))
    reader = site.reader()
    assert reader.post("/", headers={"Idempotency-Key": "k"}).status_code == 500
    assert site.outcome() == "disconnected"
    fails.clear()
    assert said(events_of(reader.post("/", headers={"Idempotency-Key": "k"}))) == "onetwo"
