"""A run fails once, and each of its readers is told that in his own language."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import request
from flask_babel import Babel, Domain

from flask_stream import ProviderError, sse, texts
from flask_stream.errors import SAFE_MESSAGES
from flask_stream.logs.log import LogError
from tests.catalogues import in_language, make_catalogues
from tests.resume.conftest import Paced, ResumableSite, events_of, numbered
from tests.resume.serving import serving

OVERLOADED = SAFE_MESSAGES["overloaded"]


@pytest.fixture(scope="module")
def translations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_catalogues(tmp_path_factory.mktemp("catalogues"), "de", "fr")


@pytest.fixture
def site(site: ResumableSite, translations: Path) -> ResumableSite:
    site.app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(translations)
    Babel(site.app, locale_selector=lambda: request.accept_languages.best_match(["en", "de", "fr"]))
    site.app.config["STREAM_GETTEXT"] = Domain(domain="flask_stream").gettext
    return site


def reads(language: str, **headers: str) -> dict[str, Any]:
    return {"headers": {"Accept-Language": language, **headers}}


def failing(site: ResumableSite) -> Paced:
    words = Paced("One ", "two.")

    def view() -> Iterator[str]:
        yield from words()
        raise ProviderError("overloaded")

    site.view(view)
    return words


def test_two_readers_of_one_run_are_told_in_two_languages(
    site: ResumableSite, caplog: pytest.LogCaptureFixture
) -> None:
    words = failing(site)
    reader = site.reader()
    words.let(1)
    german = sse.decode(reader.post("/", **reads("de")).response)
    start = numbered(next(german))
    url = start.data["url"]
    french = sse.decode(reader.get(url, **reads("fr")).response)
    assert numbered(next(french)).run == start.run
    words.let(1)
    for language, events in (("de", german), ("fr", french)):
        *_, failed = map(numbered, events)
        assert (failed.kind, failed.data["code"]) == ("failed", "overloaded")
        assert failed.data["message"] == in_language(language, OVERLOADED)
    # and who comes later, in each format; the run itself, and the log, have it in English
    assert events_of(reader.get(url, **reads("en")))[-1].data["message"] == OVERLOADED
    whole = reader.get(url, **reads("de", Accept="application/json"))
    assert whole.json["error"]["message"] == in_language("de", OVERLOADED)
    page = reader.get(url, **reads("fr", Accept="text/html"))
    assert in_language("fr", OVERLOADED) in page.text
    [result] = site.finished
    assert result.error.message == OVERLOADED
    assert "«" not in caplog.text


def test_a_form_of_a_resumable_route_is_told_too(site: ResumableSite) -> None:
    failing(site).let(2)
    page = site.reader().post("/", **reads("de", Accept="text/html"))
    assert (page.status_code, in_language("de", OVERLOADED) in page.text) == (503, True)


def test_what_is_refused_is_told_too(site: ResumableSite) -> None:
    site.view(lambda: ["One."])
    reader = site.reader()
    for language in ("de", "fr"):
        gone = reader.get(f"/_stream/{'0' * 32}", **reads(language))
        assert (gone.status_code, gone.json["code"]) == (404, "gone")
        assert gone.json["message"] == in_language(language, texts.GONE)
        wrong = reader.post("/", **reads(language, **{"Flask-Stream": "lose"}))
        assert wrong.json["message"] == in_language(language, "Flask-Stream: must be find or stop.")
        key = reader.post("/", **reads(language, **{"Idempotency-Key": "k" * 256}))
        assert key.json["message"].endswith("such as a UUID. It has 256.")
        assert key.json["message"].startswith(f"«{language}» Idempotency-Key must")


def test_a_page_that_asks_for_a_run_is_told_too(
    site: ResumableSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise LogError("the disk is gone")

    @site.app.get("/page")
    def page() -> str:
        return str(site.stream.active("key"))

    site.stream.owner(lambda: "ann")
    monkeypatch.setattr("flask_stream.detached.keeper.Keeper.newest", broken)
    answer = site.reader().get("/page", **reads("de"))
    assert answer.status_code == 503
    assert in_language("de", texts.CANNOT_KEEP) in answer.text


def test_on_gunicorn_the_readers_of_a_worker_that_died_are_told_so(
    translations: Path, tmp_path: Path
) -> None:
    with serving(
        tmp_path / "server",
        f"sqlite:///{tmp_path / 'runs'}",
        app="tests.resume.languages_site:app",
        workers=2,
        STREAM_LEASE_SECONDS=2,
        BABEL_TRANSLATION_DIRECTORIES=str(translations),
    ) as server:
        begun = server.request("POST", "/say/hello/10000/20", {"Accept-Language": "de"})
        start = next(event for event in sse.decode(begun) if event.type == "start")
        [[_, worker]] = server.asked()
        os.kill(worker, signal.SIGKILL)
        for language in ("de", "fr"):
            answer = server.request(
                "GET", json.loads(start.data)["url"], {"Accept-Language": language}
            )
            *_, failed = sse.decode([answer.read()])
            told = json.loads(failed.data)
            assert told["code"] == "interrupted"
            assert told["message"] == in_language(language, SAFE_MESSAGES["interrupted"])
