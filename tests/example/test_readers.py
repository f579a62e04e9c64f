"""Signing in by name, and out again."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from example_app.canned_provider import CannedProvider
from tests.example.asking import chat, post, sign_in, submit


def test_the_page_says_that_a_name_is_all_it_asks_for(client: FlaskClient) -> None:
    page = client.get("/sign-in").text

    assert "it asks for no password" in page
    assert 'type="password"' not in page


def test_a_name_leads_to_the_same_conversations_again(app: Flask, client: FlaskClient) -> None:
    sign_in(client, "ada")
    url = chat(client)
    for name in (" ADA ", "ada"):
        assert chat(sign_in(app.test_client(), name)) == url
    assert chat(sign_in(app.test_client(), "ada l")) != url


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "Type a name first."),
        (" \t\n ", "Type a name first."),
        ("a" * 41, "That name is too long: 40 characters at most."),
        ("a\u202eb", "That name has characters that nobody could see."),
        ("a\0b", "That name has characters that nobody could see."),
    ],
)
def test_what_is_no_name_is_refused_in_words(client: FlaskClient, name: str, problem: str) -> None:
    response = submit(client, "/sign-in", name=name)

    assert response.status_code == 400
    assert problem in response.text
    assert client.get("/").location == "/sign-in?next=/"


def test_a_name_is_shown_as_it_was_typed_but_for_its_spaces(client: FlaskClient) -> None:
    sign_in(client, "  <b>Ada</b>   L ")

    assert "<bdi>&lt;b&gt;Ada&lt;/b&gt; L</bdi>" in client.get(chat(client)).text


def test_who_has_signed_in_is_where_he_wanted_to_be(client: FlaskClient) -> None:
    there = sign_in(client).get("/").location
    submit(client, "/sign-out")
    asked = client.get(there).location
    assert asked == f"/sign-in?next={there}"
    assert submit(client, asked, name="ada").location == there


@pytest.mark.parametrize("there", ["//evil.example", "https://evil.example", "/\\evil.example", ""])
def test_signing_in_leads_to_no_other_site(client: FlaskClient, there: str) -> None:
    assert submit(client, f"/sign-in?next={there}", name="ada").location == "/"


def test_after_signing_out_nothing_is_shown_and_nothing_is_asked(
    canned: CannedProvider, client: FlaskClient
) -> None:
    url = chat(sign_in(client))
    assert submit(client, "/sign-out").location == "/"

    assert client.get(url).location.startswith("/sign-in")
    response = post(client, url, "hello")
    assert (response.status_code, response.json["code"]) == (401, "auth")
    assert response.json["message"] == "You are not signed in. Sign in, then ask again."
    assert submit(client, url, question="hello").location.startswith("/sign-in")
    assert canned.log.entries() == []


def test_a_session_is_renewed_where_somebody_signs_in(client: FlaskClient) -> None:
    with client.session_transaction() as session:
        session["left behind"] = True
    sign_in(client)
    with client.session_transaction() as session:
        assert "left behind" not in session


def test_a_reader_who_is_not_in_the_database_any_more_has_to_sign_in(client: FlaskClient) -> None:
    with client.session_transaction() as session:
        session["reader"] = "nobody"

    assert client.get("/").location.startswith("/sign-in")
