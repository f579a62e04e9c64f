"""The chat, through Flask's own test client."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from markupsafe import escape

from example_app.canned_answers import HAIKU
from example_app.canned_provider import CannedProvider
from example_app.canned_wire import pieces
from tests.example.asking import BY_A_BROWSER, Listener, events, post, token, words
from tests.example.said import first_half
from tests.example.waiting import wait_for


def questions(client: FlaskClient) -> list[str]:
    return re.findall(r'<p class="question"[^>]*>(.*)</p>', client.get("/").text)


def notes(client: FlaskClient) -> list[str]:
    return re.findall(r'<p class="note"[^>]*>(.*)</p>', client.get("/").text)


# -- posting ----------------------------------------------------------------------------


def test_an_answer_is_streamed_and_saved(client: FlaskClient) -> None:
    response = post(client, "/chat", "A haiku, please")

    assert words(response) == HAIKU
    assert events(response)[-1][0] == "done"
    page = client.get("/").text
    assert "A haiku, please" in page
    assert str(escape(HAIKU)) in page
    output_tokens = len(pieces(HAIKU))
    (note,) = notes(client)
    assert re.fullmatch(
        rf"first word after \d+\.\d s · \d+ input tokens · {output_tokens} output tokens", note
    )


def test_without_javascript_the_form_leads_back_to_the_page_with_the_answer(
    client: FlaskClient,
) -> None:
    response = post(client, "/chat", "A haiku, please", accept=BY_A_BROWSER)

    assert response.location == "/#latest"
    page = client.get("/").text
    assert 'id="latest">A haiku, please</p>' in page
    assert str(escape(HAIKU)) in page


def test_a_suggestion_is_a_button_that_works_without_javascript(client: FlaskClient) -> None:
    form = {"csrf_token": token(client), "question": "", "suggestion": "A haiku about waiting"}
    client.post("/chat", data=form, headers={"Accept": BY_A_BROWSER})

    assert str(escape(HAIKU)) in client.get("/").text


def test_done_means_that_the_chat_is_saved(client: FlaskClient) -> None:
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

    name, data = events(response)[-1]
    assert words(response) == first_half(prompt)
    assert (name, data["message"]) == ("failed", message)
    assert str(escape(words(response))) in client.get("/").text
    assert notes(client)[0].endswith(message)


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
    page = client.get("/").text
    assert f'resume="{url}"' in page
    assert questions(client) == ["a long hold"]
    assert notes(client) == []
    client.post(f"{url}/stop", data={"csrf_token": token(client)})
    assert words(client.get(url)).startswith(first_half("a long hold").split()[0])
    assert 'resume="server"' in client.get("/").text


def test_an_answer_that_is_stopped_is_kept_as_far_as_it_came(
    canned: CannedProvider, client: FlaskClient
) -> None:
    url = begun(client, "a long hold")
    assert client.post(f"{url}/stop", data={}).status_code == 400  # without its CSRF token
    client.post(f"{url}/stop", data={"csrf_token": token(client)})
    assert events(client.get(url))[-1][1]["stop_reason"] == "stopped"
    assert notes(client)[0].endswith("stopped")
    first = first_half("a long hold").split()[0]
    assert re.search(rf"data-saved>{first}", client.get("/").text)
    wait_for(lambda: canned.log.entries()[-1]["event"] == "client left")


def test_a_rate_limit_is_an_http_error_and_leaves_no_turn_behind(
    canned: CannedProvider, client: FlaskClient
) -> None:
    response = post(client, "/chat", "rate limit")

    assert response.status_code == 503
    assert response.headers["Retry-After"] == str(canned.retry_after)
    assert response.json["code"] == "rate_limited"
    assert questions(client) == []


def test_a_question_that_failed_and_is_asked_again_takes_its_own_place(
    app: Flask, client: FlaskClient
) -> None:
    post(client, "/chat", "A haiku").get_data()
    for _ in range(2):
        post(client, "/chat", "cut").get_data()
    assert questions(client) == ["A haiku", "cut"]

    listener = Listener(app, ["Whole."], ["Whole again."])
    for _ in range(2):
        post(client, "/chat", "cut").get_data()
    assert questions(client) == ["A haiku", "cut", "cut"]
    assert [message["content"] for message in listener.asked[0]] == ["A haiku", HAIKU, "cut"]


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
