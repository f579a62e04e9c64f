"""Whose a run is: only its owner follows and stops it, and all others are told the same."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from flask import Flask, render_template_string, request

from flask_stream import FlaskStream, FlaskStreamError, SourceError, StreamFailed
from tests.resume.conftest import (
    DEADLINE,
    Paced,
    ResumableSite,
    events_of,
    eventually,
    is_ending,
    said,
    some_of,
)

WORDS = ["Three ", "short ", "words."]


def test_another_session_has_no_such_run(site: ResumableSite) -> None:
    site.view(lambda: iter(WORDS))
    start, *_, last = events_of(site.reader().post("/"))
    url, id = start.data["url"], f"{last.run}.1"
    stranger = site.reader()
    answers = [
        stranger.get(url),
        stranger.get(url, headers={"Last-Event-ID": id}),
        stranger.post("/", headers={"Last-Event-ID": id}),
        stranger.post(f"{url}/stop"),
        stranger.get(f"/_stream/{'0' * 32}"),
        stranger.post(f"/_stream/{'0' * 32}/stop"),
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.get_data() for answer in answers}) == 1
    assert all("no-store" in answer.headers["Cache-Control"] for answer in answers)
    assert not any("Set-Cookie" in answer.headers for answer in answers)


def test_the_log_says_which_it_is(site: ResumableSite, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "flask_stream")
    site.view(lambda: iter(WORDS))
    start = events_of(site.reader().post("/"))[0]
    site.reader().get(start.data["url"])
    site.reader().get(f"/_stream/{'0' * 32}")
    told = [record.getMessage() for record in caplog.records if "not followed" in record.msg]
    assert "another owner's" in told[0]
    assert "there is none" in told[1]


def test_the_app_says_whose(site: ResumableSite) -> None:
    site.stream.owner(lambda: request.headers.get("User"))
    site.view(lambda: iter(WORDS))
    start = events_of(site.reader().post("/", headers={"User": "ann"}))[0]
    url = start.data["url"]
    assert said(events_of(site.reader().get(url, headers={"User": "ann"}))) == "".join(WORDS)
    assert site.reader().get(url, headers={"User": "bob"}).status_code == 404
    assert site.reader().get(url).status_code == 404


def test_there_is_one_function_that_says_whose(site: ResumableSite) -> None:
    site.stream.owner(lambda: "ann")
    with pytest.raises(FlaskStreamError, match="already"):
        site.stream.owner(lambda: "bob")


def test_without_a_secret_key_the_first_request_says_so() -> None:
    app = Flask(__name__)
    app.testing = True
    stream = FlaskStream(app)
    app.post("/")(stream.response(resumable=True)(lambda: ["a"]))
    with pytest.raises(FlaskStreamError, match="SECRET_KEY"):
        app.test_client().post("/")


def test_with_owners_of_the_apps_own_no_secret_key_is_needed(tmp_path: Any) -> None:
    app = Flask(__name__)
    app.config["STREAM_LOG_URL"] = "memory:"
    stream = FlaskStream(app)
    stream.owner(lambda: "ann")
    app.post("/")(stream.response(resumable=True)(lambda: ["a"]))
    assert said(events_of(app.test_client().post("/"))) == "a"


def test_an_owner_has_only_so_many_under_way(site: ResumableSite) -> None:
    may_end = threading.Event()

    def view() -> Iterator[str]:
        yield "one"
        assert may_end.wait(DEADLINE)

    site.view(view, linger=None)
    reader = site.reader()
    for _ in range(100):
        some_of(reader.post("/"), 1)
    answer = reader.post("/")
    assert answer.status_code == 429
    assert answer.get_json()["code"] == "rate_limited"
    may_end.set()
    eventually(lambda: len(site.finished) == 100)
    assert said(events_of(reader.post("/"))) == "one"


def test_stop_ends_it_for_all_and_is_harmless_again(site: ResumableSite) -> None:
    words = Paced(*WORDS)
    site.view(words)
    words.let(1)
    reader = site.reader()
    seen = some_of(reader.post("/"), 2)
    url = seen[0].data["url"]
    following = reader.get(f"{url}?after=2")
    assert reader.post(f"{url}/stop").status_code == 204
    assert reader.post(f"{url}/stop").status_code == 204
    eventually(lambda: is_ending(site))
    words.let(1)  # which has come too late
    [end] = events_of(following)
    assert (end.kind, end.data["stop_reason"]) == ("done", "stopped")
    assert end.data["text_length"] == len(WORDS[0])
    assert site.outcome() == "stopped"
    assert (site.finished[0].text, site.finished[0].stop_reason) == (WORDS[0], "stopped")
    assert words.left
    assert reader.post(f"{url}/stop").status_code == 204  # it has ended
    assert reader.get(f"{url}?after={end.number}").status_code == 204


def test_a_key_of_the_apps_finds_the_run_while_it_is_written(site: ResumableSite) -> None:
    words = Paced(*WORDS)
    streaming = site.stream.response(resumable=True, key="chat:{id}")(lambda id: words())
    site.app.add_url_rule("/chat/<int:id>", "chat", streaming, methods=["POST"])

    @site.app.get("/chat/<int:id>")
    def page(id: int) -> Any:
        run = site.stream.active(f"chat:{id}")
        return {"url": run.url, "id": run.id} if run else {}

    reader = site.reader()
    assert reader.get("/chat/42").get_json() == {}
    words.let(1)
    start = some_of(reader.post("/chat/42"), 2)[0]
    assert reader.get("/chat/42").get_json() == {"url": start.data["url"], "id": start.run}
    assert reader.get("/chat/43").get_json() == {}
    assert site.reader().get("/chat/42").get_json() == {}
    words.let(2)
    eventually(lambda: reader.get("/chat/42").get_json() == {})


def test_a_key_knows_the_arguments_of_a_view_that_takes_any(site: ResumableSite) -> None:
    words = Paced(*WORDS)
    streaming = site.stream.response(resumable=True, key="chat:{id}")(lambda **given: words())
    site.app.add_url_rule("/chat/<int:id>", "chat", streaming, methods=["POST"])
    reader = site.reader()
    words.let(1)
    with reader:
        some_of(reader.post("/chat/42"), 1)
        assert site.stream.active("chat:42") is not None
    words.let(2)


def test_a_key_may_be_made_by_a_function(site: ResumableSite) -> None:
    words = Paced("one", "two")
    site.view(words, key=lambda: "mine")
    reader = site.reader()
    words.let(1)
    with reader:
        some_of(reader.post("/"), 1)
        assert site.stream.active("mine") is not None
    words.let(1)


def test_a_view_of_the_apps_own_follows(site: ResumableSite) -> None:
    site.view(lambda: iter(WORDS))
    site.app.add_url_rule("/mine/<run_id>", "mine", site.stream.follow)
    reader = site.reader()
    start, *_ = events_of(reader.post("/"))
    assert said(events_of(reader.get(f"/mine/{start.run}"))) == "".join(WORDS)
    assert said(events_of(reader.get(f"/mine/{start.run}?after=3"))) == "words."
    header = {"Last-Event-ID": f"{start.run}.2"}
    assert said(events_of(reader.get(f"/mine/{start.run}", headers=header))) == "short words."
    assert site.reader().get(f"/mine/{start.run}").status_code == 404


def test_follow_raises_where_there_is_none(site: ResumableSite) -> None:
    with site.app.test_request_context("/"), pytest.raises(StreamFailed) as caught:
        site.stream.follow("0" * 32)
    assert (caught.value.code, caught.value.error_code) == (404, "gone")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"linger": 5}, "linger= is for runs that outlive"),
        ({"key": "k"}, "key= is for runs that outlive"),
        ({"resumable": True, "linger": -1}, "linger is -1"),
        ({"resumable": True, "linger": True}, "linger is True"),
        ({"resumable": True, "key": ""}, "key is ''"),
        ({"resumable": True, "key": 5}, "key is 5"),
        ({"resumable": 1}, "resumable is 1"),
    ],
)
def test_options_that_cannot_be_used_are_told_where_they_are_written(
    site: ResumableSite, options: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        site.stream.response(**options)


def test_the_script_tag_gives_its_reader_a_key_before_the_first_request(
    site: ResumableSite,
) -> None:
    site.view(lambda: iter(WORDS))
    site.app.add_url_rule("/page", "page", lambda: render_template_string("{{ stream_script() }}"))
    cookie = site.reader().get("/page").headers["Set-Cookie"].partition(";")[0]
    key = {"Idempotency-Key": "k", "Cookie": cookie}
    for _ in range(2):  # two taps, of which neither has the other's answer
        reader = site.app.test_client(use_cookies=False)
        assert said(events_of(reader.post("/", headers=key))) == "".join(WORDS)
    assert site.asked == 1


def test_an_app_without_resumable_routes_gives_no_keys() -> None:
    app = Flask(__name__)
    app.secret_key = "s"
    FlaskStream(app)
    app.add_url_rule("/", "page", lambda: render_template_string("{{ stream_script() }}"))
    assert "Set-Cookie" not in app.test_client().get("/").headers


class Anybody:
    def __str__(self) -> str:
        return "User object"


@pytest.mark.parametrize("told", [Anybody(), True, ["ann"], 1.5])
def test_what_may_be_another_readers_too_is_no_owner(site: ResumableSite, told: Any) -> None:
    site.app.testing = True
    site.stream.owner(lambda: told)
    site.view(lambda: iter(WORDS))
    with pytest.raises(TypeError, match=r"a str, an int or a UUID"):
        site.reader().post("/")


@pytest.mark.parametrize("told", [None, "", False])
def test_nobody_in_particular_is_a_session(site: ResumableSite, told: Any) -> None:
    site.stream.owner(lambda: told)
    site.view(lambda: iter(WORDS))
    url = events_of(site.reader().post("/"))[0].data["url"]
    assert site.reader().get(url).status_code == 404


@pytest.mark.parametrize("told", ["ann", 7, 0, UUID(int=1)])
def test_a_readers_id_may_be_of_several_types(site: ResumableSite, told: Any) -> None:
    site.stream.owner(lambda: told)
    site.view(lambda: iter(WORDS))
    url = events_of(site.reader().post("/"))[0].data["url"]
    assert said(events_of(site.reader().get(url))) == "".join(WORDS)


def test_an_owner_function_that_is_none_is_told_where_it_is_written(site: ResumableSite) -> None:
    async def owner() -> str:
        return "ann"

    for wrong in (owner, "ann"):
        with pytest.raises(SourceError, match=r"plain function"):
            site.stream.owner(wrong)  # type: ignore[type-var]


def test_a_key_that_names_no_argument_says_what_there_is(site: ResumableSite) -> None:
    site.app.testing = True
    streaming = site.stream.response(resumable=True, key="chat:{idd}")(lambda id: iter(WORDS))
    site.app.add_url_rule("/chat/<int:id>", "chat", streaming, methods=["POST"])
    with pytest.raises(FlaskStreamError, match=r"names 'idd', but .* are: id\."):
        site.reader().post("/chat/42")


def test_a_page_that_says_which_run_goes_on_is_kept_by_no_browser(site: ResumableSite) -> None:
    site.app.add_url_rule("/page", "page", lambda: str(site.stream.active("key")))
    assert site.reader().get("/page").headers["Cache-Control"] == "no-store"


def test_a_view_that_calls_a_resumable_one_is_answered_once_too(site: ResumableSite) -> None:
    asked: list[str] = []

    def inner(id: int) -> Any:
        asked.append("inner")
        return iter(WORDS)

    streaming = site.stream.response(resumable=True, key="chat:{id}")(inner)
    outer = site.stream.response(resumable=True)(lambda: streaming(42))
    attached = site.stream.response(lambda: streaming(42))
    views = {"outer": outer, "attached": attached}
    for name, view in views.items():
        site.app.add_url_rule(f"/{name}", name, view, methods=["POST"])
    for name in views:
        reader = site.reader()
        answers = [
            events_of(reader.post(f"/{name}", headers={"Idempotency-Key": "k"})) for _ in range(2)
        ]
        assert [said(answer) for answer in answers] == ["".join(WORDS)] * 2
        assert answers[0][0].run == answers[1][0].run
        assert asked == ["inner"]
        asked.clear()
    keeper = site.app.extensions["flask_stream"].keeper(site.app)
    assert keeper.log.alive() == []


def test_a_view_may_answer_itself_where_the_one_that_it_calls_refuses(site: ResumableSite) -> None:
    inner = site.stream.response(resumable=True)(lambda: {"refused": True})

    def outer() -> Any:
        assert inner() == {"refused": True}
        return iter(WORDS)

    site.view(outer)
    reader = site.reader()
    for _ in range(2):
        assert said(events_of(reader.post("/", headers={"Idempotency-Key": "k"}))) == "".join(WORDS)
    assert site.asked == 1
