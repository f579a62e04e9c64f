"""The pages and what they post to, through Flask's own test client."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from markupsafe import escape

from example_app import create_app
from example_app.canned_answers import HAIKU, answer_to
from example_app.canned_provider import RETRY_AFTER, CannedProvider
from example_app.provider import Provider
from example_app.source import PAGES
from tests.example.waiting import wait_for

EVERY_PAGE = ["/", "/race", "/source/chat", "/source/race"]


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def token(client: FlaskClient) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/").text)
    assert found is not None
    return found[1]


def post(client: FlaskClient, url: str, question: str, accept: str = "text/event-stream") -> Any:
    form = {"csrf_token": token(client), "question": question}
    return client.post(url, data=form, headers={"Accept": accept})


def events(response: Any) -> list[tuple[str, Any]]:
    found = re.findall(r"^event: (\S+)\ndata: (.*)$", response.text, re.MULTILINE)
    return [(name, json.loads(data)) for name, data in found]


def words(response: Any) -> str:
    return "".join(data["text"] for name, data in events(response) if name == "text")


def notes(client: FlaskClient) -> list[str]:
    return re.findall(r'<p class="note"[^>]*>(.*)</p>', client.get("/").text)


class Listener:
    """A provider that answers with what it is told to, and remembers what it was asked."""

    def __init__(self, app: Flask, *answers: list[str]) -> None:
        self.asked: list[list[dict[str, str]]] = []
        self._answers = iter(answers)
        app.extensions["example_provider"] = Provider("Test", "test-1", self.ask)

    def ask(self, messages: list[dict[str, str]]) -> list[str]:
        self.asked.append(messages)
        return next(self._answers)


# -- the pages --------------------------------------------------------------------------


@pytest.mark.parametrize("url", EVERY_PAGE)
def test_a_page_keeps_to_the_policy_that_it_is_sent_with(client: FlaskClient, url: str) -> None:
    response = client.get(url)

    policy = response.headers["Content-Security-Policy"]
    assert response.status_code == 200
    assert policy.startswith("default-src 'self';")
    assert "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy
    tags = re.findall(r"<[a-z][^>]*>", response.text)
    assert not [tag for tag in tags if re.search(r"\s(style|on\w+)=", tag)]
    assert not [tag for tag in tags if tag.startswith("<style")]
    assert all(" src=" in tag for tag in tags if tag.startswith("<script"))


@pytest.mark.parametrize(("url", "name"), [("/", "chat"), ("/race", "race")])
def test_a_page_links_to_its_own_source(client: FlaskClient, url: str, name: str) -> None:
    assert f'href="/source/{name}"' in client.get(url).text


@pytest.mark.parametrize("name", PAGES)
def test_the_source_of_a_page_is_shown_whole(app: Flask, client: FlaskClient, name: str) -> None:
    shown = client.get(f"/source/{name}").text

    for file in PAGES[name]:
        assert str(escape(Path(app.root_path, file).read_text("utf-8"))) in shown


@pytest.mark.parametrize("name", ["provider", "../security", "..%2fsecurity"])
def test_no_other_source_is_shown(client: FlaskClient, name: str) -> None:
    assert client.get(f"/source/{name}").status_code == 404


def test_a_page_says_that_its_answers_are_canned_and_how_to_change_that(
    app: Flask, client: FlaskClient
) -> None:
    assert "These answers are canned." in client.get("/").text
    assert "ANTHROPIC_API_KEY" in client.get("/race").text

    Listener(app)
    assert "canned" not in client.get("/").text


# -- posting ----------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["/chat", "/race/run", "/new"])
@pytest.mark.parametrize("accept", ["text/event-stream", "text/html"])
def test_a_post_without_the_token_is_refused(
    canned: CannedProvider, client: FlaskClient, url: str, accept: str
) -> None:
    response = client.post(url, data={"question": "hello"}, headers={"Accept": accept})

    assert response.status_code == 400
    assert canned.log.entries() == []
    if accept == "text/event-stream":
        assert response.json is not None
        assert response.json["message"].startswith("This page is out of date.")


@pytest.mark.parametrize("url", ["/chat", "/race/run"])
@pytest.mark.parametrize("question", ["", " \r\n "])
def test_an_empty_question_is_refused_with_words_to_show(
    canned: CannedProvider, client: FlaskClient, url: str, question: str
) -> None:
    response = post(client, url, question)

    assert response.status_code == 400
    assert response.json["message"] == "Type a question first."
    assert canned.log.entries() == []


def test_an_answer_is_streamed_and_saved(client: FlaskClient) -> None:
    response = post(client, "/chat", "A haiku, please")

    assert words(response) == HAIKU
    assert events(response)[-1][0] == "done"
    page = client.get("/").text
    assert "A haiku, please" in page
    assert str(escape(HAIKU)) in page
    output_tokens = len(answer_to("A haiku, please").pieces)
    (note,) = notes(client)
    assert re.fullmatch(
        rf"first word after \d+\.\d s · \d+ input tokens · {output_tokens} output tokens", note
    )


def test_without_javascript_the_form_gets_a_page_and_the_answer_is_saved(
    client: FlaskClient,
) -> None:
    response = post(client, "/chat", "A haiku, please", accept="text/html,*/*;q=0.8")

    assert response.mimetype == "text/html"
    assert all(line in response.text for line in HAIKU.splitlines())
    assert str(escape(HAIKU)) in client.get("/").text


def test_done_means_saved(client: FlaskClient) -> None:
    response = post(client, "/chat", "A haiku, please")

    for chunk in response.iter_encoded():
        if b"event: done" in chunk:
            break
    assert str(escape(HAIKU)) in client.get("/").text
    response.close()


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("cut", "The answer was cut off before its end."),
        ("error", "The AI provider is overloaded right now. Please try again in a moment."),
    ],
)
def test_an_answer_that_fails_is_kept_as_far_as_it_came(
    client: FlaskClient, prompt: str, message: str
) -> None:
    response = post(client, "/chat", prompt)

    pieces = answer_to(prompt).pieces
    name, data = events(response)[-1]
    assert words(response) == "".join(pieces[: len(pieces) // 2])
    assert (name, data["message"]) == ("failed", message)
    assert str(escape(words(response))) in client.get("/").text
    assert notes(client)[0].endswith(message)


def test_an_answer_whose_reader_leaves_is_kept_as_far_as_it_came(
    canned: CannedProvider, client: FlaskClient
) -> None:
    response = post(client, "/chat", "a long hold")
    received = b""
    for chunk in response.iter_encoded():
        received += chunk
        if b"event: text" in received:
            break
    response.close()

    assert notes(client)[0].endswith("stopped")
    first = answer_to("a long hold").pieces[0]
    assert re.search(rf"<div data-turn>{first}", client.get("/").text)
    wait_for(lambda: canned.log.entries()[-1]["event"] == "client left")


def test_a_rate_limit_is_an_http_error_and_the_question_is_kept(client: FlaskClient) -> None:
    response = post(client, "/chat", "rate limit")

    assert response.status_code == 503
    assert response.headers["Retry-After"] == str(RETRY_AFTER)
    assert response.json["code"] == "rate_limited"
    assert "rate limit" in client.get("/").text
    assert notes(client) == ["no answer"]


# -- the conversation -------------------------------------------------------------------


def test_the_model_is_told_what_was_said_before(app: Flask, client: FlaskClient) -> None:
    listener = Listener(app, ["Hel", "lo."], ["Again."])
    post(client, "/chat", "one").get_data()
    post(client, "/chat", "two").get_data()

    assert listener.asked[1] == [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "two"},
    ]


def test_a_new_conversation_begins_empty(app: Flask, client: FlaskClient) -> None:
    listener = Listener(app, ["Hello."], ["Again."])
    post(client, "/chat", "one").get_data()
    response = client.post("/new", data={"csrf_token": token(client)})

    assert response.headers["Location"] == "/"
    assert "Hello." not in client.get("/").text
    post(client, "/chat", "two").get_data()
    assert listener.asked[1] == [{"role": "user", "content": "two"}]


def test_each_browser_has_a_conversation_of_its_own(app: Flask, client: FlaskClient) -> None:
    Listener(app, ["A secret."])
    post(client, "/chat", "one").get_data()

    assert "A secret." not in app.test_client().get("/").text


def test_what_was_said_is_text_and_never_markup(app: Flask, client: FlaskClient) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    Listener(app, [hostile])
    post(client, "/chat", hostile).get_data()

    page = client.get("/").text
    assert hostile not in page
    assert page.count(str(escape(hostile))) == 2


# -- the race ---------------------------------------------------------------------------


def test_the_same_view_streams_and_answers_at_once(client: FlaskClient) -> None:
    streamed = words(post(client, "/race/run", "A haiku"))
    whole = post(client, "/race/run", "A haiku", accept="application/json")

    assert streamed == whole.json["text"] == HAIKU
    assert whole.json["outcome"] == "complete"


def test_a_race_is_no_part_of_the_conversation(client: FlaskClient) -> None:
    post(client, "/race/run", "A haiku").get_data()

    assert notes(client) == []


# -- the factory ------------------------------------------------------------------------


def test_a_restart_keeps_sessions_and_conversations(app: Flask, client: FlaskClient) -> None:
    Listener(app, ["Hello."])
    post(client, "/chat", "one").get_data()
    cookie = client.get_cookie("session")
    assert cookie is not None

    restarted = create_app({"DATABASE": app.config["DATABASE"]}).test_client()
    restarted.set_cookie("session", cookie.value)
    assert "Hello." in restarted.get("/").text


def test_the_environment_configures_the_app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXAMPLE_DATABASE", str(tmp_path / "deep" / "er.sqlite3"))
    monkeypatch.setenv("EXAMPLE_SECRET_KEY", "mine")

    assert create_app().secret_key == "mine"
    assert (tmp_path / "deep" / "er.sqlite3").exists()
