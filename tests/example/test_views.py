"""What all pages share, the race and plain EventSource, through Flask's own test client."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from markupsafe import escape

from example_app import create_app
from example_app.canned_answers import HAIKU
from example_app.canned_provider import CannedProvider
from example_app.source import PAGES
from tests.example.asking import BY_A_BROWSER, Listener, chat, post, turns, words

THE_PAGES = {"chat": "/", "race": "/race", "plain": "/plain"}
EVERY_PAGE = [*THE_PAGES.values(), "/sign-in", *(f"/source/{name}" for name in THE_PAGES)]


# -- the pages --------------------------------------------------------------------------


@pytest.mark.parametrize("url", EVERY_PAGE)
def test_a_page_keeps_to_the_policy_that_it_is_sent_with(reader: FlaskClient, url: str) -> None:
    response = reader.get(url, follow_redirects=True)

    policy = response.headers["Content-Security-Policy"]
    assert response.status_code == 200
    assert policy.startswith("default-src 'self';")
    assert "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy
    tags = re.findall(r"<[a-z][^>]*>", response.text)
    assert not [tag for tag in tags if re.search(r"\s(style|on\w+)=", tag)]
    assert not [tag for tag in tags if tag.startswith("<style")]
    assert all(" src=" in tag for tag in tags if tag.startswith("<script"))


@pytest.mark.parametrize("name", THE_PAGES)
def test_a_page_links_to_its_own_source_and_to_all_pages(reader: FlaskClient, name: str) -> None:
    page = reader.get(THE_PAGES[name], follow_redirects=True).text

    assert f'href="/source/{name}"' in page
    for url in THE_PAGES.values():
        assert f'<a href="{url}"' in page
    assert f'<a href="{THE_PAGES[name]}" aria-current="page">' in page


@pytest.mark.parametrize("name", PAGES)
def test_the_source_of_a_page_is_shown_whole(app: Flask, client: FlaskClient, name: str) -> None:
    shown = client.get(f"/source/{name}").text

    for file in PAGES[name]:
        assert str(escape(Path(app.root_path, file).read_text("utf-8"))) in shown


@pytest.mark.parametrize("name", ["provider", "../security", "..%2fsecurity"])
def test_no_other_source_is_shown(client: FlaskClient, name: str) -> None:
    assert client.get(f"/source/{name}").status_code == 404


def test_a_page_says_that_its_answers_are_canned_and_how_to_change_that(
    app: Flask, reader: FlaskClient
) -> None:
    for url in (chat(reader), "/race"):
        assert "These answers are canned." in reader.get(url).text
        assert "ANTHROPIC_API_KEY" in reader.get(url).text

    Listener(app)
    assert "canned" not in reader.get(chat(reader)).text


def test_the_chat_page_has_no_script_of_its_own(reader: FlaskClient) -> None:
    scripts = re.findall(r'<script [^>]*src="([^"]+)"', reader.get(chat(reader)).text)

    assert [script.rpartition("/")[2] for script in scripts] == ["flask-stream-chat.js"]


# -- posting ----------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["/chat", "/race/run", "/chats", "/language", "/sign-in"])
@pytest.mark.parametrize("accept", ["text/event-stream", "text/html"])
def test_a_post_without_the_token_is_refused(
    canned: CannedProvider, reader: FlaskClient, url: str, accept: str
) -> None:
    url = chat(reader) if url == "/chat" else url
    response = reader.post(url, data={"question": "hello"}, headers={"Accept": accept})

    assert response.status_code == 400
    assert canned.log.entries() == []
    if accept == "text/event-stream":
        assert response.json is not None
        assert response.json["message"].startswith("This page is out of date.")


@pytest.mark.parametrize("url", ["/chat", "/race/run"])
@pytest.mark.parametrize("question", ["", " \r\n "])
def test_an_empty_question_is_refused_with_words_to_show(
    canned: CannedProvider, reader: FlaskClient, url: str, question: str
) -> None:
    response = post(reader, url, question)

    assert response.status_code == 400
    assert response.json["message"] == "Type a question first."
    assert canned.log.entries() == []


def test_without_javascript_the_race_gets_the_answer_as_a_page(client: FlaskClient) -> None:
    response = post(client, "/race/run", "How do the words get here?", accept=BY_A_BROWSER)

    assert (response.status_code, response.mimetype) == (200, "text/html")
    assert "<p>" in response.text


TOO_LONG = "That question is too long. Ask in at most 8,000 characters."


@pytest.mark.parametrize("url", ["/chat", "/race/run"])
@pytest.mark.parametrize("characters", [8001, 100_000, 1_000_000])
def test_a_question_that_is_too_long_is_refused_with_words_to_show(
    canned: CannedProvider, reader: FlaskClient, url: str, characters: int
) -> None:
    response = post(reader, url, "?" * characters)

    assert response.status_code == 413
    assert response.json["message"] == TOO_LONG
    assert canned.log.entries() == []


@pytest.mark.parametrize("url", ["/chat", "/race/run"])
@pytest.mark.parametrize("characters", [8001, 100_000, 1_000_000])
def test_without_javascript_too_a_question_that_is_too_long_is_refused_with_those_words(
    canned: CannedProvider, reader: FlaskClient, url: str, characters: int
) -> None:
    response = post(reader, url, "?" * characters, accept=BY_A_BROWSER)

    assert (response.status_code, response.mimetype) == (413, "text/html")
    assert f'<p class="lead">{TOO_LONG}</p>' in response.text
    assert canned.log.entries() == []


def test_the_longest_question_is_answered_in_any_script(app: Flask, reader: FlaskClient) -> None:
    listener = Listener(app, ["Hello."])

    assert words(post(reader, "/chat", "🔦" * 8000)) == "Hello."
    assert listener.asked[0][0]["content"] == "🔦" * 8000


def test_the_plain_views_question_has_the_same_limit(
    canned: CannedProvider, client: FlaskClient
) -> None:
    assert client.get(f"/plain/run?question={'x' * 8001}").json["message"] == TOO_LONG  # type: ignore[index]
    assert client.get("/plain/run?question=").status_code == 400
    assert canned.log.entries() == []


# -- the race ---------------------------------------------------------------------------


def test_the_same_view_streams_and_answers_at_once(client: FlaskClient) -> None:
    streamed = words(post(client, "/race/run", "A haiku"))
    whole = post(client, "/race/run", "A haiku", accept="application/json")

    assert streamed == whole.json["text"] == HAIKU
    assert whole.json["outcome"] == "complete"


def test_a_race_is_no_part_of_a_conversation(reader: FlaskClient) -> None:
    post(reader, "/race/run", "A haiku").get_data()

    assert turns(reader) == []


# -- plain EventSource ------------------------------------------------------------------


def test_the_plain_page_shows_its_whole_script(app: Flask, client: FlaskClient) -> None:
    script = Path(app.root_path, "static/plain.js").read_text("utf-8")

    assert str(escape(script)) in client.get("/plain").text


def test_the_plain_view_streams_what_it_is_asked_by_get(client: FlaskClient) -> None:
    response = client.get("/plain/run?question=A+haiku", headers={"Accept": "text/event-stream"})

    assert words(response) == HAIKU


def test_the_plain_view_answers_no_other_site(canned: CannedProvider, client: FlaskClient) -> None:
    response = client.get("/plain/run?question=A+haiku", headers={"Sec-Fetch-Site": "cross-site"})

    assert response.status_code == 403
    assert canned.log.entries() == []


# -- names ------------------------------------------------------------------------------


@pytest.mark.parametrize("url", [*EVERY_PAGE, "/plain/run?question=A+haiku"])
@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil", "[::"]
)
def test_a_name_that_is_none_of_the_apps_is_refused(
    canned: CannedProvider, client: FlaskClient, url: str, host: str
) -> None:
    assert client.get(url, headers={"Host": host}).status_code == 400
    assert canned.log.entries() == []


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8000", "127.0.0.1:8000", "demo.localhost:80", socket.gethostname()],
)
def test_the_app_answers_to_the_machines_own_names(client: FlaskClient, host: str) -> None:
    assert client.get("/race", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "given", ["a.example,.b.example", " a.example , .b.example,", '["a.example", " .b.example"]']
)
def test_the_environment_says_to_which_names_it_answers_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("EXAMPLE_DATABASE", str(tmp_path / "chat.sqlite3"))
    monkeypatch.setenv("EXAMPLE_TRUSTED_HOSTS", given)
    client = create_app().test_client()

    for host in ("a.example", "a.example:8000", "b.example", "x.b.example", "127.0.0.1"):
        assert client.get("/race", headers={"Host": host}).status_code == 200
    assert client.get("/", headers={"Host": "x.a.example"}).status_code == 400


# -- the factory ------------------------------------------------------------------------


def test_a_restart_keeps_sessions_and_conversations(app: Flask, reader: FlaskClient) -> None:
    Listener(app, ["Hello."])
    post(reader, "/chat", "one").get_data()
    cookie = reader.get_cookie("session")
    assert cookie is not None

    restarted = create_app({"DATABASE": app.config["DATABASE"]}).test_client()
    restarted.set_cookie("session", cookie.value)
    assert turns(restarted) == [("user", "one"), ("model", "Hello.")]


def test_the_environment_configures_the_app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXAMPLE_DATABASE", str(tmp_path / "deep" / "er.sqlite3"))
    monkeypatch.setenv("EXAMPLE_SECRET_KEY", "mine")

    assert create_app().secret_key == "mine"
    assert (tmp_path / "deep" / "er.sqlite3").stat().st_mode & 0o777 == 0o600


def test_a_database_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "chat.sqlite3"
    path.touch(mode=0o644)
    path.chmod(0o644)
    create_app({"DATABASE": str(path)})

    assert path.stat().st_mode & 0o777 == 0o600
