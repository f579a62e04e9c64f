"""docs/languages.md has all texts, its snippet runs, and what it says is so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request

from flask_stream import FlaskStream, ProviderError, texts
from flask_stream.errors import SAFE_MESSAGES
from tests.catalogues import DOC, LABELS, in_language, listed, make_catalogues
from tests.conftest import events_of


def test_the_list_has_all_texts_and_no_others() -> None:
    assert {message.id for message in listed() if message.id} == {*texts.MESSAGES, *LABELS}


def test_each_snippet_is_in_a_language_that_is_tried() -> None:
    assert re.findall(r"^```(\w+)$", DOC, re.MULTILINE) == ["python", "po"]


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    """An app with the page's snippet, and with a German catalogue."""
    make_catalogues(tmp_path, "de")
    app = Flask("site", root_path=str(tmp_path))
    stream = FlaskStream(app)

    @app.get("/")
    @stream.response
    def view() -> Iterator[str]:
        yield "One."
        raise ProviderError("overloaded")

    [code] = re.findall(r"^```python\n(.*?)^```", DOC, re.MULTILINE | re.DOTALL)
    exec(code, {"app": app, "request": request})
    return app


def ask(app: Flask, language: str, **headers: str) -> Any:
    return app.test_client().get("/", headers={"Accept-Language": language, **headers})


def test_each_reader_is_told_in_his_language(app: Flask) -> None:
    overloaded = SAFE_MESSAGES["overloaded"]
    for language, message in {
        "de": in_language("de", overloaded),
        "en": overloaded,
        "fr": overloaded,  # which the app does not have
    }.items():
        assert events_of(ask(app, language).response)[-1][1]["message"] == message


def test_what_differs_is_put_into_the_translation(app: Flask) -> None:
    refused = ask(app, "de", **{"Flask-Stream-Submission": "two words"})
    assert refused.json["message"] == in_language(
        "de",
        "Flask-Stream-Submission must have between 1 and 255 characters, all of them visible "
        "ASCII, such as a UUID. It has 9.",
    )
