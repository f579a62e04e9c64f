"""All that the app says, in the reader's language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from flask import Flask
from flask.testing import FlaskClient

from example_app.canned_answers import trick_of
from example_app.languages import LANGUAGES
from example_app.suggestions import afterwards
from flask_stream.errors import SAFE_MESSAGES
from flask_stream.texts import SIGN_IN, TOO_MANY_OF_READER
from tests.catalogues import LABELS
from tests.example.asking import chat, notes, post, sign_in, submit
from tests.example.server import ROOT

TRANSLATED = sorted(LANGUAGES.keys() - {"en"})
FOLDER = ROOT / "example_app"
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2.ext:babel_extract")]


def said() -> Iterator[str]:
    """What stands in the source to be translated."""
    keywords = {**DEFAULT_KEYWORDS, "lazy_gettext": None}
    for _, _, text, _, _ in extract_from_dir(FOLDER, METHODS, keywords=keywords):
        assert isinstance(text, str)
        yield text


def catalog(language: str, domain: str = "messages") -> Catalog:
    path = FOLDER / "translations" / language / "LC_MESSAGES" / f"{domain}.po"
    return read_po(BytesIO(path.read_bytes()), locale=language)


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_language_has_all_that_the_app_says_and_nothing_else(language: str) -> None:
    messages = {message.id: message for message in catalog(language) if message.id}

    assert messages.keys() == {*said()}
    for id, message in messages.items():
        assert message.string, id
        assert not message.fuzzy, id
        holes = r"%\(\w+\)s|\{\}"
        assert sorted(re.findall(holes, message.string)) == sorted(re.findall(holes, id))


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_language_has_what_flask_stream_says_to_readers(language: str) -> None:
    messages = catalog(language, "flask_stream")

    for text in (*SAFE_MESSAGES.values(), *LABELS, SIGN_IN, TOO_MANY_OF_READER):
        assert messages[text].string, text


@pytest.mark.parametrize("language", TRANSLATED)
@pytest.mark.parametrize("domain", ["messages", "flask_stream"])
def test_what_is_compiled_is_what_is_written(language: str, domain: str) -> None:
    """`make translations` mends it."""
    compiled = FOLDER / "translations" / language / "LC_MESSAGES" / f"{domain}.mo"
    with compiled.open("rb") as file:
        found = {message.id: message.string for message in read_mo(file) if message.id}

    written = {message.id: message.string for message in catalog(language, domain) if message.id}
    assert found == written


@pytest.mark.parametrize(
    ("accepts", "language", "direction", "word"),
    [
        ("de-AT,de;q=0.9,en;q=0.5", "de", "ltr", "Anmelden"),
        ("ar", "ar", "rtl", "تسجيل الدخول"),
        ("fr,en;q=0.5", "en", "ltr", "Sign in"),
        ("fr", "en", "ltr", "Sign in"),
    ],
)
def test_a_page_is_in_a_language_that_its_reader_reads(
    client: FlaskClient, accepts: str, language: str, direction: str, word: str
) -> None:
    page = client.get("/sign-in", headers={"Accept-Language": accepts}).text

    assert f'<html lang="{language}" dir="{direction}">' in page
    assert f"<h1>{word}</h1>" in page


def test_the_language_that_a_reader_chooses_stays_when_he_signs_in(client: FlaskClient) -> None:
    back = submit(client, "/language", language="ar", next="/race?a=b").location
    assert back == "/race?a=b"
    sign_in(client)

    page = client.get(chat(client)).text
    assert '<html lang="ar" dir="rtl">' in page
    assert 'placeholder="اكتب سؤالك"' in page
    assert 'value="ar" lang="ar" aria-current="true"' in page


def test_another_language_and_another_site_are_refused(client: FlaskClient) -> None:
    assert submit(client, "/language", language="xx").status_code == 400
    assert submit(client, "/language", language="de", next="//evil.example").location == "/"


def test_refusals_and_failures_are_in_the_readers_language(reader: FlaskClient) -> None:
    submit(reader, "/language", language="de")
    assert post(reader, "/chat", " ").json["message"] == "Bitte zuerst eine Frage eingeben."
    failed = post(reader, "/chat", "cut", "application/json").json
    assert failed["error"]["message"] == "Die Antwort wurde vor ihrem Ende abgeschnitten."
    assert notes(reader) == ["Die Antwort wurde vor ihrem Ende abgeschnitten."]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_canned_provider_knows_its_tricks_in_each_language(app: Flask, language: str) -> None:
    with app.test_request_context(headers={"Accept-Language": language}):
        asked: list[str] = []
        while further := afterwards(asked):
            asked += further

    tricks = {trick_of(question) for question in asked}
    assert tricks == {"none", "cut", "error", "rate limit", "slow start"}
