"""Every snippet of docs/words.md runs in Chromium, and its table has the client's languages."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from flask_stream import FlaskStream
from tests.browser.client_server import STRICT_CSP, Site
from tests.browser.on_page import status
from tests.browser.on_words import LANGUAGES, SRC, words_of
from tests.conftest import ROOT

pytestmark = pytest.mark.browser

DOC = ROOT / "docs" / "words.md"
TEXT = DOC.read_text(encoding="utf-8")
INLINE = f"{STRICT_CSP}; script-src 'self' 'unsafe-inline'"
# A part of each snippet, by which its test finds it.
HTML = {"language": 'lang="de"', "own": "data-stream-words", "map": "importmap", "rtl": "rtl"}
JS = {"words": "words({"}


@pytest.fixture
def page(strict_page: Page) -> Page:
    return strict_page


def snippets(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def snippet(language: str, part: str) -> str:
    [found] = [code for code in snippets(language) if part in code]
    return found


def client_app() -> Flask:
    """With the client's files where the site has them."""
    app = Flask("client", static_folder=None)
    app.config["STREAM_URL_PREFIX"] = "/static"
    FlaskStream(app)
    return app


def open_template(
    page: Page, site: Site, template: str, csp: str = STRICT_CSP, *, app: Flask | None = None
) -> None:
    """Show what an app makes of a template."""
    app = app or client_app()
    with app.test_request_context():
        html = app.jinja_env.from_string(template).render()
    recorder = '<script src="/recorder.js"></script>'
    site.pages["/"] = (f"<!doctype html><meta charset=utf-8>{html}{recorder}", csp)
    page.goto(site.url)


def test_each_snippet_is_tried() -> None:
    assert set(re.findall(r"^```(\w*)$", TEXT, re.MULTILINE)) == {"", "html", "js"}
    for language, parts in [("html", HTML), ("js", JS)]:
        tried = [snippet(language, part) for part in parts.values()]
        assert sorted(tried) == sorted(snippets(language))


def test_a_page_in_german_is_answered_in_german(page: Page, site: Site) -> None:
    open_template(page, site, snippet("html", HTML["language"]))
    page.get_by_label("Deine Frage").fill("Warum?")
    page.get_by_role("button", name="Fragen").click()
    exchange = site.request("/chat").begin()
    german = words_of("de")
    expect(page.locator("[data-stream=stop]")).to_have_text(german["Stop"])
    exchange.cut()
    cut_off = "The connection was lost: this answer was cut off."
    expect(status(page)).to_have_text(german[cut_off])


def test_a_page_has_its_own_words(page: Page, site: Site) -> None:
    open_template(page, site, snippet("html", HTML["own"]))
    exchange = site.request("/answer").begin().send("tool_call_start", id="1", name="wetter")
    expect(status(page)).to_have_text("Einen Moment…")
    expect(page.locator("[data-part=tool]")).to_have_text("wetter wird gefragt…")
    exchange.send("failed", code="overloaded", message="Whatever comes.").end()
    expect(status(page)).to_contain_text("Gerade ist viel los.")


def test_what_the_server_has_translated_is_named_by_that(page: Page, site: Site) -> None:
    own = (
        '<script type="application/json" data-stream-words>{}</script>{{{{ stream_chat("/ask") }}}}'
    )
    german = {"Send": "Abschicken"}
    for words, shown in [('{"Send": "Los"}', "Abschicken"), ('{"Abschicken": "Los"}', "Los")]:
        app = client_app()
        app.config["STREAM_GETTEXT"] = lambda text: german.get(text, text)
        open_template(page, site, own.format(words), app=app)
        expect(page.locator("[data-chat=send][title]")).to_have_text(shown)


def test_a_module_gives_other_words(page: Page, site: Site) -> None:
    module = f"<script type=module>{snippet('js', JS['words'])}</script>"
    button = "<button id=french>Français</button>"
    template = snippet("html", HTML["map"]) + "{{ stream_script() }}" + button + SRC + module
    open_template(page, site, template, INLINE)
    exchange = site.request("/answer").begin()
    expect(page.locator("[data-stream=stop]")).to_have_text("Stop")
    page.click("#french")
    expect(page.locator("[data-stream=stop]")).to_have_text("Ça suffit")
    expect(status(page)).to_have_text(words_of("fr")["Generating…"])
    exchange.send("text", text="Oui").finish("Oui")
    expect(status(page)).to_have_text(words_of("fr")["Complete"])


def test_a_page_in_arabic_goes_from_right_to_left(page: Page, site: Site) -> None:
    open_template(page, site, snippet("html", HTML["rtl"]))
    exchange = site.request("/answer").begin().send("tool_call_start", id="1", name="get_weather")
    tool = page.locator("[data-part=tool]")
    expect(tool).to_have_text(words_of("ar")["Using {}…"].format("get_weather"))
    expect(tool).to_have_css("direction", "rtl")
    expect(tool.locator("bdi")).to_have_text("get_weather")
    exchange.end()


def test_the_table_has_the_languages_that_there_are() -> None:
    assert re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE) == LANGUAGES


def test_its_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#([^)]*))?\)", TEXT)
    assert links
    for path, anchor in links:
        file = (DOC.parent / path).resolve()
        assert file.is_file(), path
        heading = re.compile(rf"^#+ {anchor}$", re.MULTILINE | re.IGNORECASE)
        assert not anchor or heading.search(file.read_text(encoding="utf-8")), anchor
