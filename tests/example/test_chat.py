"""The chat, through Flask's own test client."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from markupsafe import escape

from example_app import database
from example_app.canned_answers import HAIKU
from example_app.canned_provider import CannedProvider
from tests.example.asking import (
    BY_A_BROWSER,
    Listener,
    asked_again,
    chat,
    data_of,
    events,
    notes,
    post,
    questions,
    sign_in,
    submit,
    token,
    turns,
    words,
)
from tests.example.said import first_half
from tests.example.waiting import wait_for


@pytest.fixture
def client(reader: FlaskClient) -> FlaskClient:
    return reader


def titles(client: FlaskClient) -> list[str]:
    """The conversations at the side, and which of them is shown."""
    page = client.get(chat(client)).text
    listed = page[page.index('<nav class="conversations"') :]
    return re.findall(r"<a [^>]*>([^<]+)</a>", listed[: listed.index("</nav>")])


# -- posting ----------------------------------------------------------------------------


def test_an_answer_is_streamed_and_saved(client: FlaskClient) -> None:
    response = post(client, "/chat", "A haiku, please")

    assert words(response) == HAIKU
    assert events(response)[-1][0] == "done"
    assert turns(client) == [("user", "A haiku, please"), ("model", HAIKU)]
    page = client.get(chat(client)).text
    assert 'data-model="canned-1" data-at="20' in page
    assert notes(client) == []


def test_without_javascript_the_form_leads_back_to_the_page_with_the_answer(
    client: FlaskClient,
) -> None:
    response = post(client, "/chat", "A haiku, please", accept=BY_A_BROWSER)

    assert response.location == f"{chat(client)}#end"
    assert 'id="end"' in client.get(chat(client)).text
    assert turns(client)[-1] == ("model", HAIKU)


def test_a_suggestion_is_a_button_that_works_without_javascript(client: FlaskClient) -> None:
    url = chat(client)
    assert 'name="question" value="A haiku about waiting"' in client.get(url).text
    submit(client, url, question=["A haiku about waiting", ""])  # and the empty field

    assert turns(client)[-1] == ("model", HAIKU)


def test_done_means_that_the_chat_is_saved(client: FlaskClient) -> None:
    response = post(client, "/chat", "A haiku, please")

    for chunk in response.iter_encoded():
        if b"event: done" in chunk:
            break
    assert turns(client)[-1] == ("model", HAIKU)
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

    name, data = events(response)[-1]
    assert words(response) == first_half(prompt)
    assert (name, data["message"]) == ("failed", message)
    assert turns(client)[-1] == ("model", words(response))
    assert notes(client) == [message]


def begun(client: FlaskClient, question: str) -> str:
    """Ask, read the first words and leave; give the run's address."""
    response = post(client, "/chat", question)
    received = b""
    for chunk in response.iter_encoded():
        received += chunk
        if b"event: text" in received:
            break
    response.close()
    found = re.search(rb'"url":"([^"]+)"', received)
    assert found is not None
    return found[1].decode()


def test_an_answer_whose_reader_reloads_the_page_goes_on(client: FlaskClient) -> None:
    url = begun(client, "a long hold")
    assert f'resume="{url}"' in client.get(chat(client)).text
    assert turns(client) == [("user", "a long hold")]
    client.post(f"{url}/stop", data={"csrf_token": token(client)})
    assert words(client.get(url)).startswith(first_half("a long hold").split()[0])
    assert 'resume="server"' in client.get(chat(client)).text


def test_a_reader_has_his_answer_on_another_device_and_nobody_else_has_it(
    app: Flask, client: FlaskClient
) -> None:
    url = begun(client, "a long hold")
    elsewhere, stranger = sign_in(app.test_client(), "Ada"), sign_in(app.test_client(), "bob")

    assert f'resume="{url}"' in elsewhere.get(chat(elsewhere)).text
    assert stranger.get(url).status_code == 404
    data = {"csrf_token": token(stranger)}
    assert stranger.post(f"{url}/stop", data=data).status_code == 404
    data = {"csrf_token": token(elsewhere)}
    assert elsewhere.post(f"{url}/stop", data=data).status_code == 204


def test_an_answer_that_is_stopped_is_kept_as_far_as_it_came(
    canned: CannedProvider, client: FlaskClient
) -> None:
    url = begun(client, "a long hold")
    assert client.post(f"{url}/stop", data={}).status_code == 400  # without its CSRF token
    client.post(f"{url}/stop", data={"csrf_token": token(client)})
    assert events(client.get(url))[-1][1]["stop_reason"] == "stopped"
    assert notes(client) == ["Stopped."]
    assert turns(client)[-1][1].startswith(first_half("a long hold").split()[0])
    wait_for(lambda: canned.log.entries()[-1]["event"] == "client left")


def test_an_answer_whose_worker_was_killed_is_said_to_be_interrupted(
    app: Flask, client: FlaskClient
) -> None:
    post(client, "/chat", "A haiku").get_data()
    with app.app_context(), database.connect() as db:
        db.execute("UPDATE question SET outcome = NULL")

    assert notes(client) == ["This answer was interrupted."]


def test_a_rate_limit_is_an_http_error_and_leaves_no_turn_behind(
    canned: CannedProvider, client: FlaskClient
) -> None:
    response = post(client, "/chat", "rate limit")

    assert response.status_code == 503
    assert response.headers["Retry-After"] == str(canned.retry_after)
    assert response.json["code"] == "rate_limited"
    assert turns(client) == []


# -- asked again ------------------------------------------------------------------------


def test_a_question_that_is_asked_again_takes_its_own_place(
    app: Flask, client: FlaskClient
) -> None:
    listener = Listener(app, *(["One."], ["Two."], ["Three."], ["Two, again."]))
    for attempt, question in enumerate(("one", "two", "three")):
        asked_again(client, f"id-{attempt}", 1, question).get_data()
    asked_again(client, "id-1", 2, "two, in other words").get_data()

    assert turns(client) == [
        *(("user", "one"), ("model", "One.")),
        *(("user", "two, in other words"), ("model", "Two, again.")),
    ]
    assert [message["content"] for message in listener.asked[-1]] == [
        *("one", "One.", "two, in other words")
    ]


def test_a_question_whose_first_attempt_never_arrived_is_one_like_others(
    app: Flask, client: FlaskClient
) -> None:
    Listener(app, ["One."], ["Two."])
    post(client, "/chat", "one").get_data()
    asked_again(client, "lost", 2, "two").get_data()

    assert questions(client) == ["one", "two"]


def test_what_is_refused_when_asked_again_changes_nothing(client: FlaskClient) -> None:
    asked_again(client, "a", 1, "A haiku").get_data()
    assert asked_again(client, "a", 2, "A rate limit").status_code == 503

    assert turns(client) == [("user", "A haiku"), ("model", HAIKU)]


def test_an_answer_that_was_dropped_is_not_saved_when_it_ends(
    canned: CannedProvider, client: FlaskClient
) -> None:
    first = asked_again(client, "a", 1, "a long hold")
    wait_for(lambda: canned.log.entries()[-1]["event"] == "held")
    asked_again(client, "a", 2, "A haiku").get_data()
    canned.release()
    first.get_data()

    assert turns(client) == [("user", "A haiku"), ("model", HAIKU)]


# -- what comes with an answer ----------------------------------------------------------


def test_a_conversation_is_called_by_its_first_question(app: Flask, client: FlaskClient) -> None:
    Listener(app, ["One."], ["Two."], ["One, again."])
    assert titles(client) == ["New conversation"]
    first = asked_again(client, "a", 1, "  Why <b>\n are words that are cut still words? They are.")
    assert data_of(first, "title") == ["Why <b> are words that are cut still words?…"]
    assert titles(client) == ["Why &lt;b&gt; are words that are cut still words?…"]
    assert data_of(asked_again(client, "b", 1, "Something else"), "title") == []
    assert data_of(asked_again(client, "a", 2, "Ḥ" * 60), "title") == ["Ḥ" * 48 + "…"]
    assert titles(client) == ["Ḥ" * 48 + "…"]


def test_the_canned_provider_says_what_may_be_asked_next(app: Flask, client: FlaskClient) -> None:
    response = post(client, "/chat", "A long answer in Markdown")
    (next_ones,) = data_of(response, "suggestions")
    assert len(next_ones) == 3
    assert "A long answer in Markdown" not in next_ones

    Listener(app, ["Hello."])
    assert data_of(post(client, "/chat", "one"), "suggestions") == []


def test_an_answer_is_rated_and_the_page_shows_it(client: FlaskClient) -> None:
    asked_again(client, "a", 1, "A haiku").get_data()
    url = chat(client)
    assert f'feedback="{url}/rate"' in client.get(url).text

    def rate(value: str, submission: str = "a") -> int:
        headers = {"X-CSRFToken": token(client)}
        form = {"submission": submission, "value": value}
        status: int = client.post(f"{url}/rate", data=form, headers=headers).status_code
        return status

    for value in ("up", "down"):
        assert rate(value) == 204
        assert f'data-rating="{value}"' in client.get(url).text
    assert rate("") == 204
    assert "data-rating" not in client.get(url).text
    assert (rate("best"), rate("up", "another")) == (400, 404)


# -- the conversations ------------------------------------------------------------------


def test_the_model_is_told_what_was_said_before(app: Flask, client: FlaskClient) -> None:
    listener = Listener(app, ["Hel", "lo."], ["Again."])
    post(client, "/chat", "one").get_data()
    post(client, "/chat", "two").get_data()

    assert listener.asked[1] == [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "two"},
    ]


def test_a_new_conversation_begins_empty_and_is_the_first(app: Flask, client: FlaskClient) -> None:
    listener = Listener(app, ["Hello."], ["Again."])
    post(client, "/chat", "one").get_data()
    first = chat(client)
    begun = submit(client, "/chats").location
    assert begun == chat(client) != first
    assert turns(client) == []
    assert submit(client, "/chats").location == begun  # one that is empty is enough
    post(client, "/chat", "two").get_data()

    assert listener.asked[1] == [{"role": "user", "content": "two"}]
    assert titles(client) == ["two", "one"]
    page = client.get(first).text
    assert f'<a href="{first}" aria-current="page" data-chat="title" dir="auto">one</a>' in page
    assert page.count("aria-current") == 3  # beside the page's own, and the language


def test_a_conversation_is_deleted_with_all_that_was_said_in_it(
    app: Flask, client: FlaskClient
) -> None:
    post(client, "/chat", "A haiku").get_data()
    url = chat(client)
    assert client.post(f"{url}/delete").status_code == 400  # without its CSRF token
    assert submit(client, f"{url}/delete").location == "/"

    assert client.get(url).status_code == 404
    assert titles(client) == ["New conversation"]
    with app.app_context(), database.connect() as db:
        assert db.execute("SELECT count(*) FROM question").fetchone()[0] == 0


REQUESTS: list[Callable[[FlaskClient, str], Any]] = [
    lambda client, url: client.get(url),
    lambda client, url: post(client, url, "one"),
    lambda client, url: submit(client, f"{url}/rate", submission="a", value="up"),
    lambda client, url: submit(client, f"{url}/delete"),
]


@pytest.mark.parametrize("request_", REQUESTS)
def test_another_readers_conversation_is_not_there(
    app: Flask, client: FlaskClient, request_: Callable[[FlaskClient, str], Any]
) -> None:
    Listener(app, ["A secret."])
    asked_again(client, "a", 1, "one").get_data()
    url = chat(client)
    stranger = sign_in(app.test_client(), "bob")

    assert request_(stranger, url).status_code == 404
    assert request_(stranger, "/chats/none").status_code == 404
    assert "A secret." not in stranger.get(chat(stranger)).text
    assert turns(client)[-1] == ("model", "A secret.")


def test_what_was_said_is_text_and_never_markup(app: Flask, client: FlaskClient) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    Listener(app, [hostile])
    post(client, "/chat", hostile).get_data()

    page = client.get(chat(client)).text
    assert hostile not in page
    assert page.count(str(escape(hostile))) == 5  # its title in three places, too
